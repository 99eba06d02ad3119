"""How many parameters a network has: weights, biases, and the scales and shifts of norms."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from plantnas.channels.structure import Structure

if TYPE_CHECKING:  # names are checked before torch is imported
    from torch import nn

TITLE = "parameters"


def cost(structure: Structure, widths: Mapping[str, int]) -> float:
    """Parameters; one that several modules share counts once, and buffers don't count."""
    return structure.parameters(widths)


def parameters_of(network: "nn.Module") -> int:
    """How many parameters a network has; one that several modules share counts once."""
    return sum(parameter.numel() for parameter in network.parameters())
