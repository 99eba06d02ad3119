"""One call of a torch function by a model, and how its arguments are found.

What a call does to channels is in the rules (rules.py), which ask for arguments here alone: torch
takes one by its place, by its name, and by NumPy's name.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from torch import Size, Tensor
from torch.overrides import resolve_name
from torch.utils._pytree import tree_leaves

from plantnas.channels.containers import tensors_in


@dataclass(frozen=True)
class Call:
    """One call of a torch function by the model."""

    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    result: Any

    def argument(self, index: int, name: str, default: Any = None) -> Any:
        """An argument, by its place or by any of the names that torch takes it by."""
        if index < len(self.args):
            return self.args[index]
        spellings = (each for each in (name, *ALIASES.get(name, ())) if each in self.kwargs)
        return self.kwargs.get(next(spellings, name), default)

    def integers(self, index: int, name: str) -> tuple[int, ...]:
        """An argument that is one integer or several; empty if it is not given."""
        given = self.argument(index, name)
        if is_integer(given):
            return (given,)
        return tuple(given) if isinstance(given, Sequence) else ()

    def listed(self, index: int, name: str) -> tuple[int, ...]:
        """The last argument, of several integers, which may also be given one by one."""
        return self.integers(index, name) if len(self.args) <= index + 1 else self.args[index:]

    def dimensions(self, index: int, name: str) -> set[int]:
        """The input's dimensions that an argument names, one or several; all if it is not given."""
        given = self.integers(index, name) or range(self.input.ndim)
        return {dimension % self.input.ndim for dimension in given}

    @property
    def input(self) -> Any:
        """The first argument."""
        return self.argument(0, "input")

    @cached_property
    def tensors(self) -> list[Tensor]:
        """All tensors among the arguments, also those in lists."""
        return tensors_in((self.args, self.kwargs))

    @property
    def numbers(self) -> str:
        """The numbers and words among the arguments, but for those that are sizes by the rules."""
        kind = getattr(self.function, "__name__", "")
        if kind in ONLY_SIZES:
            return ""
        args, kwargs = self.args, dict(self.kwargs)
        if kind in SIZES:
            index, name = SIZES[kind]
            args = (*args[:index], *args[index + 1 :])
            kwargs.pop(name, None)
        return repr([leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, PLAIN)])

    @property
    def others(self) -> list[Tensor]:
        """All tensors among the arguments but the first argument."""
        return [tensor for tensor in self.tensors if tensor is not self.input]

    @property
    def name(self) -> str:
        """The function's name, such as "torch.cat"."""
        return str(resolve_name(self.function) or getattr(self.function, "__name__", "a function"))


def is_integer(value: Any) -> bool:
    """Whether an argument is a whole number; Python's booleans, which torch has beside, are not."""
    return isinstance(value, int) and not isinstance(value, bool)


PLAIN = (bool, int, float, complex, str, Size)

ONLY_SIZES = {
    "__getitem__", "broadcast_to", "expand", "narrow", "narrow_copy", "new_empty", "new_ones",
    "new_zeros", "repeat", "reshape", "split", "split_with_sizes", "tile", "unflatten",
    "unsafe_split", "unsafe_split_with_sizes", "view",
}  # fmt: skip
"""Functions whose numbers are sizes and indices, which their rules read."""

SIZES = {
    **dict.fromkeys(
        ("conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d"),
        (6, "groups"),
    ),
    "group_norm": (1, "num_groups"),
    "layer_norm": (1, "normalized_shape"),
    "new_full": (1, "size"),
    "rms_norm": (1, "normalized_shape"),
}
"""Functions of whose arguments one is a size, or a number of groups, which their rules read."""

ALIASES: Mapping[str, tuple[str, ...]] = {
    "input": ("self", "tensor", "x", "a", "x1"),
    "other": ("x2", "mat2"),
    "dim": ("axis", "dimension"),
    "dim0": ("axis0",),
    "dim1": ("axis1",),
    "keepdim": ("keepdims",),
}
"""NumPy's names of arguments, which torch takes too, and those by which some operators differ."""
