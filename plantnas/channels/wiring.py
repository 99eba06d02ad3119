"""Triangular wiring: channels get no input from those of a later step.

So what a network computes is a part of what its descendants compute, activation for activation. Its
tensors are kept as an ordinary module's, whose entries that are left out are zero and stay so; what
runs, and is given away, is `wired`: each layer as one convolution a step. Which entries those are
follows from the ancestors' widths, in structure.py.
"""

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from plantnas.channels.groups import known_structure
from plantnas.channels.remembered_sizes import update_attributes
from plantnas.channels.structure import (
    Run,
    Structure,
    WeightWiring,
    classifier_tensors,
    find_group,
)
from plantnas.errors import PlantingError, UnsupportedArchitecture
from plantnas.given import check_channels, check_given
from plantnas.modules import bare, copied

LAYERS = (
    nn.Linear,
    *(nn.Conv1d, nn.Conv2d, nn.Conv3d),
    *(nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d),
)
"""What can run a step at a time. A subclass may do more with its weight than it says."""


def triangular(
    structure: Structure, network: nn.Module, ancestors: Sequence[Mapping[str, int]]
) -> Structure:
    """The structure of a network whose wiring is triangular.

    Channels that go into a layer of another kind than `LAYERS` cannot grow.

    Args:
        structure: The network's, as `analyse` finds it.
        network: The network, or one of other widths.
        ancestors: The widths of the networks that it was planted from, the seed first; groups that
            are not named have the network's.

    Raises:
        UnsupportedArchitecture: No new channel would reach the outputs.
    """
    structure = structure.closed  # old activations must not change
    groups, classifier = dict(structure.groups), classifier_tensors(structure)
    for axis in structure.axes:
        if axis.role != "columns" or axis.tensor in classifier or _is_layer(network, axis.tensor):
            continue
        owner = axis.tensor.rpartition(".")[0]
        kind = type(network.get_submodule(owner)).__name__
        reason = f"its channels go into {owner}, a {kind}, which cannot run a step at a time"
        for name, _ in axis.segments:
            groups[name] = replace(groups[name], frozen=groups[name].frozen or reason)
    found = replace(
        structure,
        groups=groups,
        ancestors=tuple({**structure.widths, **widths} for widths in ancestors),
    )
    if not seen(found, found.growable.keys()):
        frozen = [f"{name}: {each.frozen}" for name, each in groups.items() if each.frozen]
        raise UnsupportedArchitecture(
            f"{type(network).__name__}: with triangular wiring no new channel would reach the "
            f"outputs, since old channels do not see new ones ({'; '.join(frozen)}). Use "
            "search_space.wiring: dense."
        )
    return found


def _is_layer(network: nn.Module, name: str) -> bool:
    owner, _, name = name.rpartition(".")
    return name == "weight" and type(network.get_submodule(owner)) in LAYERS


def seen(structure: Structure, planted: Set[str]) -> set[str]:
    """Those of the planted groups whose new channels reach the outputs, by other new ones.

    Where wiring is dense, all do.
    """
    if structure.ancestors is None:
        return set(planted)
    found, classifier = set[str](), classifier_tensors(structure)
    axes = list(structure.axes_of.items())[::-1]  # the last first: fewer rounds
    while True:
        before = len(found)
        for name, of_weight in axes:
            groups = {axis.role: {group for group, _ in axis.segments} for axis in of_weight}
            if name in classifier or not found.isdisjoint(groups.get("rows", ())):
                found |= groups.get("columns", set()) & planted
        if len(found) == before:
            return found


def left_out(structure: Structure) -> dict[str, Tensor]:
    """The entries of each weight that there are not: bool masks of the weights' shapes."""
    masks = {}
    for name, wiring in structure.wirings.items():
        shape = structure.shapes[name]
        if wiring.left_out(shape):
            assert wiring.column_dimension is not None
            rows = _steps(wiring.rows, wiring.row_dimension, len(shape))
            columns = _steps(wiring.columns, wiring.column_dimension, len(shape))
            masks[name] = (columns > rows).expand(shape)
    return masks


