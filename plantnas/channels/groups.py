"""Find the channel groups of a model: which dimensions of which tensors must grow together.

The model is run on meta tensors, once in evaluation and once in training mode (auxiliary heads),
under a tracer that follows channels from operator to operator (tracing.py, rules.py). Then groups
are grown and traced again, so that sizes written into a model's code are found too. No values are
compared: that planting preserves the function follows from the rules.
"""

import traceback
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor, nn

from plantnas.channels.layouts import Channels, all_roots, freeze, resolve
from plantnas.channels.locating import location
from plantnas.channels.resizing import (
    WIDER_SHAPES,
    meta_copy,
    named_tensors,
    resized,
    widths_in,
    with_shapes,
)
from plantnas.channels.rules import RULES
from plantnas.channels.structure import (
    MODEL_OUTPUT,
    ChannelGroup,
    Segment,
    Structure,
    TensorAxis,
    WeightUse,
)
from plantnas.channels.tracing import Tracer, tensors_in
from plantnas.errors import PlantnasError, UnsupportedArchitecture
from plantnas.modules import bare, copied

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

BATCH = 2  # more than one image, for batch statistics in training mode
SHOWN_GROUPS = 5  # that a message lists


def channel_groups(model: nn.Module, example_input: Tensor) -> dict[str, ChannelGroup]:
    """The model's channel groups by name, growable and frozen, in the order in which they run.

    Args:
        model: Any convolutional network; it is left untouched.
        example_input: images x channels x height x width; only the first image's shape counts.

    Raises:
        UnsupportedArchitecture: The model cannot be run, or no group can grow.
    """
    return analyse(model, example_input).groups


def widths(model: nn.Module, example_input: Tensor) -> dict[str, int]:
    """The widths of the groups that can grow. Arguments and errors as for `channel_groups`."""
    return analyse(model, example_input).growable_widths


def analyse(model: nn.Module, example_input: Tensor) -> Structure:
    """The tables of a model's structure. Arguments and errors as for `channel_groups`.

    Of a network that was made with groups of one channel, they are those of wider ones.
    """
    model = bare(model)
    if (wider_shapes := vars(model).get(WIDER_SHAPES)) is not None:
        with suppress(PlantnasError, KeyError, IndexError):  # it was changed since it was made
            structure = _analysed(with_shapes(model, wider_shapes), example_input)
            return structure.with_widths(widths_in(model, structure))
    return _analysed(model, example_input)


def _analysed(model: nn.Module, example_input: Tensor) -> Structure:
    try:
        structure = _analyse(meta_copy(model), example_input.to("meta"))
    except UnsupportedArchitecture:
        # Values that Python reads (.item()) and tensors that are not registered need a real run.
        with torch.random.fork_rng():
            structure = _analyse(copied(model), example_input)
    return structure


def _analyse(model: nn.Module, example_input: Tensor) -> Structure:
    """The structure of a model that may be run and changed freely."""
    images = torch.cat([example_input[:1]] * BATCH)
    with torch.no_grad():
        tracer = Tracer(model, RULES, BATCH)
        structure = _without_fixed_sizes(_trace(tracer, model, images), tracer, model, images)
    if structure.growable:
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


class _Trace(NamedTuple):
    """What the runs of a model showed."""

    structure: Structure
    shapes: list[torch.Size]


def _trace(tracer: Tracer, model: nn.Module, images: Tensor) -> _Trace:
    """Run in both modes under the tracer: the tables, and the shapes of all outputs."""
    shapes = {name: tuple(tensor.shape) for name, tensor in named_tensors(model).items()}
    parameter_names = tuple(name for name, _ in model.named_parameters())
    layout = tracer.new_channels(images.shape[1], "input")
    freeze(layout, "it is the model's input")
    tracer.put(images, 1, layout)
    with tracer:
        outputs = _run(tracer, model, images, training=False)
        weight_uses, evaluated = tuple(tracer.weight_uses), len(tracer.nodes)
        outputs += _run(tracer, model, images, training=True)
    for output in outputs:
        tracer.freeze(output, MODEL_OUTPUT)
    for root in all_roots(tracer.nodes):
        if root.order >= (evaluated,):  # more of it could not change a prediction
            root.freeze("it only runs in training mode")
    tracer.finish()
    structure = Structure(*_tables(tracer), weight_uses, shapes, parameter_names)
    return _Trace(structure, [output.shape for output in outputs])


def _run(tracer: Tracer, model: nn.Module, images: Tensor, training: bool) -> list[Tensor]:
    """All outputs, also those of auxiliary heads."""
    try:
        return tensors_in(model.train(training)(images))
    except UnsupportedArchitecture as error:
        raise UnsupportedArchitecture(f"{type(model).__name__}: {error}") from error
    except Exception as error:  # whatever a model's own code raises
        mode = "training" if training else "evaluation"
        raise UnsupportedArchitecture(
            f"{type(model).__name__}: cannot run in {mode} mode on images of shape "
            f"{list(images.shape)}: {_failure(error, tracer)}."
        ) from error


def _failure(cause: BaseException | None, tracer: Tracer) -> str:
    """The first line of an error that a model's code raised, and where in it that was."""
    frames = reversed(list(traceback.walk_tb(cause.__traceback__ if cause else None)))
    first_line = str(cause).partition("\n")[0].removesuffix(".")
    return f"{first_line} {location(frames, tracer.modules)}".rstrip()


