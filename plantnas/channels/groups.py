"""Find the channel groups of a model: which dimensions of which tensors must grow together.

The model is run on meta tensors, once in evaluation and once in training mode (auxiliary heads),
under a tracer that follows channels from operator to operator (tracing.py, rules.py). Then groups
are grown on meta tensors, so that sizes written into a model's code are found too. No values are
compared: that planting preserves the function follows from the rules.
"""

import copy
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor, nn

from plantnas.channels.layouts import Channels, all_roots, freeze, resolve
from plantnas.channels.resizing import meta_copy, resized
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
from plantnas.errors import UnsupportedArchitecture

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
    growable = analyse(model, example_input).growable
    return {name: group.width for name, group in growable.items()}


def analyse(model: nn.Module, example_input: Tensor) -> Structure:
    """The tables of a model's structure. Arguments and errors as for `channel_groups`."""
    try:
        structure = _analyse(meta_copy(model), example_input.to("meta"))
    except UnsupportedArchitecture:
        # Values that Python reads (.item()) and tensors that are not registered need a real run.
        with torch.random.fork_rng():
            structure = _analyse(copy.deepcopy(model), example_input)
    if not structure.growable:
        reasons = "; ".join(f"{group.name}: {group.frozen}" for group in structure.groups.values())
        raise UnsupportedArchitecture(
            f"{type(model).__name__}: no channel group can grow ({reasons})."
        )
    return structure


def _analyse(model: nn.Module, example_input: Tensor) -> Structure:
    """The structure of a model that may be run and changed freely."""
    images = torch.cat([example_input[:1]] * BATCH)
    tracer = Tracer(model, RULES, BATCH)
    with torch.no_grad():
        shapes, weight_uses = _trace(tracer, model, images)
        structure = Structure(*_tables(tracer), weight_uses)
        return _without_fixed_sizes(structure, model, images, shapes)


def _trace(
    tracer: Tracer, model: nn.Module, images: Tensor
) -> tuple[list[torch.Size], tuple[WeightUse, ...]]:
    """Run in both modes under the tracer: all outputs' shapes, and evaluation's weight uses."""
    layout = tracer.new_channels(images.shape[1], "input")
    freeze(layout, "it is the model's input")
    tracer.put(images, 1, layout)
    with tracer:
        outputs = _run(model, images, training=False)
        weight_uses, evaluated = tuple(tracer.weight_uses), len(tracer.nodes)
        outputs += _run(model, images, training=True)
    for output in outputs:
        tracer.freeze(output, MODEL_OUTPUT)
    for root in all_roots(tracer.nodes):
        if root.order >= (evaluated,):  # more of it could not change a prediction
            root.freeze("it only runs in training mode")
    tracer.finish()
    return [output.shape for output in outputs], weight_uses


def _run(model: nn.Module, images: Tensor, training: bool) -> list[Tensor]:
    """All outputs, also those of auxiliary heads."""
    try:
        return tensors_in(model.train(training)(images))
    except Exception as error:  # whatever a model's own code raises
        mode = "training" if training else "evaluation"
        raise UnsupportedArchitecture(
            f"{type(model).__name__}: cannot run in {mode} mode on images of shape "
            f"{list(images.shape)}: {error}"
        ) from error


def _tables(tracer: Tracer) -> tuple[dict[str, ChannelGroup], tuple[TensorAxis, ...]]:
    """What the tracer saw, in terms of named groups."""
    axes = {key: (resolve(layout), role) for key, (layout, role) in tracer.axes.items()}
    members: dict[Channels, dict[str, None]] = {root: {} for root in all_roots(tracer.nodes)}
    for (tensor, _), (layout, _) in axes.items():
        for root, _ in layout:
            members[root][tensor.rpartition(".")[0]] = None
    names = _names(list(members))
    groups = {
        names[root]: ChannelGroup(
            names[root], root.width, root.granularity, tuple(modules), root.frozen, root.minimum
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


def _without_fixed_sizes(
    structure: Structure, model: nn.Module, images: Tensor, shapes: list[torch.Size]
) -> Structure:
    """Freeze the groups whose growth the model's own code does not allow."""

    def error_of(names: list[str]) -> str | None:
        grown = {
            name: group.width + group.granularity * (name in names)
            for name, group in structure.groups.items()
        }
        child = resized(model, structure, grown)
        try:
            outputs = _run(child, images, training=False) + _run(child, images, training=True)
        except UnsupportedArchitecture as error:
            return str(error.__cause__).partition("\n")[0]
        same = [output.shape for output in outputs] == shapes
        return None if same else "the outputs get another shape"

    groups = dict(structure.groups)
    for name, error in _failures(list(structure.growable), error_of).items():
        groups[name] = replace(
            groups[name], frozen=f"the model cannot run with more of it: {error}"
        )
    return replace(structure, groups=groups)


def _failures(names: list[str], error_of: Callable[[list[str]], str | None]) -> dict[str, str]:
    """Which names fail, by bisection; all of them where only several together fail."""
    error = error_of(names) if names else None
    if error is None:
        return {}
    if len(names) == 1:
        return {names[0]: error}
    half = len(names) // 2
    failures = _failures(names[:half], error_of) | _failures(names[half:], error_of)
    return failures or dict.fromkeys(names, error)
