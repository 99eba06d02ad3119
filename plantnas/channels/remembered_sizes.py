"""What modules remember of the sizes of their tensors, in attributes that have to follow them.

Of torch's own modules that is known. Of others it is guessed from values and names, and the guess
is tried before anything grows by it (fixed.py). How tensors get their sizes is in resizing.py.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.conv import _ConvNd

FOLLOWING = "_plantnas_following_sizes"
"""A module's attribute: {name of another attribute: the sizes that it is made of}.

Found when the module is resized first: with one channel, nobody could tell.
"""
NUMBERS_OF_CHANNELS = re.compile(r"(channels?|dims?|features|filters|planes)$")
"""What modules call a number of channels."""
SHAPES = (tuple, list, torch.Size)

Size = int | tuple[str, int]
"""A number, or the (tensor, dimension) whose size it is."""


def update_attributes(module: nn.Module, before: nn.Module) -> None:
    """Makes the sizes that a module remembers agree with its tensors.

    Args:
        module: Has tensors of other shapes than before, and the attributes of before.
        before: The module that it is a copy of.
    """
    if isinstance(module, _ConvNd):
        # The first dimension counts over all groups, the second in each of them.
        first, second = ("in", "out") if module.transposed else ("out", "in")
        size, old = len(module.weight), getattr(module, f"{first}_channels")
        if module.groups > 1:
            module.groups = size * module.groups // old
        setattr(module, f"{first}_channels", size)
        setattr(module, f"{second}_channels", module.weight.shape[1] * module.groups)
    elif isinstance(module, nn.Linear):
        module.out_features, module.in_features = module.weight.shape
    elif isinstance(module, _NormBase):
        entries = next(tensor for _, tensor in _own_tensors(module) if tensor.ndim)
        module.num_features = len(entries)
    elif isinstance(module, nn.LayerNorm | nn.RMSNorm):
        module.normalized_shape = tuple(module.weight.shape)
    elif isinstance(module, nn.GroupNorm):
        if module.num_groups > 1:  # which are as large as before
            module.num_groups = len(module.weight) * module.num_groups // module.num_channels
        module.num_channels = len(module.weight)
    elif isinstance(module, nn.PReLU):
        module.num_parameters = len(module.weight)
    else:
        _follow(module, before)


def _follow(module: nn.Module, before: nn.Module) -> None:
    """Sets what a module of the user's remembers: a shape of a tensor, a number of channels."""
    attributes, tensors = vars(module), dict(_own_tensors(module))
    following: dict[str, tuple[Size, ...]] = attributes.setdefault(FOLLOWING, _found(before))
    for name, sizes in following.items():
        numbers = [
            each if isinstance(each, int) else tensors[each[0]].shape[each[1]] for each in sizes
        ]
        old = attributes[name]
        attributes[name] = numbers[0] if isinstance(old, int) else type(old)(numbers)


def _found(module: nn.Module) -> dict[str, tuple[Size, ...]]:
    """The attributes that tell sizes of the module's tensors, and which sizes these are."""
    found = {}
    for attribute, value in vars(module).items():
        for name, tensor in _own_tensors(module):
            sizes = _sizes_of(attribute, value, name, tensor.shape)
            if sizes:
                found[attribute] = sizes
                break
    return found


def _sizes_of(attribute: str, value: Any, name: str, shape: Sequence[int]) -> tuple[Size, ...]:
    """The sizes of a tensor that an attribute is made of; none if it is something else.

    A shape may have dimensions of one entry beside the tensor's, so that it broadcasts.
    """
    several = [dimension for dimension, size in enumerate(shape) if size > 1]
    if isinstance(value, int) and NUMBERS_OF_CHANNELS.search(attribute):
        return tuple((name, dimension) for dimension in several if shape[dimension] == value)[:1]
    is_shape = type(value) in SHAPES and all(type(each) is int for each in value)
    if not is_shape or not several:
        return ()
    if [each for each in value if each != 1] != [shape[dimension] for dimension in several]:
        return ()
    dimensions = iter(several)
    return tuple(1 if each == 1 else (name, next(dimensions)) for each in value)


def _own_tensors(module: nn.Module) -> Iterator[tuple[str, Any]]:
    yield from module.named_parameters(recurse=False)
    yield from module.named_buffers(recurse=False)
