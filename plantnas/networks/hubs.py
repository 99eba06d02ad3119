"""Pretrained networks of timm, torchvision and Hugging Face's hub: downloaded, or from the disk.

Weights in a user's own file are in checkpoints.py.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from plantnas.errors import ConfigurationError, one_line
from plantnas.networks.loader import timm_constructor
from plantnas.search_space import DEFAULT, HUB, SearchSpace

LONGEST = 200
"""Characters of a library's message that are shown."""


def pretrained_state(space: SearchSpace, weights: str) -> dict[str, Any]:
    """The state of the pretrained network.

    Args:
        space: Of the architecture; what it says as arguments, the pretrained one is built with.
        weights: `DEFAULT`, or a name of the hub's.

    Raises:
        ConfigurationError: It cannot be had.
    """
    if space.architecture.startswith("torchvision/"):
        return _of_torchvision(space)
    state: dict[str, Any] = network_of_timm(space, weights, pretrained=True).state_dict()
    return state


def network_of_timm(space: SearchSpace, weights: str, **settings: object) -> Any:
    """A network of timm, which knows how images are to be prepared for its pretrained weights.

    Args:
        space: Of the architecture, one of timm's.
        weights: `DEFAULT`, or a name of the hub's.
        settings: More arguments: `pretrained`.

    Raises:
        ConfigurationError: It cannot be had.
    """
    make = timm_constructor(space.architecture.removeprefix("timm/"))
    if weights.startswith(HUB):
        import timm

        make = partial(timm.create_model, weights)
    with _told(weights):
        return make(**{**space.arguments, **settings})


def _of_torchvision(space: SearchSpace) -> dict[str, Any]:
    from torchvision import models

    name = space.architecture.removeprefix("torchvision/")
    arguments = dict(space.arguments)
    if name == "googlenet":
        arguments.setdefault("aux_logits", True)  # left out by default only where weights are given
    with _told(DEFAULT):
        network = models.get_model(name, weights=DEFAULT, progress=False, **arguments)
        state: dict[str, Any] = network.state_dict()
        return state


@contextmanager
def _told(weights: str) -> Iterator[None]:
    """What a library raises is one line, and what it logs of its retries none."""
    hub = logging.getLogger("huggingface_hub")
    level = hub.level
    hub.setLevel(logging.CRITICAL)
    try:
        yield
    except Exception as error:  # a damaged file makes torch raise anything, a network all else
        line = one_line(str(error)) or type(error).__name__
        says = line if len(line) <= LONGEST else f"{line[:LONGEST]}..."
        raise ConfigurationError(
            f"search_space.teacher.weights: {weights}: cannot be had: {says}"
        ) from error
    finally:
        hub.setLevel(level)
