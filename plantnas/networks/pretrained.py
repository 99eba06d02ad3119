"""Weights that a network starts from: torchvision's pretrained ones, or a user's checkpoint."""

import warnings
from collections.abc import Set
from io import BytesIO
from pathlib import Path
from typing import Any

import torch
from torch import nn

from plantnas.errors import ConfigurationError, one_line
from plantnas.files import read_file
from plantnas.modules import WRAPPERS
from plantnas.networks.states import problem_of
from plantnas.search_space import SearchSpace

DEFAULT = "DEFAULT"
"""Stands for torchvision's best weights of an architecture."""

COUNT_OF_AVERAGED = "n_averaged"
"""What torch.optim.swa_utils.AveragedModel has of its own in a checkpoint."""


def load_pretrained(
    network: nn.Module, space: SearchSpace, weights: str, classifier: Set[str]
) -> list[str]:
    """Gives a network pretrained weights, in place.

    Args:
        network: At the widths of the weights. Its classifier stays as it is where the weights' has
            another shape, as it has for another number of classes.
        space: What the network was built from.
        weights: `DEFAULT` for torchvision's, from the disk or downloaded; or the path of a
            checkpoint: a state_dict, or a dict with one as `state_dict` or `model`.
        classifier: Names of the tensors of the network's last layers.

    Returns:
        The names of the classifier's tensors that stay as they are.

    Raises:
        ConfigurationError: The weights cannot be had, or are not of this architecture.
    """
    place = f"search_space.teacher.weights: {weights}"
    state = _torchvision_state(space, place) if weights == DEFAULT else _checkpoint(weights, place)
    own = network.state_dict()
    problem = problem_of(state, {})
    if problem is None:
        state = _of_the_module(state, own.keys())
        problem = problem_of(state, own)
    if problem is not None:
        raise ConfigurationError(f"{place}: {problem}")
    fresh = [
        name
        for name in own
        if name in classifier & state.keys() and state[name].shape != own[name].shape
    ]
    state |= {name: own[name] for name in fresh}
    try:
        network.load_state_dict(state)
    except Exception as error:  # a module of the user's may have code of its own for it
        first, *more_lines = (line.strip() for line in str(error).splitlines() or [repr(error)])
        reasons = more_lines or [first]
        more = f" And {len(reasons) - 1} more." if len(reasons) > 1 else ""
        raise ConfigurationError(
            f"{place}: does not fit {space.architecture!r}: {_shortened(reasons[0])}{more}"
        ) from error
    return fresh


def _torchvision_state(space: SearchSpace, where: str) -> dict[str, Any]:
    from torchvision import models

    name = space.architecture.removeprefix("torchvision/")
    arguments = dict(space.arguments)
    if name == "googlenet":
        arguments.setdefault("aux_logits", True)  # left out by default only where weights are given
    try:
        network = models.get_model(name, weights=DEFAULT, progress=False, **arguments)
    except Exception as error:  # a damaged file makes torch raise anything
        raise ConfigurationError(f"{where}: cannot be had: {_shortened(str(error))}") from error
    state: dict[str, Any] = network.state_dict()
    return state


def _checkpoint(file_name: str, where: str) -> dict[str, Any]:
    try:
        file = BytesIO(read_file(Path(file_name)))
    except OSError as error:
        raise ConfigurationError(f"{where}: cannot be read: {error.strerror}.") from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what is damaged, an error tells
            content = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file makes torch raise anything
        raise ConfigurationError(
            f"{where}: is no checkpoint that torch.load reads with weights_only=True."
        ) from error
    for key in ("state_dict", "model"):
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
    if not isinstance(content, dict) or not any(map(torch.is_tensor, content.values())):
        raise ConfigurationError(f"{where}: holds no state_dict.")
    return dict(content)  # without the versions of its modules, which may be anything


def _of_the_module(state: dict[str, Any], own: Set[str]) -> dict[str, Any]:
    """The tensors of a checkpoint by the names that the module has for them.

    What compiles, distributes or averages a module puts its own name before each.
    """
    for prefix in sorted({f"{name}." for name in WRAPPERS.values()}):
        inside = {key: value for key, value in state.items() if key.startswith(prefix)}
        others = state.keys() - inside.keys() - {COUNT_OF_AVERAGED}
        if inside and not others and not own & inside.keys():
            unwrapped = {key.removeprefix(prefix): value for key, value in inside.items()}
            return _of_the_module(unwrapped, own)
    return state


def _shortened(message: str) -> str:
    line = one_line(message)
    return line if len(line) <= 200 else f"{line[:200]}..."
