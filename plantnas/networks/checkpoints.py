"""The state of a network out of a user's checkpoint, whatever it lies in and is called there.

Weights alone are read: nothing that a file has pickled is run. Whether they fit a network, and
what it takes of them, is in pretrained.py.
"""

import re
import warnings
from collections.abc import Set
from io import BytesIO
from itertools import accumulate
from pathlib import Path
from typing import Any, NamedTuple

import safetensors.torch
import torch
from safetensors import SafetensorError

from plantnas.errors import ConfigurationError, first_line
from plantnas.files import read_file
from plantnas.modules import WRAPPERS

AVERAGED = ("state_dict_ema", "model_ema", "ema_state_dict", "ema")
"""What averaged weights are called in a checkpoint: they are evaluated where there are some, and so
timm takes them first."""

TRAINED = ("state_dict", "model_state_dict", "model", "module")
"""What the weights that an optimiser moves are called."""

INSIDE = (*sorted(set(WRAPPERS.values())), "model")
"""What a module is called in what compiles, distributes, averages or trains it."""

BEFORE = re.compile(rf"(?:(?:{'|'.join(INSIDE)})\.)*")
"""Those names before a tensor's own."""

COUNT_OF_AVERAGED = "n_averaged"
"""What torch.optim.swa_utils.AveragedModel has of its own in a checkpoint."""


class Checkpoint(NamedTuple):
    """What of a file is the state of a network.

    Attributes:
        state: Names should be text, and all else tensors.
        source: Where it lies, for messages: "'model_ema'"; the file's name if nowhere else.
    """

    state: dict[Any, Any]
    source: str


class Unwrapped(NamedTuple):
    """A state by the names that a network has for its tensors.

    Attributes:
        state: It.
        prefix: What stood before each name.
        beside: The tensors of the checkpoint that are not below the prefix.
    """

    state: dict[str, Any]
    prefix: str
    beside: list[str]


def read_checkpoint(file_name: str, where: str) -> Checkpoint:
    """The state in a file of torch or safetensors.

    Raises:
        ConfigurationError: There is none; the message begins with `where`.
    """
    try:
        content = read_file(Path(file_name))
    except OSError as error:
        raise ConfigurationError(f"{where}: cannot be read: {error.strerror}.") from error
    if file_name.endswith(".safetensors"):
        try:
            return Checkpoint(dict(safetensors.torch.load(content)), Path(file_name).name)
        except (SafetensorError, RuntimeError, ValueError, LookupError) as error:
            raise ConfigurationError(
                f"{where}: is no safetensors file, or a damaged one: {first_line(error)}."
            ) from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what is damaged, an error tells
            loaded = torch.load(BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file makes torch raise anything
        raise ConfigurationError(
            f"{where}: is no checkpoint that torch.load reads with weights_only=True."
        ) from error
    keys = list[str]()
    while (key := _holder(loaded)) is not None:
        others = [each for each in TRAINED if key in AVERAGED and each in loaded]
        instead = f", averaged weights, in place of {others[0]!r}" if others else ""
        keys.append(f"{key!r}{instead}")
        loaded = loaded[key]
    if not _has_tensors(loaded):
        raise ConfigurationError(f"{where}: holds no state_dict.")
    # Without the versions of its modules, which may be anything.
    return Checkpoint(dict(loaded), " of ".join([*reversed(keys)]) or Path(file_name).name)


def unwrapped(state: dict[str, Any], own: Set[str]) -> Unwrapped:
    """The tensors of a checkpoint by the names that the network has for them.

    What compiles, distributes, averages or trains a module puts its own name before each. What is
    beside it, such as a loss with weights, is no part of the network.

    Args:
        state: As it is in the checkpoint.
        own: The names of the network.
    """
    prefixes = {""}
    for name in state:
        (found,) = BEFORE.findall(name)[:1]
        prefixes.update(accumulate(f"{each}." for each in found.split(".")[:-1]))
    prefix = max(
        sorted(prefixes, key=len),
        key=lambda each: len([name for name in own if each + name in state]),
    )
    inside = {
        name.removeprefix(prefix): tensor
        for name, tensor in state.items()
        if name.startswith(prefix)
    }
    beside = [name for name in state if not name.startswith(prefix)]
    return Unwrapped(inside, prefix, [name for name in beside if name != COUNT_OF_AVERAGED])


def _holder(content: object) -> str | None:
    """The key below which a checkpoint has its state, if it has one."""
    if not isinstance(content, dict):
        return None
    return next((key for key in (*AVERAGED, *TRAINED) if _holds(content.get(key))), None)


def _holds(content: object) -> bool:
    """Whether there are tensors in it, or below one of its keys."""
    return _has_tensors(content) or _holder(content) is not None


def _has_tensors(content: object) -> bool:
    return isinstance(content, dict) and any(map(torch.is_tensor, content.values()))
