"""How the new entries of a network start: what an initialisation is told, and where it is chosen.

The initialisations by name are in initialisations/; what of a parent stays is in planting.py.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from plantnas.channels.structure import Structure, TensorAxis


class Donor(NamedTuple):
    """A trained network that can give channels, at least as wide as what takes them."""

    network: nn.Module
    structure: Structure


@dataclass(frozen=True)
class Grown:
    """A network at other widths than the one that it was made from, whose new entries are to start.

    Attributes:
        network: Is initialised in place. Its tensors of another shape than the parent's are zero.
        structure: Its own.
        parent: The network that it was made from; not to be changed.
        changed: {name: axes} of the tensors with new entries, as `named_tensors` names them. Of a
            seed, these are all.
        example: images x channels x height x width, as the network takes them.
        donor: The network whose channels may be taken, a study's teacher; None without one.
        generator: Source of all draws; torch's default generator if None.
    """

    network: nn.Module
    structure: Structure
    parent: nn.Module
    changed: Mapping[str, Sequence[TensorAxis]]
    example: Tensor
    donor: Donor | None
    generator: torch.Generator | None


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
