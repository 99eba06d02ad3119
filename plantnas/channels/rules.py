"""What each torch operator does to channels: one rule a kind of operator, and the registry.

A rule reads the places of a call's arguments, says which channels must have the same width, and
puts the result's channels. It raises `Unfollowed` where channels cannot be followed; an operator
without a rule does that for all its arguments. Rules hold only for operators that keep channels
apart and finite: then a new channel cannot change an old one, and zero times it is zero.
"""

import math
from collections.abc import Iterable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from plantnas.channels.layouts import Layout, cut, freeze, resolve, scale_blocks, unify
from plantnas.channels.tracing import Call, Place, Rule, Tracer, Unfollowed


def convolution(tracer: Tracer, call: Call) -> None:
    """Convolutions: inputs x (images x channels x ...), weight (rows x columns x ...)."""
    x, weight, bias = call.input, call.argument(1, "weight"), call.argument(2, "bias")
    _require_registered(tracer, call, weight, bias)
    dimension = x.ndim - weight.ndim + 1
    layout = tracer.layout_at(x, dimension, tracer.owner(weight))
    groups = call.argument(6, "groups", 1)
    if groups == 1:
        tracer.size_axis(weight, 1, layout, "columns")
        rows = tracer.new_channels(weight.shape[0], tracer.owner(weight))
    else:
        rows = _grouped_rows(tracer, weight, layout, groups)
    _finish_layer(tracer, call, dimension, rows, weight, bias)
    tracer.use_weight(weight, call.result.numel() // weight.shape[0])


def _grouped_rows(tracer: Tracer, weight: Tensor, layout: Layout, groups: int) -> Layout:
    """A grouped convolution grows by whole groups, so its outputs are tied to its inputs."""
    columns, rows = weight.shape[1], weight.shape[0] // groups
    if columns in (1, rows):
        for channels, block in resolve(layout):
            granularity = columns // math.gcd(columns, block)
            # With one group it would be an ordinary convolution: another architecture.
            channels.require(granularity, minimum=2 * granularity)
        return scale_blocks(layout, rows, columns)
    reason = f"{tracer.owner(weight)} has {columns} inputs and {rows} outputs in each of its groups"
    output = tracer.new_channels(weight.shape[0], tracer.owner(weight))
    freeze(layout, reason)
    freeze(output, reason)
    return output


def transposed_convolution(tracer: Tracer, call: Call) -> None:
    """Transposed convolutions: weight (columns x rows x ...)."""
    x, weight, bias = call.input, call.argument(1, "weight"), call.argument(2, "bias")
    _require_registered(tracer, call, weight, bias)
    if call.argument(6, "groups", 1) != 1:
        raise Unfollowed(f"{call.name} with groups")
    dimension = x.ndim - weight.ndim + 1
    layout = tracer.layout_at(x, dimension, tracer.owner(weight))
    tracer.size_axis(weight, 0, layout, "columns")
    rows = tracer.new_channels(weight.shape[1], tracer.owner(weight))
    _finish_layer(tracer, call, dimension, rows, weight, bias, row_dimension=1)
    tracer.use_weight(weight, x.numel() // weight.shape[0])


def linear(tracer: Tracer, call: Call) -> None:
    """Linear layers: inputs x (... x channels), weight (rows x columns)."""
    x, weight, bias = call.input, call.argument(1, "weight"), call.argument(2, "bias")
    _require_registered(tracer, call, weight, bias)
    layout = tracer.layout_at(x, x.ndim - 1, tracer.owner(weight))
    tracer.size_axis(weight, 1, layout, "columns")
    rows = tracer.new_channels(weight.shape[0], tracer.owner(weight))
    _finish_layer(tracer, call, x.ndim - 1, rows, weight, bias)
    tracer.use_weight(weight, call.result.numel() // weight.shape[0])


def _require_registered(tracer: Tracer, call: Call, *tensors: Tensor | None) -> None:
    """A weight that is computed (weight_norm, dynamic convolutions) cannot be resized."""
    if not all(tensor is None or tracer.is_registered(tensor) for tensor in tensors):
        raise Unfollowed(f"{call.name} with a computed weight")


def _finish_layer(
    tracer: Tracer,
    call: Call,
    dimension: int,
    rows: Layout,
    weight: Tensor,
    bias: Tensor | None,
    row_dimension: int = 0,
) -> None:
    tracer.size_axis(weight, row_dimension, rows, "rows")
    if bias is not None:
        tracer.size_axis(bias, 0, rows, "rows")
    tracer.put(call.result, dimension, rows)


def per_channel(tracer: Tracer, call: Call) -> None:
    """Operators with one entry a channel (batch and instance normalisation, PReLU)."""
    x, *entries = call.tensors
    place = tracer.place(x)
    if place is None:
        return
    if call.function in PRELU and entries[0].numel() == 1:
        pointwise(tracer, call)
        return
    if place.dimension != 1 or not all(map(tracer.is_registered, entries)):
        raise Unfollowed(call.name)
    for tensor in entries:
        tracer.size_axis(tensor, 0, place.layout, "entries")
    tracer.put(call.result, 1, place.layout)


def pointwise(tracer: Tracer, call: Call) -> None:
    """Operators that work on each entry alone, on one or several tensors that broadcast."""
    places = [(tensor, place) for tensor in call.tensors if (place := tracer.place(tensor))]
    if not places:
        return
    from_the_right = {place.dimension - tensor.ndim for tensor, place in places}
    if len(from_the_right) > 1:
        raise Unfollowed(f"{call.name} along different dimensions")
    (position,) = from_the_right
    layout = _widest(tracer, call, places, position)
    for tensor in call.tensors:
        if tracer.place(tensor) is None and tensor.ndim >= -position and tensor.shape[position] > 1:
            _require_registered_entries(tracer, call, tensor)
            tracer.size_axis(tensor, tensor.ndim + position, layout, "entries")
    tracer.put(call.result, call.result.ndim + position, layout)


def _widest(
    tracer: Tracer, call: Call, places: list[tuple[Tensor, Place]], position: int
) -> Layout:
    """Unify the layouts that have the result's size; one channel that is broadcast cannot grow."""
    size = call.result.shape[position]
    full = [place.layout for tensor, place in places if tensor.shape[position] == size]
    if not full:
        raise Unfollowed(f"{call.name} with a tensor that it broadcasts to")
    for layout in full[1:]:
        unify(full[0], layout)
    for tensor, _ in places:
        if tensor.shape[position] != size:
            tracer.freeze(tensor, f"{call.name} broadcasts it")
    return full[0]


def _require_registered_entries(tracer: Tracer, call: Call, tensor: Tensor) -> None:
    if not tracer.is_registered(tensor):
        raise Unfollowed(f"{call.name} with a tensor that could not be followed")


def quotient(tracer: Tracer, call: Call) -> None:
    """Division, by anything but channels: a new channel might be divided by zero."""
    divisor = call.args[1]
    if isinstance(divisor, Tensor) and (tracer.place(divisor) or divisor.numel() > 1):
        raise Unfollowed(f"{call.name} by a tensor")
    pointwise(tracer, call)


def spatial(tracer: Tracer, call: Call) -> None:
    """Operators that work on each image and channel alone (pooling, resizing)."""
    place = tracer.place(call.input)
    if place is None:
        return
    if place.dimension != 1 or not isinstance(call.result, Tensor):
        raise Unfollowed(call.name)
    tracer.put(call.result, 1, place.layout)


def pad(tracer: Tracer, call: Call) -> None:
    """Padding of any dimension but the channels."""
    place = tracer.place(call.input)
    if place is None:
        return
    if call.result.shape[place.dimension] != call.input.shape[place.dimension]:
        raise Unfollowed(f"{call.name} of channels")
    tracer.put(call.result, *place)


def reduction(tracer: Tracer, call: Call) -> None:
    """Means, sums and maxima over other dimensions than the channels."""
    x = call.input
    place = tracer.place(x)
    if place is None:
        return
    dimensions = call.argument(1, "dim")
    if isinstance(dimensions, int):
        dimensions = [dimensions]
    reduced = {each % x.ndim for each in dimensions or range(x.ndim)}
    if place.dimension in reduced or not isinstance(call.result, Tensor):
        raise Unfollowed(f"{call.name} over channels")
    dropped = 0 if call.result.ndim == x.ndim else sum(each < place.dimension for each in reduced)
    tracer.put(call.result, place.dimension - dropped, place.layout)


def reshape(tracer: Tracer, call: Call) -> None:
    """Views of another shape in which each channel stays one block of entries."""
    x = call.input
    place = tracer.place(x)
    if place is None:
        return
    size, shape = x.shape[place.dimension], call.result.shape
    before = math.prod(x.shape[: place.dimension])
    for dimension, new_size in enumerate(shape):
        if math.prod(shape[:dimension]) == before and (new_size > 1 or size == 1):
            layout = _reblocked(place.layout, size, new_size)
            if layout is not None:
                tracer.put(call.result, dimension, layout)
                return
    raise Unfollowed(f"{call.name} that mixes channels with other dimensions")


def _reblocked(layout: Layout, size: int, new_size: int) -> Layout | None:
    """Merge following dimensions into the blocks, or take them out again; None if impossible."""
    if new_size % size == 0:
        return scale_blocks(layout, new_size // size)
    if size % new_size == 0 and all(block % (size // new_size) == 0 for _, block in layout):
        return scale_blocks(layout, 1, size // new_size)
    return None


def transpose(tracer: Tracer, call: Call) -> None:
    """Exchange two dimensions."""
    x = call.input
    first, second = (call.argument(i, f"dim{i - 1}") % x.ndim for i in (1, 2))
    order = list(range(x.ndim))
    order[first], order[second] = second, first
    _reorder(tracer, call, order)


def permute(tracer: Tracer, call: Call) -> None:
    """Put dimensions in another order."""
    dimensions = call.args[1:] or (call.kwargs["dims"],)
    order = dimensions[0] if not isinstance(dimensions[0], int) else dimensions
    _reorder(tracer, call, [each % call.input.ndim for each in order])


def _reorder(tracer: Tracer, call: Call, order: list[int]) -> None:
    if place := tracer.place(call.input):
        tracer.put(call.result, order.index(place.dimension), place.layout)


def concatenation(tracer: Tracer, call: Call) -> None:
    """Concatenate channels one after another, or other dimensions of tensors alike in channels."""
    tensors = list(call.argument(0, "tensors"))
    places = [tracer.place(tensor) for tensor in tensors]
    if not any(places):
        return
    dimension = call.argument(1, "dim", 0) % call.result.ndim
    if any(place and place.dimension == dimension for place in places):
        layouts = [tracer.layout_at(tensor, dimension, call.name) for tensor in tensors]
        tracer.put(call.result, dimension, sum(layouts, ()))
        return
    if len({place and place.dimension for place in places}) > 1:
        raise Unfollowed(f"{call.name} along different dimensions")
    known = [place for place in places if place]
    for place in known[1:]:
        unify(known[0].layout, place.layout)
    tracer.put(call.result, *known[0])


def chunk(tracer: Tracer, call: Call) -> None:
    """Equal parts: parts of the channels must stay equally wide, so they are tied."""
    x = call.input
    place = tracer.place(x)
    if place is None:
        return
    layouts: list[Layout] | None = [place.layout] * len(call.result)
    if call.argument(2, "dim", 0) % x.ndim == place.dimension:
        layouts = cut(place.layout, call.result[0].shape[place.dimension])
    if layouts is None:
        raise Unfollowed(f"{call.name} with unequal parts")
    for layout, part in zip(layouts, call.result, strict=True):
        unify(layouts[0], layout)
        tracer.put(part, place.dimension, layout)


def index(tracer: Tracer, call: Call) -> None:
    """Indexing with integers and slices of other dimensions than the channels."""
    place = tracer.place(call.input)
    if place is None:
        return
    chosen = call.args[1] if isinstance(call.args[1], tuple) else (call.args[1],)
    chosen = _spell_out(chosen, call.input.ndim)
    if not all(isinstance(each, int | slice) for each in chosen):
        raise Unfollowed(f"{call.name} with computed indices")
    if chosen[place.dimension] != slice(None):
        raise Unfollowed(f"{call.name} of some channels")
    dropped = sum(isinstance(each, int) for each in chosen[: place.dimension])
    tracer.put(call.result, place.dimension - dropped, place.layout)


def _spell_out(chosen: tuple[Any, ...], dimensions: int) -> tuple[Any, ...]:
    """One entry a dimension: the ellipsis, or the missing end, is replaced by whole slices."""
    at = next((i for i, each in enumerate(chosen) if each is Ellipsis), len(chosen))
    missing = dimensions - len(chosen) + (at < len(chosen))
    return (*chosen[:at], *[slice(None)] * missing, *chosen[at + 1 :])


def creation(tracer: Tracer, call: Call) -> None:
    """New tensors that take only their shape or type from another."""


def _named(names: str) -> Iterable[Any]:
    """Every function of these names in torch, torch.Tensor and torch.nn.functional."""
    for name in names.split():
        for namespace in (torch, Tensor, F):
            if function := getattr(namespace, name, None):
                yield function


PRELU = frozenset(_named("prelu"))

_OPERATORS: dict[Rule, str] = {
    convolution: "conv1d conv2d conv3d",
    transposed_convolution: "conv_transpose1d conv_transpose2d conv_transpose3d",
    linear: "linear",
    per_channel: "batch_norm instance_norm prelu",
    pointwise: (
        "relu relu_ relu6 hardtanh hardtanh_ leaky_relu leaky_relu_ elu elu_ celu celu_ selu selu_ "
        "silu gelu mish softplus sigmoid sigmoid_ hardsigmoid hardswish tanh tanh_ clamp clamp_ "
        "abs neg __neg__ dropout dropout_ alpha_dropout dropout1d dropout2d dropout3d "
        "feature_dropout clone contiguous detach to type_as float double half bfloat16 "
        "add add_ __add__ __radd__ __iadd__ sub sub_ __sub__ __rsub__ __isub__ "
        "mul mul_ multiply __mul__ __rmul__ __imul__"
    ),
    quotient: "div div_ true_divide __truediv__ __itruediv__",
    spatial: (
        "max_pool1d max_pool2d max_pool3d avg_pool1d avg_pool2d avg_pool3d adaptive_avg_pool1d "
        "adaptive_avg_pool2d adaptive_avg_pool3d adaptive_max_pool1d adaptive_max_pool2d "
        "adaptive_max_pool3d interpolate upsample"
    ),
    pad: "pad",
    reduction: "mean sum amax amin",
    reshape: "flatten reshape view squeeze unsqueeze unflatten view_as",
    transpose: "transpose swapaxes",
    permute: "permute",
    concatenation: "cat concat concatenate",
    chunk: "chunk",
    index: "__getitem__",
    creation: (
        "new_empty new_full new_ones new_tensor new_zeros "
        "empty_like full_like ones_like rand_like randn_like zeros_like"
    ),
}

RULES: dict[Any, Rule] = {
    function: rule for rule, names in _OPERATORS.items() for function in _named(names)
}
