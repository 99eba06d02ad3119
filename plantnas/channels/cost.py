"""Parameters and MACs of a model at other widths, from its tables alone: nothing is built or run.

Measured latency is not here.
"""

import math
from collections.abc import Mapping

from torch import nn

from plantnas.channels.structure import Structure, shape_at


def parameters_at(structure: Structure, model: nn.Module, widths: Mapping[str, int]) -> int:
    """Number of parameters that the model would have at these widths.

    Args:
        structure: The model's structure; groups that `widths` does not name keep its width.
        model: The model; a parameter that several modules share counts once, buffers don't count.
        widths: {group name: number of channels}.

    Raises:
        PlantingError: A width that the model cannot have.
    """
    all_widths, axes = structure.widths_with(widths), structure.axes_of
    return sum(
        math.prod(shape_at(parameter.shape, axes.get(name, ()), all_widths))
        for name, parameter in model.named_parameters()
    )


def macs_at(structure: Structure, model: nn.Module, widths: Mapping[str, int]) -> int:
    """Multiply-accumulates of all convolutions and linear layers for one image, in evaluation mode.

    Biases, normalisation, activations, pooling and products of activations don't count. The image
    has the size of the example input that the structure was found with. Arguments and errors as for
    `parameters_at`.
    """
    all_widths, axes = structure.widths_with(widths), structure.axes_of
    return sum(
        positions
        * math.prod(shape_at(model.get_parameter(name).shape, axes.get(name, ()), all_widths))
        for name, positions in structure.weight_uses
    )
