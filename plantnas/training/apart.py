"""Takes a child of triangular wiring apart, so that its new channels are trained at their price.

What old channels compute is constant for a parent and a view. So a child is two networks: the *old
part*, its parent, which gives the inputs of the layers that have new rows, runs without gradients
and is kept by the cache of features; and the *new part*, the architecture at the widths of the new
channels alone, each of whose layers adds what it sees of the old ones. How both are trained is in
planted.py, the wiring itself in channels/wiring.py.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from plantnas.channels.containers import logits_in
from plantnas.channels.planting import crop
from plantnas.channels.resizing import named_tensors, resized, with_tensors
from plantnas.channels.structure import Role, Structure, TensorAxis, classifier_tensors
from plantnas.config import Planting
from plantnas.training.narrow_norms import quicken
from plantnas.training.parts import NewPart, NewRows, NoRows, OldPart
from plantnas.training.prefix import Cut

Index = tuple[Tensor, ...]


@dataclass(frozen=True)
class Apart:
    """A child in two parts.

    Attributes:
        cut: The old part is its prefix, the new one its suffix.
        rates: Of each parameter of the new part that is trained, what multiplies the learning rate
            of its entries.
        loans: Where in the child the trained entries are.
    """

    cut: Cut
    rates: Mapping[str, Tensor]
    loans: "Sequence[Loan]"

    @torch.no_grad()
    def put_back(self) -> None:
        """Writes what the new part has learnt into the child."""
        for loan in self.loans:
            loan.target[loan.place] = loan.source[loan.there]


class Loan(NamedTuple):
    """Entries of a child's tensor, and where in the new part's they are."""

    target: Tensor
    place: Index
    source: Tensor
    there: Index


def apart(
    network: nn.Module, structure: Structure, recipe: Planting, example: Tensor
) -> Apart | None:
    """The parts of a child; None if they would not compute what it computes.

    Args:
        network: The child, as an ordinary module.
        structure: Its own; wiring is triangular.
        recipe: How it is trained.
        example: A batch of images to check the parts on.
    """
    assert structure.ancestors
    growth = Growth(structure, structure.ancestors[-1])
    taken = _Taken(network, growth, recipe)
    try:
        parent = crop(network, example, growth.old_growable, structure=structure)
        old = OldPart(parent, taken.layers, example)
        new = NewPart(taken.network, taken.layers, old, example.shape[1:])
        rates = {
            name: taken.rates[id(parameter)]
            for name, parameter in new.named_parameters()
            if id(parameter) in taken.rates
        }
        found = Apart(Cut(old, new, old.names), rates, taken.loans)
        is_same = _same_function(network, found.cut, taken, example)
    except Exception:  # whatever a network's own code raises at such widths
        return None
    return found if is_same else None


@torch.no_grad()
def _same_function(network: nn.Module, cut: Cut, taken: "_Taken", example: Tensor) -> bool:
    """Whether the parts compute the child's logits, and what its classifier sees of new channels.

    The classifier's new columns may be zero.
    """
    was_training = network.training
    assert cut.prefix is not None
    expected = _logits_and_inputs(network.eval(), list(taken.classifier), (example,))
    network.train(was_training)
    names = [f"network.{name}" for name in taken.classifier]
    found = _logits_and_inputs(cut.suffix.eval(), names, cut.prefix(example))
    for place, (columns, chosen) in enumerate(taken.classifier.values(), start=1):
        # A layer's channels are the last but as many dimensions as its kernel has.
        dimension = 1 - network.get_parameter(f"{list(taken.classifier)[place - 1]}.weight").ndim
        expected[place] = expected[place].index_select(dimension, columns.to(example.device))
        found[place] = found[place].index_select(dimension, chosen.to(example.device))
    return all(
        one.shape == other.shape and torch.allclose(one, other, 1e-3, 1e-4)
        for one, other in zip(expected, found, strict=True)
    )


def _logits_and_inputs(
    network: nn.Module, names: Sequence[str], given: tuple[Tensor, ...]
) -> list[Tensor]:
    """What a network gives, and what some of its layers are given the last time."""
    found = dict[str, Tensor]()
    hooks = [
        network.get_submodule(name).register_forward_pre_hook(
            lambda module, inputs, name=name: found.update({name: inputs[0]})
        )
        for name in names
    ]
    logits = logits_in(network(*given))
    for hook in hooks:
        hook.remove()
    return [logits, *(found[name] for name in names)]


@dataclass(frozen=True)
class Growth:
    """The last step of a child.

    Attributes:
        structure: The child's.
        old: The widths of its parent.
    """

    structure: Structure
    old: Mapping[str, int]

    @property
    def old_growable(self) -> dict[str, int]:
        """The parent's widths of the groups that can grow."""
        return {name: self.old[name] for name in self.structure.growable}

    @property
    def widths(self) -> dict[str, int]:
        """The new part's: the new channels, or, since none can be without any, a few that idle."""
        return {
            name: group.width - self.old[name]
            or (group.granularity if group.growable else group.width)
            for name, group in self.structure.groups.items()
        }

    def entries(self, axis: TensorAxis) -> tuple[Tensor, Tensor]:
        """Which of the child's entries the new part has, and which of these are new."""
        wide, small, at = self.structure.widths, self.widths, 0
        places, news = list[Tensor](), list[Tensor]()
        for group, block in axis.segments:
            is_new = wide[group] > self.old[group]
            start = at + self.old[group] * block if is_new else at
            places.append(torch.arange(start, start + small[group] * block))
            news.append(torch.full_like(places[-1], is_new, dtype=torch.bool))
            at += wide[group] * block
        return torch.cat(places), torch.cat(news)

    def old_entries(self, axis: TensorAxis) -> Tensor:
        """Which of the child's entries are old."""
        return torch.cat(
            [
                torch.arange(place.start, place.stop)
                for _, place in axis.stretches(self.old, self.structure.widths)
            ]
        )


