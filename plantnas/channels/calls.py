"""One call of a torch function by a model, and how its arguments are found.

What a call does to channels is in the rules (rules.py), which ask for arguments here alone: torch
takes one by its place, by its name, and by NumPy's name.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

from torch import Tensor
from torch.overrides import resolve_name

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
        """All numbers and words among the arguments."""
        return repr(list(_plain_in((self.args, self.kwargs))))

    @property
    def numbers_beside_sizes(self) -> str:
        """The same, but for those that are sizes by the rules; slices of all that there is are."""
        kind = getattr(self.function, "__name__", "")
        if kind in ONLY_SIZES:
            return ""
        if kind == "__getitem__":
            return repr(list(_plain_in(self._chosen())))
        if kind == "group_norm" and (groups := self.argument(1, "num_groups")) > 1:
            # As many channels each, which their rule lets grow by whole groups.
            return f"{self.input.shape[1] / groups} channels a group"
        if kind not in SIZES:
            return self.numbers
        index, name = SIZES[kind]
        args = (*self.args[:index], *self.args[index + 1 :])
        return repr(list(_plain_in((args, {**self.kwargs, name: None}))))

    def _chosen(self) -> list[Any]:
        """What is taken by an index along each dimension."""
        given = self.args[1] if isinstance(self.args[1], tuple) else (self.args[1],)
        behind, chosen = sum(each is not None and each is not Ellipsis for each in given), []
        dimension = 0
        for each in given:
            if each is Ellipsis:
                dimension = self.input.ndim - behind
                continue
            size = self.input.shape[dimension] if dimension < self.input.ndim else 0
            is_whole = isinstance(each, slice) and each.indices(size) == (0, size, 1)
            chosen.append(None if is_whole else each)
            dimension, behind = dimension + (each is not None), behind - (each is not None)
        return chosen

    @property
    def others(self) -> list[Tensor]:
        """All tensors among the arguments but the first argument."""
        return [tensor for tensor in self.tensors if tensor is not self.input]

    @property
    def name(self) -> str:
        """The function's name, such as "torch.cat"."""
        return _name_of(self.function)


@lru_cache(maxsize=4096)
def _name_of(function: Callable[..., Any]) -> str:
    return str(resolve_name(function) or getattr(function, "__name__", "a function"))


def is_integer(value: Any) -> bool:
    """Whether an argument is a whole number; Python's booleans, which torch has beside, are not."""
    return isinstance(value, int) and not isinstance(value, bool)


def _plain_in(value: Any) -> Iterator[Any]:
    """The numbers and words in nested arguments."""
    if isinstance(value, PLAIN):
        yield value
    elif value is None or type(value) is Tensor:
        return
    elif isinstance(value, (tuple, list)):
        for each in value:
            yield from _plain_in(each)
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _plain_in(each)
    elif not isinstance(value, Tensor) and hasattr(value, "__array__"):  # NumPy's, also its numbers
        yield from _plain_in(getattr(value, "tolist", list)())


PLAIN = (bool, int, float, complex, str, slice)

ONLY_SIZES = {
    "broadcast_to", "expand", "repeat", "reshape", "split", "split_with_sizes", "tile",
    "unflatten", "unsafe_split", "unsafe_split_with_sizes", "view",
}  # fmt: skip
"""Functions whose numbers are sizes, which their rules read."""

SIZES = {
    **dict.fromkeys(
        ("conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d"),
        (6, "groups"),
    ),
    "layer_norm": (1, "normalized_shape"),
    "narrow": (3, "length"),
    "narrow_copy": (3, "length"),
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
