"""How many bytes the tensors of a network's file have, stored as they are: in float32."""

from collections.abc import Mapping

from plantnas.channels.structure import Structure

TITLE = "bytes of weights in float32"


def cost(structure: Structure, widths: Mapping[str, int]) -> float:
    """Bytes of all parameters and buffers."""
    return stored_bytes(structure, structure.entries(widths), 4)


def stored_bytes(structure: Structure, entries: Mapping[str, int], bytes_of_float: int) -> int:
    """The bytes of a state_dict's tensors, of which those that are tied are there once.

    Args:
        structure: Of the network.
        entries: The numbers of its tensors' entries.
        bytes_of_float: Bytes of a parameter and of an entry of a floating-point buffer, as the
            running statistics of a BatchNorm. Integers keep theirs.
    """
    parameters = sum(entries[name] for name in structure.parameter_names)
    return bytes_of_float * parameters + sum(
        entries[name] * (bytes_of_float if is_floating else size)
        for name, size, is_floating in structure.buffers
    )
