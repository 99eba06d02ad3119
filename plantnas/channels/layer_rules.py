"""What layers with weights do to channels: convolutions, linear layers, normalisation.

Operators without weights are in value_rules.py and shape_rules.py; which rule is for which operator
is in rules.py.
"""

import math

from torch import Tensor

from plantnas.channels.calls import Call
from plantnas.channels.layouts import Layout, freeze, resolve, scale_blocks
from plantnas.channels.tracing import Tracer, Unfollowed


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
        rows = _grouped_rows(tracer, weight, layout, weight.shape[1], len(weight) // groups)
    _finish_layer(tracer, call, dimension, rows)
    tracer.use_weight(weight, call.result.numel() // weight.shape[0])


def _grouped_rows(
    tracer: Tracer, weight: Tensor, layout: Layout, group_columns: int, group_rows: int
) -> Layout:
    """A grouped convolution grows by whole groups, so its outputs are tied to its inputs.

    Args:
        tracer: Of this run.
        weight: The layer's.
        layout: Its inputs.
        group_columns: Inputs of each group.
        group_rows: Outputs of each group.
    """
    if group_columns in (1, group_rows):
        pieces = resolve(layout)
        for channels, block in pieces:
            granularity = group_columns // math.gcd(group_columns, block)
            # With one group it would be an ordinary convolution: another architecture. Inputs that
            # are joined of several have a group each.
            least = 1 if len(pieces) > 1 else 2
            channels.require(granularity, minimum=least * granularity)
        return scale_blocks(layout, group_rows, group_columns)
    reason = (
        f"{tracer.owner(weight)} has {group_columns} inputs and {group_rows} outputs in each of "
        "its groups"
    )
    groups = sum(piece.size for piece in layout) // group_columns
    output = tracer.new_channels(group_rows * groups, tracer.owner(weight))
    freeze(layout, reason)
    freeze(output, reason)
    return output


def transposed_convolution(tracer: Tracer, call: Call) -> None:
    """Transposed convolutions: weight (columns x rows of a group x ...)."""
    x, weight, bias = call.input, call.argument(1, "weight"), call.argument(2, "bias")
    _require_registered(tracer, call, weight, bias)
    dimension = x.ndim - weight.ndim + 1
    layout = tracer.layout_at(x, dimension, tracer.owner(weight))
    groups = call.argument(6, "groups", 1)
    if groups > 1 and len(weight) != groups * weight.shape[1]:
        raise Unfollowed(f"{call.name} with other numbers of inputs and outputs in its groups")
    if groups == 1:
        tracer.size_axis(weight, 0, layout, "columns")
        rows = tracer.new_channels(weight.shape[1], tracer.owner(weight))
        _finish_layer(tracer, call, dimension, rows, row_dimension=1)
    else:  # a new input comes with its own outputs: it is no column of an old one
        rows = _grouped_rows(tracer, weight, layout, weight.shape[1], weight.shape[1])
        tracer.size_axis(weight, 0, layout, "rows")
        if bias is not None:
            tracer.size_axis(bias, 0, rows, "rows")
        tracer.put(call.result, dimension, rows)
    tracer.use_weight(weight, x.numel() // weight.shape[0])


def linear(tracer: Tracer, call: Call) -> None:
    """Linear layers: inputs x (... x channels), weight (rows x columns)."""
    x, weight, bias = call.input, call.argument(1, "weight"), call.argument(2, "bias")
    _require_registered(tracer, call, weight, bias)
    layout = tracer.layout_at(x, x.ndim - 1, tracer.owner(weight))
    tracer.size_axis(weight, 1, layout, "columns")
    rows = tracer.new_channels(weight.shape[0], tracer.owner(weight))
    _finish_layer(tracer, call, x.ndim - 1, rows)
    tracer.use_weight(weight, call.result.numel() // weight.shape[0])


def _require_registered(tracer: Tracer, call: Call, *tensors: Tensor | None) -> None:
    """A weight that is computed (weight_norm, dynamic convolutions) cannot be resized."""
    if not all(tensor is None or tracer.is_registered(tensor) for tensor in tensors):
        raise Unfollowed(f"{call.name} with a computed weight")


def _finish_layer(
    tracer: Tracer, call: Call, dimension: int, rows: Layout, row_dimension: int = 0
) -> None:
    weight, bias = call.argument(1, "weight"), call.argument(2, "bias")
    tracer.size_axis(weight, row_dimension, rows, "rows")
    if bias is not None:
        tracer.size_axis(bias, 0, rows, "rows")
    tracer.put(call.result, dimension, rows)


def per_channel(tracer: Tracer, call: Call) -> None:
    """Operators with one entry a channel (batch and instance normalisation, PReLU)."""
    x, entries = call.input, call.others
    place = tracer.place(x)
    if place is None:
        return
    if len(entries) == 1 and entries[0].numel() == 1:
        tracer.put(call.result, *place)  # PReLU with one slope for all channels
        return
    if place.dimension != 1 or not all(map(tracer.is_registered, entries)):
        raise Unfollowed(call.name)
    for tensor in entries:
        tracer.size_axis(tensor, 0, place.layout, "entries")
    tracer.put(call.result, 1, place.layout)


def normalisation(tracer: Tracer, call: Call) -> None:
    """Layer and RMS normalisation of the last dimensions: where these are channels, of all of them.

    A network normalises its own channels alone, so that crops are exact; old channels change with
    new ones.
    """
    place = tracer.place(call.input)
    if place is None:
        return
    outside = call.input.ndim - len(call.argument(1, "normalized_shape"))
    if place.dimension >= outside:
        _size_entries(tracer, call, place.dimension - outside, place.layout)
        tracer.mix(place.layout, call)
    tracer.put(call.result, *place)


def group_normalisation(tracer: Tracer, call: Call) -> None:
    """Normalisation of groups of channels, which grow by whole groups, one group as a whole."""
    place, groups = tracer.place(call.input), call.argument(1, "num_groups")
    if place is None:
        return
    if place.dimension != 1 or call.argument(2, "weight") is None:
        raise Unfollowed(f"{call.name}, which mixes all channels,")
    _size_entries(tracer, call, 0, place.layout)
    if groups == 1:
        tracer.mix(place.layout, call)
    else:
        group_channels, pieces = call.input.shape[1] // groups, resolve(place.layout)
        for channels, block in pieces:
            granularity = group_channels // math.gcd(group_channels, block)
            # With one group it would be a layer's normalisation: another function of the width.
            # What is joined of several has a group each.
            least = 1 if len(pieces) > 1 else 2
            channels.require(granularity, minimum=least * granularity)
    tracer.put(call.result, *place)


def _size_entries(tracer: Tracer, call: Call, dimension: int, layout: Layout) -> None:
    """The weight and the bias of a normalisation have an entry a channel in this dimension."""
    for tensor in (call.argument(2, "weight"), call.argument(3, "bias")):
        if isinstance(tensor, Tensor):
            _require_registered(tracer, call, tensor)
            tracer.size_axis(tensor, dimension, layout, "entries")
