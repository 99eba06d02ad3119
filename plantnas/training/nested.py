"""Trains networks that share channels: each is a crop of the next one, and stays one.

Beside what it shares, each has its own normalisation layers and its own classifier, as the networks
of a planted lineage have (Yu et al., "Slimmable Neural Networks", ICLR 2019, arXiv 1812.08928).
Which networks are trained together, and how often, is said where they are made.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

from plantnas.channels.structure import Structure, classifier_tensors, shared_regions
from plantnas.channels.wiring import left_out
from plantnas.config import Recipe
from plantnas.training.optimizers import EntryOptimizer, flattened

NORMALISATIONS = (_NormBase, nn.GroupNorm, nn.LayerNorm, nn.RMSNorm)
"""The layers whose entries each network has for itself: what they see depends on the widths."""


class Nested(NamedTuple):
    """A network whose channels are the first of each group of a wider one."""

    network: nn.Module
    structure: Structure
    own: Collection[str]
    """The names of the parameters that it has for itself."""


def nested(network: nn.Module, structure: Structure) -> Nested:
    """The network with normalisation layers and a classifier of its own.

    Where its wiring is triangular, with a classifier alone: all else computes what it does in a
    wider network.
    """
    own = normalisations(network) if structure.ancestors is None else set[str]()
    return Nested(network, structure, own | classifier_tensors(structure))


def normalisations(network: nn.Module) -> set[str]:
    """The names of the parameters of normalisation layers."""
    norms = {name for name, module in network.named_modules() if isinstance(module, NORMALISATIONS)}
    return {name for name, _ in network.named_parameters() if name.rpartition(".")[0] in norms}


class NestedOptimizer:
    """Trains a wide network together with crops of it.

    What they share is moved once, by the sum of their gradients. Each network is an ordinary module
    whose tensors are its own: before a step its gradients are added to the wide network's, and
    after it the new entries are copied.
    """

    def __init__(
        self,
        crops: Sequence[Nested],
        widest: Nested,
        recipe: Recipe,
        moved: Mapping[str, Tensor] | None = None,
        l2_sp: float = 0.0,
    ) -> None:
        """Re-binds the parameters of the networks.

        Args:
            crops: Of the widest network, in any order. Their parameters are changed in place:
                what is shared becomes the wide network's.
            widest: Its parameters are changed in place.
            recipe: Optimiser and its settings.
            moved: For the name of each of the wide network's parameters to train, what multiplies
                the rate of each entry, as for `EntryOptimizer`; 1 for all of them, if not given.
                Narrow networks' own entries are always trained.
            l2_sp: As for `EntryOptimizer`.
        """
        wide_parameters = dict(widest.network.named_parameters())
        if moved is None:
            absent = left_out(widest.structure)
            moved = {
                name: ~absent[name].to(parameter.device) if name in absent else _all_of(parameter)
                for name, parameter in wide_parameters.items()
            }
        chosen = {f"wide.{name}": mask for name, mask in moved.items()}
        networks, shared = nn.ModuleDict({"wide": widest.network}), list[_Shared]()
        for place, each in enumerate(crops):
            networks[str(place)] = each.network
            for name, parameter in each.network.named_parameters():
                if name in each.own:
                    chosen[f"{place}.{name}"] = _all_of(parameter)
                else:
                    index = _places(name, each.structure, widest.structure).to(parameter.device)
                    parameter.data = wide_parameters[name].detach().flatten()[index]
                    shared.append(_Shared(f"wide.{name}", parameter, index))
        self._optimizer = EntryOptimizer(networks, chosen, recipe, l2_sp)
        followed = [copied for copied in shared if copied.name in self._optimizer.offsets]
        for copied in followed:
            copied.parameter.requires_grad_(True)
        self._copies, self._gradients = flattened([copied.parameter for copied in followed])
        self._places = torch.cat(
            [copied.places.flatten() + self._optimizer.offsets[copied.name] for copied in followed]
        )

    @property
    def trained_entries(self) -> int:
        """The number of entries that are trained; a shared one counts once."""
        return self._optimizer.trained_entries

    def zero_grad(self) -> None:
        """Forgets the gradients."""
        self._optimizer.zero_grad()
        self._gradients.zero_()

    def step(self) -> None:
        """Moves what is trained, by the sum of the networks' gradients."""
        self._optimizer.gradients.index_add_(0, self._places, self._gradients)
        self._optimizer.step()
        torch.index_select(self._optimizer.values, 0, self._places, out=self._copies)

    def set_learning_rate(self, learning_rate: float) -> None:
        """The rate of the next step."""
        self._optimizer.set_learning_rate(learning_rate)


class _Shared(NamedTuple):
    """A parameter that is a copy of entries of the wide network's."""

    name: str
    parameter: nn.Parameter
    places: Tensor
    """Where its entries are in the flattened one of the wide network; of its shape."""


def _all_of(parameter: Tensor) -> Tensor:
    return torch.ones_like(parameter, dtype=torch.bool)


def _places(name: str, structure: Structure, widest: Structure) -> Tensor:
    """Where a narrow network's entries are in the wide one's tensor; its shape is the narrow's."""
    shape, wide_shape = structure.shapes[name], widest.shapes[name]
    wide_index = torch.arange(math.prod(wide_shape)).view(wide_shape)
    index = torch.empty(shape, dtype=torch.int64)
    axes = widest.axes_of.get(name, ())
    for box, wide_box in shared_regions(axes, len(shape), structure.widths, widest.widths):
        index[box] = wide_index[wide_box]
    return index
