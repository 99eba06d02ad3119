"""What operators that compute new values from old ones do to channels.

Layers with weights are in layer_rules.py, operators that only move values in shape_rules.py; which
rule is for which operator is in rules.py.
"""

from torch import Tensor

from plantnas.channels.layouts import Layout, unify
from plantnas.channels.tracing import Call, Place, Tracer, Unfollowed


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
            if not tracer.is_registered(tensor):
                raise Unfollowed(f"{call.name} with a tensor that could not be followed")
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
    reduced = call.dimensions(1, "dim")
    if place.dimension in reduced or not isinstance(call.result, Tensor):
        raise Unfollowed(f"{call.name} over channels")
    dropped = 0 if call.result.ndim == x.ndim else sum(each < place.dimension for each in reduced)
    tracer.put(call.result, place.dimension - dropped, place.layout)


def softmax(tracer: Tracer, call: Call) -> None:
    """Softmax over another dimension than the channels."""
    place = tracer.place(call.input)
    if place is None:
        return
    dimension = call.argument(1, "dim")
    if dimension is None or dimension % call.input.ndim == place.dimension:
        mixing(tracer, call)
    tracer.put(call.result, *place)


def mixing(tracer: Tracer, call: Call) -> None:
    """Operators in which every channel changes every other, such as layer normalisation."""
    raise Unfollowed(f"{call.name}, which mixes all channels,")
