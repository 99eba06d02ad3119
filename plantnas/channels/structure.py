"""The tables that an analysis fills: channel groups, and which tensor dimensions they size.

Plain data that pickles, and the arithmetic on it (shapes, costs, positions), for which no network
is built or run. How the tables are found is in groups.py; what is done with them in planting.py.
"""

import math
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from types import MappingProxyType
from typing import Literal, NamedTuple

from plantnas.channels.channel_group import ChannelGroup, check_growable, find_group
from plantnas.channels.counted import Activation, Buffer, Segment, WeightUse
from plantnas.errors import PlantingError
from plantnas.grouping import grouped

__all__ = [
    "Activation",
    "Buffer",
    "ChannelGroup",
    "Role",
    "Run",
    "Segment",
    "Structure",
    "TensorAxis",
    "WeightUse",
    "WeightWiring",
    "check_growable",
    "classifier_tensors",
    "find_group",
    "shared_regions",
]

Role = Literal["rows", "columns", "entries"]
Index = tuple[slice, ...]
Shape = tuple[int, ...]

SAME_WIDTHS: Mapping[str, int] = MappingProxyType({})
"""No group has another width than the structure's own."""


class Run(NamedTuple):
    """A stretch of a dimension whose channels were planted in the same step."""

    step: int
    start: int
    stop: int


@dataclass(frozen=True)
class TensorAxis:
    """One dimension of one tensor, sized by channel groups.

    Attributes:
        tensor: Name in `model.state_dict()`, such as "layer1.0.conv1.weight".
        dimension: Index of the dimension.
        segments: The stretches of the dimension in order; a concatenation makes several.
        role: "rows" are a layer's outputs, "columns" its inputs, "entries" one value a channel.
    """

    tensor: str
    dimension: int
    segments: tuple[Segment, ...]
    role: Role

    def size(self, widths: Mapping[str, int]) -> int:
        """Entries of the dimension if the groups have these widths."""
        return sum(widths[group] * block for group, block in self.segments)

    def stretches(
        self, narrow: Mapping[str, int], wide: Mapping[str, int]
    ) -> list[tuple[slice, slice]]:
        """Where a narrow network's entries are: each segment's slice of it, and of the wide one."""
        slices, at, wide_at = [], 0, 0
        for group, block in self.segments:
            size = narrow[group] * block
            slices.append((slice(at, at + size), slice(wide_at, wide_at + size)))
            at += size
            wide_at += wide[group] * block
        return slices

    def runs(self, ancestors: Sequence[Mapping[str, int]], widths: Mapping[str, int]) -> list[Run]:
        """When the entries were planted, as stretches in order.

        Args:
            ancestors: The widths of every group in each network that was planted from, the seed
                first.
            widths: The present ones.
        """
        found, at = list[Run](), 0
        for group, block in self.segments:
            start = at
            for step, width in enumerate([*(each[group] for each in ancestors), widths[group]]):
                end = start + min(width, widths[group]) * block
                if end > at:
                    found.append(Run(step, at, end))
                    at = end
        return found


class WeightWiring(NamedTuple):
    """When the channels of a weight were planted: a row sees the columns up to its own step.

    Attributes:
        row_dimension: Dimension of the rows.
        rows: Their stretches in order.
        column_dimension: Dimension of the columns; None if their number is constant, as in a
            depthwise convolution, whose rows see the inputs of their own channel alone.
        columns: Their stretches in order.
    """

    row_dimension: int
    rows: list[Run]
    column_dimension: int | None
    columns: list[Run]

    def left_out(self, shape: Shape) -> int:
        """How many entries of a weight of this shape there are not."""
        if self.column_dimension is None:
            return 0
        pairs = sum(
            (row.stop - row.start) * (column.stop - column.start)
            for row in self.rows
            for column in self.columns
            if column.step > row.step
        )
        kernel = math.prod(shape) // (shape[self.row_dimension] * shape[self.column_dimension])
        return pairs * kernel


