"""How many multiply-accumulates a network takes for an image."""

from collections.abc import Mapping

from plantnas.channels.structure import Structure

TITLE = "MACs for an image"


def cost(structure: Structure, widths: Mapping[str, int]) -> float:
    """Multiply-accumulates of all convolutions and linear layers, and of nothing else."""
    return structure.macs(widths)
