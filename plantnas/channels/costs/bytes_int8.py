"""How many bytes the tensors of a network's file have where its weights are quantised to int8.

As onnxruntime and PyTorch quantise weights: symmetrically, by one float32 scale for each output
channel (Krishnamoorthi 2018, section 3.1). Biases, and what norms have, stay float32.
"""

from collections.abc import Mapping

from plantnas.channels.costs.bytes import stored_bytes
from plantnas.channels.structure import Structure

TITLE = "bytes of weights in int8"


def cost(structure: Structure, widths: Mapping[str, int]) -> float:
    """Bytes of all parameters and buffers: one for each entry of a convolution or linear layer."""
    entries, shapes = structure.entries(widths), structure.shapes_with(widths)
    # Heads that run in training alone are in the file too; they have no uses, but columns.
    weights = {use.tensor for use in structure.weight_uses}
    weights |= {axis.tensor for axis in structure.axes if axis.role == "columns"}
    row_dimensions = {axis.tensor: axis.dimension for axis in structure.axes if axis.role == "rows"}
    scales = sum(shapes[name][row_dimensions.get(name, 0)] for name in weights)
    saved = 3 * sum(entries[name] for name in weights)
    return stored_bytes(structure, entries, 4) - saved + 4 * scales
