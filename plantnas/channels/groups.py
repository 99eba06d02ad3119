"""Find the channel groups of a model: which dimensions of which tensors must grow together.

The model is run on meta tensors, once in evaluation and once in training mode (auxiliary heads),
under a tracer that follows channels from operator to operator (traces.py, tracing.py, rules.py).
Then it is traced at other widths, so that sizes written into a model's code, and numbers that it
computes of them, are found too (fixed.py). No values are compared: that planting preserves the
function follows from the rules.
"""

from collections.abc import Mapping
from contextlib import suppress
from types import MappingProxyType

import torch
from torch import Tensor, nn

from plantnas.channels.fixed import settled
from plantnas.channels.resizing import (
    ANALYSED_SHAPES,
    meta_copy,
    named_tensors,
    widths_in,
    with_shapes,
)
from plantnas.channels.structure import (
    ChannelGroup,
    Segment,
    Shape,
    Structure,
    TensorAxis,
    WeightUse,
)
from plantnas.channels.traces import BATCH, traced, tracer_of
from plantnas.errors import PlantingError, PlantnasError, UnsupportedArchitecture
from plantnas.given import check_given
from plantnas.modules import bare, check_images, copied

__all__ = [
    "ChannelGroup",
    "Segment",
    "Structure",
    "TensorAxis",
    "WeightUse",
    "analyse",
    "channel_groups",
    "widths",
]

AS_THEY_ARE: Mapping[str, Shape] = MappingProxyType({})
"""No tensor has another shape than the model's own."""
SHOWN_GROUPS = 5  # that a message lists


def channel_groups(model: nn.Module, example_input: Tensor) -> dict[str, ChannelGroup]:
    """The model's channel groups by name, growable and frozen, in the order in which they run.

    Args:
        model: Any convolutional network; it is left untouched.
        example_input: images x channels x height x width; only the first image's shape counts.

    Raises:
        UnsupportedArchitecture: The model cannot be run, or no group can grow, not even where the
            function may change.
    """
    return analyse(model, example_input).groups


def widths(model: nn.Module, example_input: Tensor) -> dict[str, int]:
    """The widths of the groups that can grow. Arguments and errors as for `channel_groups`."""
    return analyse(model, example_input).growable_widths


def analyse(model: nn.Module, example_input: Tensor) -> Structure:
    """The tables of a model's structure. Arguments and errors as for `channel_groups`.

    Of a network that plantnas has made, they are those of the network that it was made from, at
    other widths.
    """
    model = bare(model)
    check_images("example_input", example_input)
    if (shapes := vars(model).get(ANALYSED_SHAPES)) is not None:
        with suppress(PlantnasError, KeyError, IndexError):  # it was changed since it was made
            structure = _analysed(model, example_input, shapes).opened
            return structure.with_widths(widths_in(model, structure)).closed
    return _analysed(model, example_input)


def known_structure(
    model: nn.Module, example_input: Tensor, structure: Structure | None
) -> Structure:
    """The structure of a model, which may be known already.

    Raises:
        PlantingError: What is known is another network's.
    """
    if structure is None:
        return analyse(model, example_input)
    check_given("structure", structure, Structure, "the model's own")
    if structure.shapes != {name: tensor.shape for name, tensor in named_tensors(model).items()}:
        raise PlantingError("structure: is of another network than the model.")
    return structure


def _analysed(
    model: nn.Module, example_input: Tensor, shapes: Mapping[str, Shape] = AS_THEY_ARE
) -> Structure:
    """The structure of a model, some of whose tensors have other shapes while it is analysed."""
    images = torch.cat([example_input[:1]] * BATCH)
    try:
        structure = _analyse(with_shapes(meta_copy(model), shapes), images.to("meta"))
    except UnsupportedArchitecture:
        # Values that Python reads (.item()) and tensors that are not registered need a real run.
        with torch.random.fork_rng():
            structure = _analyse(with_shapes(model, shapes), _not_blank(images))
    return structure


def _not_blank(images: Tensor) -> Tensor:
    """Images of the same shape and type, of which other widths make other values."""
    if not images.is_floating_point():
        return images
    return torch.rand(images.shape, generator=torch.Generator().manual_seed(0)).to(images)


def _analyse(model: nn.Module, images: Tensor) -> Structure:
    with torch.no_grad():
        run = copied(model)  # what its code keeps from one run is not there in the next
        tracer = tracer_of(run)
        structure = settled(model, images, traced(tracer, run, images)).closed
    if structure.opened.growable:
        return structure
    groups = list(structure.groups.values())
    reasons = [f"{group.name}: {group.frozen}" for group in groups[:SHOWN_GROUPS]]
    if len(groups) > SHOWN_GROUPS:
        reasons.append(f"and {len(groups) - SHOWN_GROUPS} more")
    if tracer.losses:
        reasons.append(f"the first operator that cannot be followed is {tracer.losses[0]}")
    raise UnsupportedArchitecture(
        f"{type(model).__name__}: no channel group can grow ({'; '.join(reasons)}). "
        "For an operator that keeps channels apart, add a rule with plantnas.register_rule."
    )
