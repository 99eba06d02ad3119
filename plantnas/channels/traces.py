"""What one run of a model shows: the channel groups as far as its code says, before any is tried.

The run is under a tracer (tracing.py); whether groups can have other widths is tried in fixed.py.
"""

import random
import sys
import traceback
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from math import ceil
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from plantnas.channels.containers import logits_in, opaque_in, tensors_in
from plantnas.channels.layouts import Channels, all_roots, freeze, resolve
from plantnas.channels.liveness import Life, Liveness
from plantnas.channels.locating import location, names_of_modules
from plantnas.channels.on_meta import StandIns
from plantnas.channels.resizing import meta_copy, named_tensors
from plantnas.channels.rules import RULES
from plantnas.channels.structure import (
    MODEL_OUTPUT,
    Activation,
    Buffer,
    ChannelGroup,
    Segment,
    Structure,
    TensorAxis,
)
from plantnas.channels.tracing import Given, Tracer
from plantnas.errors import UnsupportedArchitecture, first_line
from plantnas.modules import copied

BATCH = 2  # more than one image, for batch statistics in training mode


class Trace(NamedTuple):
    """What the runs of a model, one in each mode, showed.

    Attributes:
        structure: The tables.
        shapes: Of all outputs.
        calls: Of torch's functions, with the numbers that they were given; None for one that is
            another each time.
        fixed_axes: The dimensions whose sizes a line of code may fix, by the line.
    """

    structure: Structure
    shapes: list[torch.Size]
    calls: Sequence[Given | None]
    fixed_axes: dict[str, set[tuple[str, int]]]


def tracer_of(model: nn.Module, expected: Sequence[Given | None] = ()) -> Tracer:
    """What watches a run of a model.

    Args:
        model: Is to run.
        expected: The calls of another run, to which this one's are compared.
    """
    return Tracer(model, RULES, BATCH, expected)


def traced(tracer: Tracer, model: nn.Module, images: Tensor) -> Trace:
    """Run in both modes under the tracer: the tables, and the shapes of all outputs."""
    tensor_shapes = {name: tuple(tensor.shape) for name, tensor in named_tensors(model).items()}
    parameter_names = tuple(name for name, _ in model.named_parameters())
    layout = tracer.new_channels(images.shape[1], "input")
    freeze(layout, "it is the model's input")
    tracer.put(images, 1, layout)
    tracer.liveness.note([], [images])
    with same_draws(), uncompiled(), tracer:
        outputs = _outputs(tracer, model, images, training=False)
        weight_uses, evaluated = tuple(tracer.weight_uses), len(tracer.nodes)
        lives, tracer.liveness = tracer.liveness.lives, Liveness()
        trained = _outputs(tracer, model, images, training=True)
    for logits, *others in (outputs, trained):
        tracer.freeze(logits, MODEL_OUTPUT)
        for output in others:
            tracer.freeze(output, "it is another of the model's outputs")
    for root in all_roots(tracer.nodes):
        if root.order >= (evaluated,):  # more of it could not change a prediction
            root.freeze("it only runs in training mode")
    tracer.finish()
    layouts = [layout for layout, role in tracer.axes.values() if role == "columns"]
    used = {root for layout in layouts for root, _ in resolve(layout)}
    for root in all_roots(tracer.nodes):
        if root not in used:  # such as an output that is not returned, but kept by a module
            root.freeze("no layer uses its channels")
    names, groups, axes = _tables(tracer)
    structure = Structure(
        groups,
        axes,
        weight_uses,
        tensor_shapes,
        parameter_names,
        buffers=_buffers(model),
        activations=tuple(_activation(tracer, life, names) for life in lives),
    )
    shapes = [output.shape for output in (*outputs, *trained)]
    return Trace(structure, shapes, tracer.calls, tracer.fixed_axes())


def _outputs(tracer: Tracer, model: nn.Module, images: Tensor, training: bool) -> list[Tensor]:
    """The logits, and all other outputs, such as those of auxiliary heads."""
    try:
        returned = model.train(training)(images)
    except UnsupportedArchitecture as error:
        raise UnsupportedArchitecture(f"{type(model).__name__}: {error}") from error
    except Exception as error:  # whatever a model's own code raises
        mode = "training" if training else "evaluation"
        raise UnsupportedArchitecture(
            f"{type(model).__name__}: cannot run in {mode} mode on images of shape "
            f"{list(images.shape)}: {failure(error, tracer.modules)}."
        ) from error
    outputs, opaque = tensors_in(returned), opaque_in(returned)
    if opaque or not outputs:
        kind = type(opaque[0]).__name__ if opaque else f"{type(returned).__name__} without tensors"
        raise UnsupportedArchitecture(
            f"{type(model).__name__}: returns a {kind}, where plantnas needs tensors, or tuples, "
            "lists, dicts and objects of them."
        )
    logits = logits_in(returned)
    return [logits, *(output for output in outputs if output is not logits)]


