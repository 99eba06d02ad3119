"""Plant, crop and narrow: the same architecture at other widths, with trained or fresh weights.

Every function returns an ordinary module and leaves its argument untouched. Which dimensions change
is in a `Structure` (groups.py); how tensors get their new shapes in resizing.py.

Source of planting: Mitsuno, Nomura, Kurita, "Channel Planting for Deep Neural Networks using
Knowledge Distillation", 2020, arXiv 2011.02390; of function-preserving growth: Chen, Goodfellow,
Shlens, "Net2Net", ICLR 2016, arXiv 1511.05641.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from plantnas.channels.groups import known_structure
from plantnas.channels.initialisations import fresh
from plantnas.channels.initialising import Grown, Initialisation
from plantnas.channels.resizing import named_tensors, resized
from plantnas.channels.structure import (
    Structure,
    TensorAxis,
    check_growable,
    find_group,
    shared_regions,
)
from plantnas.channels.traces import check_alike, check_runs
from plantnas.channels.wiring import left_out
from plantnas.errors import PlantingError
from plantnas.given import check_channels, check_fraction, check_given, check_integer
from plantnas.modules import bare

FRESH = Initialisation(fresh.fill)
"""New rows as the layers draw them, new columns of old rows zero."""


def plant(
    model: nn.Module,
    example_input: Tensor,
    planting: Mapping[str, int],
    generator: torch.Generator | None = None,
    *,
    initialisation: Initialisation = FRESH,
    structure: Structure | None = None,
) -> nn.Module:
    """The wider network that computes the same function.

    New columns of old rows are zero; all other new entries are those of the initialisation. Where
    the structure's wiring is triangular, old rows have no new columns, but for the outputs'.

    Args:
        model: The parent.
        example_input: images x channels x height x width.
        planting: {group name: number of new channels}; 0 is allowed, all 0 is not.
        generator: Source of all draws; torch's default generator if None.
        initialisation: What the new entries are. By default as each module's `reset_parameters`
            draws them, and the mean of the old ones where no torch layer owns the parameter.
        structure: The parent's structure, if it is known already.

    Raises:
        PlantingError: An unknown or frozen group (also for the function's sake, if new columns are
            zero), no multiple of its granularity, nothing planted, or a donor that is too narrow.
        UnsupportedArchitecture: The model's channels cannot be followed, or its code cannot run so.
    """
    model = bare(model)
    structure = known_structure(model, example_input, structure)
    check_given("generator", generator, (torch.Generator, type(None)), "a torch.Generator")
    check_given("initialisation", initialisation, Initialisation, "an Initialisation")
    structure = structure.opened if initialisation.column_scale else structure.closed
    widths = planted_widths(structure, planting)
    grown = Grown(
        network=resized(model, structure, widths),
        structure=structure.with_widths(widths),
        parent=model,
        changed=_new_entries(structure, named_tensors(model), widths),
        example=example_input,
        donor=initialisation.donor,
        generator=generator,
    )
    grown.fill(initialisation.fill)
    with torch.no_grad():
        _scale_new_columns(grown.network, structure, widths, initialisation.column_scale)
        grown.restore()
        _clear_left_out(grown)
    check_alike(grown.network, model, example_input)
    return grown.network


def _clear_left_out(grown: Grown) -> None:
    """Zeros where the wiring has no entries."""
    tensors = named_tensors(grown.network)
    for name, mask in left_out(grown.structure).items():
        tensors[name][mask] = 0


def _scale_new_columns(
    child: nn.Module, structure: Structure, widths: Mapping[str, int], scale: float
) -> None:
    """Scales the old rows: their old columns are overwritten, so that the new ones remain."""
    changed = _changed_axes(structure, widths)
    for name, tensor in [*child.named_parameters(), *child.named_buffers()]:  # each tied one once
        rows = [axis for axis in changed.get(name, ()) if axis.role == "rows"]
        if rows:
            for _, box in shared_regions(rows, tensor.ndim, structure.widths, widths):
                tensor[box] *= scale


def planted_widths(structure: Structure, planting: Mapping[str, int]) -> dict[str, int]:
    """The width of every group after a planting.

    Raises:
        PlantingError: As for `plant`.
    """
    check_channels("planting", planting)
    for name, channels in planting.items():
        group = find_group(structure.groups, name)
        if channels < 0 or channels % group.granularity:
            raise PlantingError(
                f"{name}: {channels} new channels are not allowed, only positive multiples of "
                f"{group.granularity} are."
            )
        if channels:
            check_growable(group)
    if not any(planting.values()):
        raise PlantingError(
            "The planting plants nothing: at least one group must get new channels."
        )
    return structure.widths_with(
        {name: structure.groups[name].width + channels for name, channels in planting.items()}
    )


def planted_entries(
    structure: Structure, model: nn.Module, planting: Mapping[str, int]
) -> dict[str, Tensor]:
    """Where a child differs from its parent: the planted slices.

    Args:
        structure: The parent's structure.
        model: The parent.
        planting: {group name: number of new channels}.

    Returns:
        For each tensor of the child's state_dict that has planted entries, parameters and buffers,
        a bool mask of the child's shape, on the tensor's device, True where planted. What wiring
        leaves out is not.

    Raises:
        PlantingError: As for `plant`.
    """
    widths = planted_widths(structure.opened, planting)
    new = _new_entries(structure, named_tensors(model), widths)
    for name, mask in left_out(structure.opened.with_widths(widths)).items():
        if name in new:
            new[name] &= ~mask.to(new[name].device)
    return {name: new[name] for name in model.state_dict().keys() & new.keys()}


def crop(
    model: nn.Module,
    example_input: Tensor,
    widths: Mapping[str, int],
    *,
    structure: Structure | None = None,
) -> nn.Module:
    """The first channels of each group, with their trained weights: the inverse of planting.

    Args:
        model: The wide network.
        example_input: images x channels x height x width.
        widths: {group name: channels to keep}; groups that are not named keep all.
        structure: The wide network's structure, if it is known already.

    Raises:
        PlantingError: A width that the model cannot have, or that is larger than present.
        UnsupportedArchitecture: The model's channels cannot be followed, or its code cannot run so.
    """
    model = bare(model)
    structure = known_structure(model, example_input, structure).opened
    check_channels("widths", widths)
    wide, small = structure.widths, structure.widths_with(widths)
    for name, width in small.items():
        if width > wide[name]:
            raise PlantingError(
                f"{name}: cannot crop to width {width}, the model has {wide[name]}."
            )
    child = resized(model, structure, small)
    tensors, axes_of = named_tensors(model), structure.axes_of
    with torch.no_grad():
        for name, new in named_tensors(child).items():
            for box, wide_box in shared_regions(axes_of.get(name, ()), new.ndim, small, wide):
                new[box] = tensors[name][wide_box]
    check_alike(child, model, example_input)
    return child


def narrow(
    model: nn.Module,
    example_input: Tensor,
    widths: Mapping[str, int] | float,
    generator: torch.Generator | None = None,
    *,
    minimum: int = 1,
    structure: Structure | None = None,
) -> nn.Module:
    """The architecture at other widths, smaller or larger, with fresh weights.

    Every module's own `reset_parameters` draws them; parameters that no torch layer owns keep their
    values, or their mean where their shape changes.

    Args:
        model: Any width of the architecture.
        example_input: images x channels x height x width.
        widths: {group name: width}, where groups that are not named keep theirs; or a fraction of
            every growable group's width, rounded to the group's granularity.
        generator: Source of all draws; torch's default generator if None.
        minimum: No width becomes smaller than this through a fraction; a smaller one stays.
        structure: The model's structure, if it is known already.

    Raises:
        PlantingError: A width that the model cannot have, or a fraction that is not positive.
        UnsupportedArchitecture: The model's channels cannot be followed, or its code cannot run so.
    """
    model = bare(model)
    structure = known_structure(model, example_input, structure)
    check_given("generator", generator, (torch.Generator, type(None)), "a torch.Generator")
    widths = asked_widths(structure, widths, minimum)
    structure = structure.opened
    child = resized(model, structure, structure.widths_with(widths))
    fresh.draw_anew(child, child.modules(), named_tensors(model), generator)
    check_runs(child, example_input)
    return child


def asked_widths(
    structure: Structure, widths: Mapping[str, int] | float, minimum: int
) -> Mapping[str, int]:
    """The widths that a caller asks for, by group or as a fraction of all.

    Raises:
        ArgumentError: It is neither, or the minimum is none.
        PlantingError: The fraction is not positive.
    """
    check_integer("minimum", minimum)
    if isinstance(widths, Mapping):
        check_channels("widths", widths)
        return widths
    check_fraction("widths", widths)
    return structure.fraction_of_widths(widths, minimum)


def _new_entries(
    structure: Structure, tensors: Mapping[str, Tensor], widths: Mapping[str, int]
) -> dict[str, Tensor]:
    """For each tensor that changes its size, a mask of the new one: true where an entry is new."""
    shapes, new = structure.shapes_with(widths), dict[str, Tensor]()
    for name, axes in _changed_axes(structure, widths).items():
        new[name] = torch.ones(shapes[name], dtype=torch.bool, device=tensors[name].device)
        for _, box in shared_regions(axes, len(shapes[name]), structure.widths, widths):
            new[name][box] = False
    return new


def _changed_axes(structure: Structure, widths: Mapping[str, int]) -> dict[str, list[TensorAxis]]:
    """All axes of the tensors of which one changes its size."""
    return {
        name: axes
        for name, axes in structure.axes_of.items()
        if any(axis.size(structure.widths) != axis.size(widths) for axis in axes)
    }
