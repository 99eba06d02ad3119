"""How the new entries of a network start: what an initialisation is told, and where it is chosen.

The initialisations by name are in initialisations/; what of a parent stays is in planting.py.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from plantnas.channels.resizing import named_tensors
from plantnas.channels.structure import Structure
from plantnas.errors import PlantingError
from plantnas.named import Guarded


class Samples(NamedTuple):
    """What a trained network computes inside, on some images: reconstruction.py makes them."""

    images: Tensor
    """images x channels x height x width, as networks take them."""
    outputs: Mapping[str, Tensor]
    """{weight: places x rows} of each convolution and linear layer, the first time that it runs."""
    indices: Tensor | None = None
    """int64, images: which they are of a training split, where that is known."""

    def at_most(self, limit: int) -> "Samples":
        """The same with no more places of a layer than the limit."""
        outputs = {name: values[:limit] for name, values in self.outputs.items()}
        return self._replace(outputs=outputs)


class Donor(NamedTuple):
    """A trained network that can give channels, at least as wide as what takes them."""

    network: nn.Module
    structure: Structure
    samples: Samples | None = None
    """What it computes, for initialisations that ask for it."""


@dataclass(frozen=True)
class Grown:
    """A network at other widths than the one that it was made from, whose new entries are to start.

    Attributes:
        network: Is initialised in place. Its tensors of another shape than the parent's are zero.
        structure: Its own.
        parent: The network that it was made from; not to be changed.
        changed: {name: bool mask} of the tensors with new entries, as `named_tensors` names them;
            true where an entry is new. Of a seed, all are.
        example: images x channels x height x width, as the network takes them.
        donor: The network whose channels may be taken, a study's teacher; None without one.
        generator: Source of all draws; torch's default generator if None.
    """

    network: nn.Module
    structure: Structure
    parent: nn.Module
    changed: Mapping[str, Tensor]
    example: Tensor
    donor: Donor | None
    generator: torch.Generator | None

    def fill(self, fill: Callable[["Grown"], object]) -> None:
        """Lets an initialisation write the new entries.

        Raises:
            PlantingError: It has put something else in the place of a tensor.
        """
        before = _kinds(self.network)
        with torch.no_grad():
            fill(self)
        after = _kinds(self.network)
        for name in before.keys() | after.keys():
            if before.get(name) != after.get(name):
                where = fill.where if isinstance(fill, Guarded) else "the initialisation"
                raise PlantingError(
                    f"{where}: left {name!r} as {_told(after.get(name))}, where it was "
                    f"{_told(before.get(name))}: it is to write into the tensors that there are."
                )

    def restore(self) -> None:
        """Puts the parent's entries back, whatever was written there. Of a seed, none are."""
        tensors, parents = named_tensors(self.network), named_tensors(self.parent)
        for name, tensor in tensors.items():
            if name not in self.changed:
                tensor.copy_(parents[name])
            elif not self.changed[name].all():
                # Along each dimension the parent's indices keep their order: so do its entries.
                # An index by a mask would be made of eight bytes for each entry and dimension.
                tensor.masked_scatter_(~self.changed[name], parents[name].flatten())


def _kinds(network: nn.Module) -> dict[str, tuple[torch.Size, torch.dtype]]:
    return {name: (each.shape, each.dtype) for name, each in named_tensors(network).items()}


def _told(shape_and_type: tuple[torch.Size, torch.dtype] | None) -> str:
    if shape_and_type is None:
        return "nothing"
    shape, kind = shape_and_type
    return f"{list(shape)} of {kind}"


def all_new(network: nn.Module) -> dict[str, Tensor]:
    """What is new of a network without a parent: every entry, as `Grown.changed` says it."""
    tensors = named_tensors(network).items()
    return {name: torch.ones_like(tensor, dtype=torch.bool) for name, tensor in tensors}


@dataclass(frozen=True)
class Initialisation:
    """How planted channels start.

    Attributes:
        fill: Writes the new entries of what it is given, in place.
        column_scale: New columns of old rows are multiplied by this. If it is not zero, the child
            does not compute its parent's function.
        donor: A network whose channels `fill` may take.
    """

    fill: Callable[[Grown], object]
    column_scale: float = 0.0
    donor: Donor | None = None