def failure(cause: BaseException | None, modules: Mapping[int, str]) -> str:
    """The first line of an error that a model's code raised, and where in it that was.

    Args:
        cause: The error.
        modules: The names of the model's modules by their ids.
    """
    frames = reversed(list(traceback.walk_tb(cause.__traceback__ if cause else None)))
    line = first_line(cause).removesuffix(".") if cause else ""
    return f"{line} {location(frames, modules)}".strip()


def _tables(
    tracer: Tracer,
) -> tuple[dict[Channels, str], dict[str, ChannelGroup], tuple[TensorAxis, ...]]:
    """The names of groups, and what the tracer saw in terms of them.

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
            root.mixed,
        )
        for root, modules in members.items()
    }
    named_axes = tuple(
        TensorAxis(
            tensor, dimension, tuple(Segment(names[root], block) for root, block in layout), role
        )
        for (tensor, dimension), (layout, role) in axes.items()
    )
    return names, groups, named_axes


def _activation(tracer: Tracer, life: Life, name_of: Mapping[Channels, str]) -> Activation:
    """An activation in terms of named groups."""
    tensor = life.tensor
    size, place = tensor.numel() * tensor.element_size(), tracer.place(tensor)
    if place is None:
        return Activation(ceil(size / BATCH), (), 1, life.made, life.used)
    pieces = [(name_of.get(root), root.width, block) for root, block in place.layout]
    return Activation(
        bytes=ceil(size / tensor.shape[place.dimension] / BATCH),
        segments=tuple(Segment(name, block) for name, _, block in pieces if name is not None),
        constant=sum(width * block for name, width, block in pieces if name is None),
        made=life.made,
        used=life.used,
    )


def _buffers(model: nn.Module) -> tuple[Buffer, ...]:
    saved = model.state_dict(keep_vars=True)
    return tuple(
        Buffer(name, buffer.element_size(), buffer.is_floating_point())
        for name, buffer in model.named_buffers()
        if name in saved
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


@contextmanager
def same_draws() -> Iterator[None]:
    """What draws random numbers draws the same each time; all generators are left as they were."""
    state, numpy = random.getstate(), sys.modules.get("numpy")
    numpy_state = numpy.random.get_state() if numpy else None
    with torch.random.fork_rng(devices=[]):
        random.seed(0)
        torch.default_generator.manual_seed(0)
        if numpy:
            numpy.random.seed(0)
        try:
            yield
        finally:
            random.setstate(state)
            if numpy:
                numpy.random.set_state(numpy_state)


def uncompiled() -> AbstractContextManager[Any]:
    """What a model has compiled runs as it was written, operator by operator."""
    if "torch._dynamo" not in sys.modules:  # then it has compiled nothing
        return nullcontext()
    stance: AbstractContextManager[Any] = torch.compiler.set_stance("force_eager")
    return stance


_CALLS: WeakKeyDictionary[nn.Module, list[tuple[str, str]]] = WeakKeyDictionary()
"""What networks called when something was last made of them: a parent has many children."""


def check_runs(network: nn.Module, example_input: Tensor) -> list[tuple[str, str]]:
    """Refuses a network whose own code cannot run at its widths, in either mode.

    Args:
        network: Any; left untouched.
        example_input: images x channels x height x width; only the first image's shape counts.

    Returns:
        What it calls, with the numbers that it gives, but for the sizes among them, and with which
        of its tensors.

    Raises:
        UnsupportedArchitecture: It cannot run.
    """
    images = torch.cat([example_input[:1]] * BATCH)
    try:
        return _calls_of(meta_copy(network), images.to("meta"))
    except UnsupportedArchitecture:  # as for an analysis, what reads values needs a real run
        return _calls_of(copied(network), images)


def check_alike(network: nn.Module, parent: nn.Module, example_input: Tensor) -> None:
    """Refuses a network that cannot run, or whose code decides or computes by its other widths.

    An analysis looks at some widths alone: a threshold may be beyond them.

    Args:
        network: Any; left untouched.
        parent: The network of other widths that it was made from.
        example_input: As for `check_runs`.

    Raises:
        UnsupportedArchitecture: As said.
    """
    calls = check_runs(network, example_input)
    if calls == _CALLS.get(parent):
        return
    _CALLS[parent] = expected = check_runs(parent, example_input)
    if calls == expected or expected != check_runs(parent, example_input):  # as by a clock
        return
    pairs = zip(calls, expected, strict=False)
    name = next((one[0] for one, other in pairs if one != other), "its end")
    raise UnsupportedArchitecture(
        f"{type(network).__name__}: its code decides or computes by the widths that it would have, "
        f"which changes what it computes: {name}."
    )


def _calls_of(network: nn.Module, images: Tensor) -> list[tuple[str, str]]:
    """As `check_runs`, of a network that may be run freely."""
    run = StandIns(network, images)
    try:
        with torch.no_grad(), same_draws(), uncompiled(), run:
            network.eval()(images)
            network.train()(images)
    except Exception as error:  # whatever a network's own code raises
        raise UnsupportedArchitecture(
            f"{type(network).__name__}: cannot run at the widths that it would have: "
            f"{failure(error, names_of_modules(network))}."
        ) from error
    return run.calls
