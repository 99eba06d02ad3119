"""Weights out of a file are checked before a network takes them. Nothing here reads a file."""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from plantnas.errors import shown

BATCHES = "num_batches_tracked"
"""The end of the name of a BatchNorm's count of batches."""

NEVER_NEGATIVE = ("running_var", BATCHES)
"""The ends of the names of BatchNorm's variances and counts."""


def problem_of(state: Mapping[str, object], own: Mapping[str, Tensor]) -> str | None:
    """What no network could have had of a state, in a line, or None.

    Names and shapes that differ from the network's are left to `load_state_dict`.

    Args:
        state: What a file holds: names should be text, and all else tensors.
        own: The state of the network that is to take it.
    """
    for name, tensor in state.items():
        if not isinstance(name, str):
            return f"the name {shown(name)} of a tensor is no text."
        if type(tensor) not in (Tensor, nn.Parameter):
            return f"{shown(name)} is a {type(tensor).__name__}, where a Tensor is needed."
        assert isinstance(tensor, Tensor)
        if name in own and (problem := _problem(name, tensor, own[name])) is not None:
            return f"{shown(name)} {problem}"
    return None


def load_state(network: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Puts a state into a network, as one of this very version of its modules.

    safetensors, and any other plain dict, do not keep the versions that torch writes beside a
    state. Some modules refuse a state without one (torchvision's MNASNet), and others take it for
    one of their first version. Weights that another framework has trained, or torch long ago, have
    no BatchNorm's count of batches: the network keeps its own.

    Raises:
        RuntimeError: torch's: names or shapes are others.
    """
    versioned: Any = OrderedDict(tensors)
    own: Any = network.state_dict()
    for name in own.keys() - tensors.keys():
        if name.endswith(BATCHES):
            versioned[name] = own[name]
    versioned._metadata = getattr(tensors, "_metadata", own._metadata)
    network.load_state_dict(versioned)


def _problem(name: str, tensor: Tensor, needed: Tensor) -> str | None:
    if tensor.layout != torch.strided or tensor.is_quantized or tensor.device.type != "cpu":
        return f"is a tensor of layout {tensor.layout} on {tensor.device}, not one of numbers."
    if _kind(tensor) != _kind(needed):
        return f"has dtype {tensor.dtype}, where {needed.dtype} is needed."
    if tensor.shape != needed.shape:
        return None
    taken = tensor.to(needed.dtype)
    if taken.is_floating_point() and not taken.isfinite().all():
        return "has values that are not finite."
    if name.endswith(NEVER_NEGATIVE) and (taken < 0).any():
        return "has negative values."
    return None


def _kind(tensor: Tensor) -> str:
    """Which kinds of numbers it has: a network may take other floats, but no integers for them."""
    if tensor.is_floating_point():
        return "floats"
    return "integers" if tensor.dtype in _INTEGERS else str(tensor.dtype)


_INTEGERS = {torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64}