def _tables(tracer: Tracer) -> tuple[dict[str, ChannelGroup], tuple[TensorAxis, ...]]:
    """What the tracer saw, in terms of named groups.

    Dimensions that hold nothing but unfollowed channels are left out: they are constant.
    """
    axes = {key: (resolve(layout), role) for key, (layout, role) in tracer.axes.items()}
    for key, (layout, _) in list(axes.items()):
        if all(root.unfollowed for root, _ in layout):
            del axes[key]
    named = [root for root in all_roots(tracer.nodes) if not root.unfollowed]
    members: dict[Channels, dict[str, None]] = {root: {} for root in named}
    for (tensor, _), (layout, _) in axes.items():
        for root, _ in layout:
            members.setdefault(root, {})[tensor.rpartition(".")[0]] = None
    names = _names(list(members))
    groups = {
        names[root]: ChannelGroup(
            names[root],
            root.width,
            root.granularity,
            tuple(modules),
            root.frozen,
            root.minimum,
            not root.unfollowed,
        )
        for root, modules in members.items()
    }
    return groups, tuple(
        TensorAxis(
            tensor, dimension, tuple(Segment(names[root], block) for root, block in layout), role
        )
        for (tensor, dimension), (layout, role) in axes.items()
    )


def _names(roots: list[Channels]) -> dict[Channels, str]:
    """Their origins, with a number where a layer's outputs are in several groups."""
    count = Counter(root.origin for root in roots)
    seen: Counter[str] = Counter()
    names = {}
    for root in roots:
        number = f"[{seen[root.origin]}]" if count[root.origin] > 1 else ""
        names[root] = root.origin + number
        seen[root.origin] += 1
    return names


class _Misfit(NamedTuple):
    """Why the model cannot run with more channels, and of which groups, as far as one can see."""

    reason: str
    groups: set[str]


def _without_fixed_sizes(
    trace: _Trace, tracer: Tracer, model: nn.Module, images: Tensor
) -> Structure:
    """Freeze the groups whose growth the model's own code does not allow.

    Where a line of code fixes one group's width, the others that it may fix are frozen with it.
    """
    lines = {line: _groups_at(trace.structure, axes) for line, axes in tracer.fixed_axes().items()}

    def misfit_of(names: list[str]) -> _Misfit | None:
        return _misfit(trace, model, images, names)

    names, reasons = list(trace.structure.growable), dict[str, str]()
    while misfit := misfit_of(names):
        fixed = {
            name
            for line, groups in lines.items()
            if (line and misfit.reason.endswith(line)) or groups & misfit.groups
            for name in groups
        }
        found = (misfit.groups | fixed).intersection(names)
        if not found:
            reasons.update(_failures(names, misfit_of))
            break
        reasons.update(dict.fromkeys(found, misfit.reason))
        names = [name for name in names if name not in found]
    groups = {
        name: replace(group, frozen=f"the model cannot run with more of it: {reasons[name]}")
        if name in reasons
        else group
        for name, group in trace.structure.groups.items()
    }
    return replace(trace.structure, groups=groups)


def _misfit(trace: _Trace, model: nn.Module, images: Tensor, names: list[str]) -> _Misfit | None:
    """Grow these groups and trace again: nothing but widths may be different."""
    if not names:
        return None
    grown = {
        name: group.width + group.granularity * (name in names)
        for name, group in trace.structure.groups.items()
    }
    child = resized(model, trace.structure, grown)
    tracer = Tracer(child, RULES, BATCH)
    try:
        child_trace = _trace(tracer, child, images)
    except UnsupportedArchitecture as error:
        reason, suspects = _failure(error.__cause__, tracer), tracer.failed_axes()
        suspects |= {
            (axis.tensor, axis.dimension)
            for axis in trace.structure.axes
            if axis.tensor in tracer.failed_tensors() and axis.role != "rows"
        }
    else:
        reason = "the outputs get another shape, or the code joins other channels"
        found = child_trace.structure
        wrong = {name for name, group in found.groups.items() if group.width != grown.get(name)}
        differing = set(trace.structure.axes) ^ set(found.axes)  # it has, but should not, or lacks
        differing |= {
            axis
            for axis in trace.structure.axes
            if any(group in wrong for group, _ in axis.segments)
        }
        suspects = {(axis.tensor, axis.dimension) for axis in differing}
        if not suspects and child_trace.shapes == trace.shapes:
            return None
    return _Misfit(reason, _groups_at(trace.structure, suspects) & set(names))


def _groups_at(structure: Structure, places: set[tuple[str, int]]) -> set[str]:
    return {
        segment.group
        for axis in structure.axes
        if (axis.tensor, axis.dimension) in places
        for segment in axis.segments
    }


def _failures(names: list[str], misfit_of: Callable[[list[str]], _Misfit | None]) -> dict[str, str]:
    """Which names fail, by bisection; all of them where only several together fail."""
    misfit = misfit_of(names)
    if misfit is None:
        return {}
    if len(names) == 1:
        return {names[0]: misfit.reason}
    half = len(names) // 2
    failures = _failures(names[:half], misfit_of) | _failures(names[half:], misfit_of)
    return failures or dict.fromkeys(names, misfit.reason)
