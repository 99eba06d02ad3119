"""What a Python caller hands over in place of names, for as long as the process lives.

A study says by names what it is made of. An object that no import finds, such as a trained module
or images in memory, gets a name here, `handed/NAME`: that alone is recorded, and no code of it.
Who makes such objects usable is in networks/handed_models.py and training/handed_data.py, how
copies come to workers in calling/shipping.py.
"""

import os
from collections.abc import Sequence
from typing import Any

from plantnas.errors import ConfigurationError

PREFIX = "handed/"
"""How the names begin."""

VARIABLE = "PLANTNAS_HANDED"
"""The environment variable of a worker with the file of the copies that were made for it."""

_things = dict[str, Any]()


def hand_over(name: str, thing: object) -> str:
    """The name that stands for a thing in this process from now on."""
    _things[PREFIX + name] = thing
    return PREFIX + name


def is_handed(name: str) -> bool:
    """Whether a name stands for an object of this process, or of another one."""
    return name.startswith(PREFIX)


def handed(name: str, key: str) -> Any:
    """What was handed over by that name, in this process or to the one that started it.

    Args:
        name: As `hand_over` gave it.
        key: Where it is said, for the message.

    Raises:
        ConfigurationError: It was handed over in another process.
    """
    if name not in _things and VARIABLE in os.environ:
        import torch

        # The process that started this one has written it, for this one alone.
        _things.update(torch.load(os.environ[VARIABLE], mmap=True, weights_only=False))
    if name not in _things:
        raise ConfigurationError(
            f"{key}: {name!r} is an object that plantnas.search was given in another process; "
            "call it in this one with the same objects and storage, and go on with what it returns."
        )
    return _things[name]


def handed_things(names: Sequence[str]) -> dict[str, Any]:
    """Those of these names that stand for objects of this process, with the objects."""
    return {name: _things[name] for name in names if name in _things}