class _Taken:
    """The new part as it is taken out of a child, before it is told of the old one.

    Attributes:
        network: The architecture at the new channels' widths.
        layers: Of its layers that see old channels, and those without new rows, by name.
        rates: By the id of a parameter, as `Apart.rates`.
        loans: As `Apart.loans`.
        classifier: Of each layer that gives logits: which of its inputs in the child are new
            channels, and which in the network.
    """

    def __init__(self, network: nn.Module, growth: Growth, recipe: Planting) -> None:
        structure = growth.structure
        # A depthwise convolution of one channel is an ordinary one, and computes the same.
        groups = {name: replace(each, minimum=1) for name, each in structure.groups.items()}
        free = replace(structure, ancestors=None, groups=groups)
        self.network = resized(network, free, growth.widths)
        self.layers = dict[str, NewRows | NoRows]()
        self.rates, self.loans = dict[int, Tensor](), list[Loan]()
        self.classifier = dict[str, tuple[Tensor, Tensor]]()
        self._growth, self._recipe = growth, recipe
        self._tensors, self._taken = named_tensors(network), set[str]()
        classifier = classifier_tensors(structure)
        made = dict[int, NewRows | NoRows]()
        for weight, axes in structure.axes_of.items():
            roles = {axis.role: axis for axis in axes}
            owner = weight.rpartition(".")[0]
            if "columns" in roles and "rows" in roles:
                layer = network.get_submodule(owner)
                if id(layer) not in made:
                    made[id(layer)] = self._layer(layer, roles, weight in classifier)
                self.layers[owner] = made[id(layer)]
                if weight in classifier:
                    columns, is_new = growth.entries(roles["columns"])
                    self.classifier[owner] = columns[is_new], is_new.nonzero().flatten()
                self._taken |= {weight, f"{owner}.bias"}
        with torch.no_grad():
            self._take_others()
        quicken(self.network)
        for owner, layer in self.layers.items():
            parent, _, name = owner.rpartition(".")
            setattr(self.network.get_submodule(parent), name, layer)

    def _layer(
        self, layer: Any, roles: Mapping[Role, TensorAxis], is_classifier: bool
    ) -> NewRows | NoRows:
        rows_axis, columns_axis = roles["rows"], roles["columns"]
        rows, is_new = self._growth.entries(rows_axis)
        if not is_classifier and not is_new.any():
            return NoRows(len(rows), 1 - layer.weight.ndim)
        old_rate = new_rate = is_new.double() * self._recipe.row_rate
        if is_classifier:
            rows = torch.arange(layer.weight.shape[rows_axis.dimension])
            is_retrained = self._recipe.classifier == "retrained"
            new_rate = torch.ones(len(rows))
            old_rate = new_rate if is_retrained else torch.zeros(len(rows))
        columns, is_new_column = self._growth.entries(columns_axis)
        parts = list[Any]()
        for seen in (self._growth.old_entries(columns_axis), columns[is_new_column]):
            place = {rows_axis.dimension: rows, columns_axis.dimension: seen}
            weight = layer.weight.detach()[_grid(layer.weight, place)]
            bias = None if parts or layer.bias is None else layer.bias.detach()[rows]
            parts.append(with_tensors(layer, weight, bias) if len(seen) else None)
            if len(seen):
                self._train(
                    layer.weight,
                    place,
                    parts[-1].weight,
                    rows_axis.dimension,
                    new_rate if len(parts) == 2 else old_rate,
                )
        if layer.bias is not None:
            self._train(layer.bias, {0: rows}, parts[0].bias, 0, old_rate)
        stretch = None if is_new_column.all() else is_new_column.nonzero().flatten()
        return NewRows(parts[0], parts[1], stretch)

    def _train(
        self,
        tensor: Tensor,
        chosen: Mapping[int, Tensor],
        values: Tensor,
        dimension: int,
        factors: Tensor,
    ) -> None:
        """Lends what was chosen of a tensor, but for the rows whose rate is 0."""
        sizes = [1] * values.ndim
        sizes[dimension] = -1
        self.rates[id(values)] = factors.view(sizes).expand(values.shape)
        trained = factors.nonzero().flatten()
        lent = {**chosen, dimension: chosen[dimension][trained]}
        there = _grid(values, {dimension: trained})
        self.loans.append(Loan(tensor.detach(), _grid(tensor, lent), values, there))

    def _take_others(self) -> None:
        """All that has one entry a channel, and layers whose rows see their own channel alone."""
        for name, tensor in named_tensors(self.network).items():
            axes = self._growth.structure.axes_of.get(name, [])
            if name in self._taken or not axes:
                continue
            target, place, there = self._tensors[name], dict[int, Tensor](), dict[int, Tensor]()
            rate = torch.full(tensor.shape, self._recipe.row_rate, dtype=torch.float64)
            for axis in axes:
                place[axis.dimension], is_new = self._growth.entries(axis)
                sizes = [1] * tensor.ndim
                sizes[axis.dimension] = -1
                rate = rate * is_new.view(sizes)
                there[axis.dimension] = is_new.nonzero().flatten()
            tensor.copy_(target[_grid(target, place)])
            if isinstance(tensor, nn.Parameter):
                self.rates[id(tensor)] = rate
            lent = {number: place[number][chosen] for number, chosen in there.items()}
            self.loans.append(
                Loan(target.detach(), _grid(target, lent), tensor, _grid(tensor, there))
            )


def _grid(tensor: Tensor, chosen: Mapping[int, Tensor]) -> Index:
    """The index of some entries of each dimension; of those that are not named, of all."""
    index = list[Tensor]()
    for dimension, size in enumerate(tensor.shape):
        sizes = [1] * tensor.ndim
        sizes[dimension] = -1
        index.append(chosen.get(dimension, torch.arange(size)).view(sizes))
    return tuple(index)
