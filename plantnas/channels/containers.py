"""The tensors in whatever a model's code passes around: containers, dataclasses, any object."""

import enum
from collections import deque
from collections.abc import Iterator, KeysView, Mapping, ValuesView
from functools import partial
from types import EllipsisType, FunctionType, MethodType, NoneType
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from plantnas.errors import UnsupportedArchitecture
from plantnas.modules import UNCHANGED

PLAIN = (
    *(NoneType, bool, int, float, complex, str, bytes, EllipsisType, enum.Enum, type, nn.Module),
    *(torch.dtype, torch.device, torch.layout, torch.memory_format, torch.Generator),
)
"""What holds no activation."""
ITERABLE = (tuple, list, set, frozenset, deque, KeysView, ValuesView)

LOGITS = ("logits", "out")
"""What the logits are called where what is returned has names, the first one first."""

FUNCTIONS = (FunctionType, MethodType, partial)


def tensors_in(value: Any) -> list[Tensor]:
    """All tensors in nested containers, and in the attributes of objects, in order."""
    if type(value) is Tensor:  # as most are
        return [value]
    return [leaf for leaf in _leaves(value) if isinstance(leaf, Tensor)]


def logits_in(answer: Any) -> Tensor:
    """The logits of what a network returns: itself, what has one of the names, or the first tensor.

    A network may return more: auxiliary heads in training, a dict, a tuple. Nothing else of it is
    trained or measured.

    Raises:
        UnsupportedArchitecture: It has no tensor.
    """
    if isinstance(answer, Tensor):
        return answer
    for name in LOGITS:
        found = answer.get(name) if isinstance(answer, Mapping) else getattr(answer, name, None)
        if isinstance(found, Tensor):
            return found
    for tensor in tensors_in(answer):
        return tensor
    raise UnsupportedArchitecture(
        f"the model returns a {type(answer).__name__} without a tensor, where logits are needed."
    )


def opaque_in(value: Any) -> list[Any]:
    """What is in a value of which nobody can say whether it holds tensors, such as a generator."""
    return [leaf for leaf in _leaves(value) if not isinstance(leaf, Tensor)]


def _leaves(value: Any) -> Iterator[Any]:
    """The tensors of a value, and what can be neither looked into nor passed by."""
    pending, seen = [value], dict[int, Any]()
    while pending:
        each = pending.pop()
        if isinstance(each, Tensor):
            yield each
        elif type(each) not in UNCHANGED and (
            not isinstance(each, PLAIN) and not hasattr(each, "__array__") and id(each) not in seen
        ):
            inside = _inside(each)
            if inside is None:
                yield each
            else:
                seen[id(each)] = each  # is kept alive, so that its id stays its
                pending += reversed(inside)


def _inside(container: Any) -> list[Any] | None:
    """What a container holds, and what are an object's attributes; None if it is neither."""
    if type(container) in (tuple, list):
        return list(container)
    if isinstance(container, slice):
        return [container.start, container.stop, container.step]
    slots = [
        vars(kind)["__slots__"] for kind in type(container).__mro__ if "__slots__" in vars(kind)
    ]
    names = [name for each in slots for name in ([each] if isinstance(each, str) else each)]
    attributes = [getattr(container, name) for name in names if hasattr(container, name)]
    attributes += getattr(container, "__dict__", {}).values()
    if isinstance(container, Mapping):
        return [*container.values(), *attributes]
    if isinstance(container, ITERABLE):
        return [*container, *attributes]
    leaves = tree_leaves(container)  # of a kind that its user has told torch of
    if len(leaves) != 1 or leaves[0] is not container:
        return [*leaves, *attributes]
    is_object = bool(slots) or hasattr(container, "__dict__")
    return attributes if is_object and not isinstance(container, FUNCTIONS) else None