def _steps(runs: Iterable[Run], dimension: int, dimensions: int) -> Tensor:
    """The step of each entry of a dimension, so that it broadcasts with the whole tensor."""
    steps = [run.step for run in runs for _ in range(run.start, run.stop)]
    sizes = [1] * dimensions
    sizes[dimension] = len(steps)
    return torch.tensor(steps).view(sizes)


def wired(
    network: nn.Module,
    example_input: Tensor,
    ancestors: Sequence[Mapping[str, int]],
    *,
    structure: Structure | None = None,
) -> nn.Module:
    """The network of triangular wiring that has the parameters which there are, and no others.

    Each layer with planted channels runs as one convolution a step, over the channels that it sees.

    Args:
        network: An ordinary module, whose entries that are left out count as zero; left untouched.
        example_input: images x channels x height x width.
        ancestors: The widths of the networks that it was planted from, the seed first.
        structure: Its structure, if it is known already.

    Raises:
        PlantingError: An ancestor has a group that the network lacks, or more channels.
        UnsupportedArchitecture: No new channel would reach the outputs.
    """
    network = bare(network)
    structure = known_structure(network, example_input, structure)
    check_given("ancestors", ancestors, (list, tuple), "a list of widths, one of each ancestor,")
    for number, widths in enumerate(ancestors):
        check_channels(f"ancestors: {number}", widths)
        for name, width in widths.items():
            if width > find_group(structure.groups, name).width:
                raise PlantingError(f"ancestors: {number}: {name} is wider than the network's.")
    return wired_as(network, triangular(structure, network, ancestors))


def wired_as(network: nn.Module, structure: Structure) -> nn.Module:
    """The network as its structure says that it is wired; itself where that is densely."""
    wirings = structure.wirings
    if not wirings:
        return network
    child, made, parts = copied(network), dict[int, Stepwise](), dict[Any, nn.Parameter]()
    for weight, wiring in wirings.items():
        owner = weight.rpartition(".")[0]
        layer = network.get_submodule(owner)
        if not _is_layer(network, weight) or _is_whole(wiring):
            continue
        if id(layer) not in made:
            made[id(layer)] = Stepwise(layer, wiring, parts)
        parent, _, name = owner.rpartition(".")
        setattr(child.get_submodule(parent), name, made[id(layer)])
    return child


def whole(network: nn.Module) -> nn.Module:
    """The ordinary module of a wired one: its entries that are left out are zero."""
    child = copied(network)
    for owner, layer in list(child.named_modules(remove_duplicate=False)):
        if isinstance(layer, Stepwise):
            parent, _, name = owner.rpartition(".")
            setattr(child.get_submodule(parent), name, layer.whole())
    return child


def _is_whole(wiring: WeightWiring) -> bool:
    """Whether the layer as it is runs as one step over all that it is given."""
    return len({run.step for run in (*wiring.rows, *wiring.columns)}) == 1