@dataclass(frozen=True)
class Structure:
    """All that planting, cropping, narrowing and costs need to know about an architecture.

    Attributes:
        groups: All channel groups by name, growable and frozen, in the order in which they run.
        axes: Every tensor dimension that groups size. Dimensions that are not listed are constant.
        weight_uses: Every use of a weight in evaluation mode, for the cost in MACs.
        shapes: The shape of every parameter and buffer, under each of its names.
        parameter_names: The parameters among them; one that several modules share is there once.
        ancestors: Where wiring is triangular, the widths of every group in each network that this
            one was planted from, the seed first: a channel has no input from one of a later step.
            None where wiring is dense.
        analysed_shapes: The shapes of the network that was analysed, if this one was derived of it:
            a network of other widths is read as that one was.
        buffers: What a file of the network has beside its parameters.
        activations: All that an image becomes in evaluation mode, in the order in which it does.
    """

    groups: dict[str, ChannelGroup]
    axes: tuple[TensorAxis, ...]
    weight_uses: tuple[WeightUse, ...]
    shapes: dict[str, Shape]
    parameter_names: tuple[str, ...]
    ancestors: tuple[Mapping[str, int], ...] | None = None
    analysed_shapes: dict[str, Shape] | None = field(default=None, compare=False)
    buffers: tuple[Buffer, ...] = ()
    activations: tuple[Activation, ...] = ()

    @property
    def widths(self) -> dict[str, int]:
        """The width of every group."""
        return {name: group.width for name, group in self.groups.items()}

    @property
    def growable(self) -> dict[str, ChannelGroup]:
        """The groups in which channels can be planted."""
        return {name: group for name, group in self.groups.items() if group.growable}

    @property
    def growable_widths(self) -> dict[str, int]:
        """The widths of the groups in which channels can be planted."""
        return {name: group.width for name, group in self.growable.items()}

    @property
    def opened(self) -> "Structure":
        """The structure in which groups grow too whose planting changes the function."""
        groups = {
            name: replace(each, frozen=None) if each.only_crops else each
            for name, each in self.groups.items()
        }
        return replace(self, groups=groups)

    @property
    def closed(self) -> "Structure":
        """The structure in which all planting preserves the function."""
        groups = {
            name: replace(each, frozen=each.frozen or each.mixed)
            for name, each in self.groups.items()
        }
        return replace(self, groups=groups)

    def fixed_but(self, growing: Container[str], reason: str) -> "Structure":
        """The structure in which no other groups grow than these."""
        groups = {
            name: each if name in growing else replace(each, frozen=each.frozen or reason)
            for name, each in self.groups.items()
        }
        return replace(self, groups=groups)

    @property
    def axes_of(self) -> dict[str, list[TensorAxis]]:
        """The axes by tensor name."""
        return grouped((axis.tensor, axis) for axis in self.axes)

    def widths_after(self, planting: Mapping[str, int]) -> dict[str, int]:
        """The widths that the groups of a planting have after it."""
        return {name: self.groups[name].width + new for name, new in planting.items()}

    def after(self, planting: Mapping[str, int]) -> "Structure":
        """The structure of the network with a planting; errors are as for `widths_with`."""
        return self.with_widths(self.widths_after(planting))

    def widths_with(self, changes: Mapping[str, int]) -> dict[str, int]:
        """The widths of all groups after these changes.

        Raises:
            PlantingError: An unknown group, a frozen group with another width than it has, or a
                width that is not a multiple of the group's granularity or below its minimum.
        """
        for name, width in changes.items():
            group = find_group(self.groups, name)
            if width == group.width:
                continue
            check_growable(group)
            if width < group.minimum or width % group.granularity:
                raise PlantingError(
                    f"{name}: width {width} is not allowed, only multiples of {group.granularity} "
                    f"from {group.least} are."
                )
        return {name: changes.get(name, group.width) for name, group in self.groups.items()}

    def fraction_of_widths(self, fraction: float, minimum: int = 1) -> dict[str, int]:
        """A fraction of every growable group's width, rounded to the group's granularity.

        Args:
            fraction: May be over 1.
            minimum: No width becomes smaller than this; a smaller one stays.

        Raises:
            PlantingError: The fraction is not positive.
        """
        if not fraction > 0:
            raise PlantingError(f"Cannot narrow to {fraction} of the widths: it must be positive.")
        widths = {}
        for name, group in self.growable.items():
            blocks = round(group.width * fraction / group.granularity)
            least = math.ceil(max(minimum, group.minimum) / group.granularity)
            widest = max(blocks, group.width // group.granularity)
            widths[name] = group.granularity * min(max(blocks, least), widest)
        return widths

    def with_widths(self, changes: Mapping[str, int]) -> "Structure":
        """The structure of the architecture after these changes; errors as for `widths_with`."""
        widths = self.widths_with(changes)
        groups = {name: replace(group, width=widths[name]) for name, group in self.groups.items()}
        return replace(
            self,
            groups=groups,
            shapes=self.shapes_with(changes),
            analysed_shapes=self.analysed_shapes or self.shapes,
            ancestors=self._ancestors_at(widths),
        )

    def _ancestors_at(self, widths: Mapping[str, int]) -> tuple[Mapping[str, int], ...] | None:
        """The ancestors of the network with these widths; this one is among them if it grows."""
        if self.ancestors is None:
            return None
        inner = [
            {name: min(width, widths[name]) for name, width in each.items()}
            for each in (*self.ancestors, self.widths)
        ]
        return tuple(each for each in inner if each != widths)

    def shapes_with(self, changes: Mapping[str, int] = SAME_WIDTHS) -> dict[str, Shape]:
        """The shape of every tensor after these changes of widths; errors as for `widths_with`."""
        widths = self.widths_with(changes)
        sizes = {name: list(shape) for name, shape in self.shapes.items()}
        for axis in self.axes:
            sizes[axis.tensor][axis.dimension] = axis.size(widths)
        return {name: tuple(each) for name, each in sizes.items()}

    def parameters(self, widths: Mapping[str, int] = SAME_WIDTHS) -> int:
        """Number of parameters that the network has at these widths; buffers don't count.

        Args:
            widths: {group name: number of channels}; groups that are not named keep theirs.

        Raises:
            PlantingError: A width that the network cannot have.
        """
        entries = self.entries(widths)
        return sum(entries[name] for name in self.parameter_names)

    def macs(self, widths: Mapping[str, int] = SAME_WIDTHS) -> int:
        """Multiply-accumulates of all convolutions and linear layers for one image, evaluated.

        Biases, normalisation, activations, pooling and products of activations don't count. The
        image has the size of the example input that the structure was found with. Arguments and
        errors as for `parameters`.
        """
        entries = self.entries(widths)
        return sum(positions * entries[name] for name, positions in self.weight_uses)

    @property
    def wirings(self) -> "dict[str, WeightWiring]":
        """When the rows and columns of each weight were planted, if wiring is triangular.

        The rows of the model's outputs see every column: their weights are not here.
        """
        if self.ancestors is None:
            return {}
        outputs, found = classifier_tensors(self), dict[str, WeightWiring]()
        for name, axes in self.axes_of.items():
            runs = {
                axis.role: (axis.dimension, axis.runs(self.ancestors, self.widths)) for axis in axes
            }
            if "rows" in runs and len(self.shapes[name]) > 1 and name not in outputs:
                found[name] = WeightWiring(*runs["rows"], *runs.get("columns", (None, [])))
        return found

    def entries(self, widths: Mapping[str, int] = SAME_WIDTHS) -> dict[str, int]:
        """How many entries of each tensor there are: what rows do not see does not count.

        Arguments and errors as for `parameters`.
        """
        counts = {name: math.prod(shape) for name, shape in self.shapes_with(widths).items()}
        if self.ancestors is None:
            return counts
        grown = self.with_widths(widths)
        for name, wiring in grown.wirings.items():
            counts[name] -= wiring.left_out(grown.shapes[name])
        return counts


def shared_regions(
    axes: Iterable[TensorAxis],
    dimensions: int,
    narrow: Mapping[str, int],
    wide: Mapping[str, int],
) -> Iterator[tuple[Index, Index]]:
    """The boxes of a tensor that a narrow and a wide network share.

    Args:
        axes: The tensor's axes; every other dimension is taken whole.
        dimensions: The number of the tensor's dimensions.
        narrow: The width of every group in the narrow network.
        wide: The same in the wide one.

    Yields:
        The box's index in the narrow network's tensor, and in the wide one's.
    """
    whole = slice(None)
    stretches = [[(whole, whole)]] * dimensions
    for axis in axes:
        stretches[axis.dimension] = axis.stretches(narrow, wide)
    for box in product(*stretches):
        yield tuple(each for each, _ in box), tuple(each for _, each in box)


MODEL_OUTPUT = "it is the model's output"
"""Why the group of the classes is frozen."""


def classifier_tensors(structure: Structure) -> frozenset[str]:
    """The tensors of the last layer: those whose rows or entries are the model's outputs."""
    outputs = {name for name, group in structure.groups.items() if group.frozen == MODEL_OUTPUT}
    return frozenset(
        axis.tensor
        for axis in structure.axes
        if axis.role != "columns" and any(segment.group in outputs for segment in axis.segments)
    )
