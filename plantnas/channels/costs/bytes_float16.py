"""How many bytes the tensors of a network's file have in float16, or bfloat16."""

from collections.abc import Mapping

from plantnas.channels.costs.bytes import stored_bytes
from plantnas.channels.structure import Structure

TITLE = "bytes of weights in float16"


def cost(structure: Structure, widths: Mapping[str, int]) -> float:
    """Bytes of all parameters and buffers, two for each that is no integer."""
    return stored_bytes(structure, structure.entries(widths), 2)