class Stepwise(nn.Module):
    """A convolution or linear layer whose rows see the columns up to their own step.

    Attributes:
        steps: The layer of each step that has rows.
    """

    def __init__(self, layer: Any, wiring: WeightWiring, shared: dict[Any, nn.Parameter]) -> None:
        """Takes a layer apart.

        Args:
            layer: One of `LAYERS`.
            wiring: Its weight's.
            shared: The parts of weights that were taken apart before, so that ties stay.
        """
        super().__init__()
        self._wiring, self._dimension = wiring, 1 - layer.weight.ndim
        self._shape, self.steps = layer.weight.shape, nn.ModuleList()
        self._inputs = list[list[slice] | None]()
        numbers = sorted({run.step for run in wiring.rows})
        for step in numbers:
            inputs = self._inputs_of(step, layer)
            self._inputs.append(None if inputs == [slice(0, self._columns_of(layer))] else inputs)
            memo = dict[int, Any]()
            for tensor in (layer.weight, layer.bias):
                if tensor is not None:
                    if (id(tensor), step) not in shared:
                        taken = tensor.detach()[self._box(step, tensor.ndim)].clone()
                        shared[id(tensor), step] = nn.Parameter(taken, tensor.requires_grad)
                    memo[id(tensor)] = shared[id(tensor), step]
            self.steps.append(copied(layer, memo))
            update_attributes(self.steps[-1], layer)
        sizes, self._outputs = [0] * len(numbers), list[tuple[int, slice]]()
        for run in wiring.rows:
            place, size = numbers.index(run.step), run.stop - run.start
            self._outputs.append((place, slice(sizes[place], sizes[place] + size)))
            sizes[place] += size
        self.train(layer.training)

    def forward(self, images: Tensor) -> Tensor:
        """What the layer makes: images x rows (x spatial) of images x columns (x spatial)."""
        outputs = [
            layer(images if inputs is None else _joined(images, inputs, self._dimension))
            for layer, inputs in zip(self.steps, self._inputs, strict=True)
        ]
        if [place for place, _ in self._outputs] == list(range(len(outputs))):
            return torch.cat(outputs, self._dimension)
        return torch.cat(
            [
                outputs[place].narrow(self._dimension, part.start, part.stop - part.start)
                for place, part in self._outputs
            ],
            self._dimension,
        )

    def whole(self) -> nn.Module:
        """The layer again; what is left out of it is zero."""
        first: Any = self.steps[0]
        numbers = sorted({run.step for run in self._wiring.rows})
        memo = dict[int, Any]()
        for name in ("weight", "bias"):
            given = getattr(first, name)
            if given is None:
                continue
            shape = self._shape if name == "weight" else (self._shape[self._wiring.row_dimension],)
            tensor = given.detach().new_zeros(shape)
            for step, part in zip(numbers, self.steps, strict=True):
                tensor[self._box(step, len(shape))] = getattr(part, name).detach()
            memo[id(given)] = nn.Parameter(tensor, given.requires_grad)
        layer = copied(first, memo)
        update_attributes(layer, first)
        return layer

    def _box(self, step: int, dimensions: int) -> tuple[Tensor | slice, ...]:
        """The index of a step's entries in the weight, or in the bias, which has rows alone."""
        wiring = self._wiring
        rows = positions(run for run in wiring.rows if run.step == step)
        if dimensions == 1:
            return (rows,)
        box: list[Tensor | slice] = [slice(None)] * dimensions
        if wiring.column_dimension is None:
            box[wiring.row_dimension] = rows
            return tuple(box)
        columns = positions(run for run in wiring.columns if run.step <= step)
        # Side by side, one index a dimension: a grid.
        first_is_rows = wiring.row_dimension < wiring.column_dimension
        box[wiring.row_dimension] = rows[:, None] if first_is_rows else rows
        box[wiring.column_dimension] = columns if first_is_rows else columns[:, None]
        return tuple(box)

    def _inputs_of(self, step: int, layer: Any) -> list[slice]:
        """The stretches of the input that a step sees."""
        wiring = self._wiring
        if wiring.column_dimension is not None:
            return _stretches(run for run in wiring.columns if run.step <= step)
        # Of a grouped convolution: as many columns as rows in each of its groups, or one for all.
        rows, columns = len(layer.weight) // layer.groups, layer.weight.shape[1]
        return _stretches(
            Run(step, run.start * columns // rows, run.stop * columns // rows)
            for run in wiring.rows
            if run.step == step
        )

    def _columns_of(self, layer: Any) -> int:
        return int(layer.in_features if isinstance(layer, nn.Linear) else layer.in_channels)


def positions(runs: Iterable[Run]) -> Tensor:
    """The entries of some stretches of a dimension."""
    return torch.cat([torch.arange(run.start, run.stop) for run in runs])


def _stretches(runs: Iterable[Run]) -> list[slice]:
    """The runs with those joined that follow upon each other."""
    found = list[slice]()
    for run in runs:
        if found and found[-1].stop == run.start:
            found[-1] = slice(found[-1].start, run.stop)
        else:
            found.append(slice(run.start, run.stop))
    return found


def _joined(images: Tensor, stretches: Sequence[slice], dimension: int) -> Tensor:
    parts = [images.narrow(dimension, each.start, each.stop - each.start) for each in stretches]
    return parts[0] if len(parts) == 1 else torch.cat(parts, dimension)
