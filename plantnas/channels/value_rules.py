"""What operators that compute new values from old ones do to channels.

Layers with weights are in layer_rules.py, operators that only move values in shape_rules.py; which
rule is for which operator is in rules.py.
"""

import math
from typing import Any

from torch import Tensor

from plantnas.channels.calls import Call
from plantnas.channels.containers import tensors_in
from plantnas.channels.layouts import Layout, unify
from plantnas.channels.tracing import Place, Tracer, Unfollowed


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


def alike(tracer: Tracer, call: Call) -> None:
    """Operators that give the first argument's entries, in another type or place, or draw them."""
    if place := tracer.place(call.input):
        tracer.put(call.result, *place)


def choice(tracer: Tracer, call: Call) -> None:
    """Operators that put given values in places of others; infinite ones would not be zero."""
    values = [*call.args, *call.kwargs.values()]
    if not isinstance(call.result, Tensor) or not all(map(_is_finite, values)):
        raise Unfollowed(f"{call.name} with infinite values")
    pointwise(tracer, call)


def _is_finite(value: Any) -> bool:
    """Whether an argument is finite, as far as can be seen while no values are computed."""
    if isinstance(value, Tensor) and value.numel() == 1 and not value.is_meta:
        value = value.item()
    return not isinstance(value, float) or math.isfinite(value)


def quotient(tracer: Tracer, call: Call) -> None:
    """Division, by anything but channels: a new channel might be divided by zero."""
    divisor = call.argument(1, "other")
    if isinstance(divisor, Tensor) and (tracer.place(divisor) or divisor.numel() > 1):
        raise Unfollowed(f"{call.name} by a tensor")
    if not isinstance(call.input, Tensor):
        raise Unfollowed(f"{call.name} of a number")
    pointwise(tracer, call)


HIGHEST_POWER = 8
"""Higher ones of activations that are not small leave the range of numbers."""


def power(tracer: Tracer, call: Call) -> None:
    """Whole powers, which are finite."""
    exponent = call.argument(1, "exponent")
    if isinstance(exponent, float) and exponent.is_integer():
        exponent = int(exponent)
    if not isinstance(exponent, int) or not 0 <= exponent <= HIGHEST_POWER:
        raise Unfollowed(f"{call.name} with an exponent that is not one of 0 to {HIGHEST_POWER}")
    pointwise(tracer, call)


def reduction(tracer: Tracer, call: Call) -> None:
    """Means, sums and maxima over other dimensions than the channels."""
    _reduce(tracer, call, call.dimensions(1, "dim"))


def extremum(tracer: Tracer, call: Call) -> None:
    """The larger or smaller of two tensors, or the largest or smallest over some dimensions."""
    if isinstance(call.argument(1, "other"), Tensor):
        pointwise(tracer, call)
    else:
        reduction(tracer, call)


def mode(tracer: Tracer, call: Call) -> None:
    """The commonest value of a dimension, which is the last if none is given."""
    _reduce(tracer, call, {call.argument(1, "dim", -1) % call.input.ndim})


def rank(tracer: Tracer, call: Call) -> None:
    """The k-th value of a dimension, which is the last if none is given."""
    _reduce(tracer, call, {call.argument(2, "dim", -1) % call.input.ndim})


def norm(tracer: Tracer, call: Call) -> None:
    """Norms of order 0 and above: those below are not finite."""
    order = call.argument(1, "ord", call.argument(1, "p"))
    if order == "nuc" or (isinstance(order, int | float) and order < 0):
        raise Unfollowed(f"{call.name} of order {order}")
    _reduce(tracer, call, call.dimensions(2, "dim"))


def _reduce(tracer: Tracer, call: Call, reduced: set[int]) -> None:
    place = tracer.place(call.input)
    if place is None:
        return
    if place.dimension in reduced:
        raise Unfollowed(f"{call.name} over channels")
    before = sum(each < place.dimension for each in reduced)
    for result in tensors_in(call.result):
        kept = result.ndim == call.input.ndim
        tracer.put(result, place.dimension if kept else place.dimension - before, place.layout)


def along(tracer: Tracer, call: Call) -> None:
    """Sums so far, and order, along another dimension than the channels."""
    _along(tracer, call, call.argument(1, "dim", -1))


def along_second(tracer: Tracer, call: Call) -> None:
    """The same where another argument comes before the dimension: the largest few, differences."""
    _along(tracer, call, call.argument(2, "dim", -1))


def along_first(tracer: Tracer, call: Call) -> None:
    """Order along the first dimension."""
    _along(tracer, call, 0)


def _along(tracer: Tracer, call: Call, dimension: int) -> None:
    place = tracer.place(call.input)
    if place is None:
        return
    if dimension % call.input.ndim == place.dimension:
        raise Unfollowed(f"{call.name} over channels")
    for result in tensors_in(call.result):
        tracer.put(result, *place)


def softmax(tracer: Tracer, call: Call) -> None:
    """Softmax over another dimension than the channels."""
    place = tracer.place(call.input)
    if place is None:
        return
    dimension = call.argument(1, "dim")
    if dimension is None or dimension % call.input.ndim == place.dimension:
        mixing(tracer, call)
    tracer.put(call.result, *place)


def normalised(tracer: Tracer, call: Call) -> None:
    """Vectors of length one, along another dimension than the channels."""
    place = tracer.place(call.input)
    if place is None:
        return
    if call.argument(2, "dim", 1) % call.input.ndim == place.dimension:
        mixing(tracer, call)
    if call.argument(1, "p", 2.0) < 0:
        raise Unfollowed(f"{call.name} of a negative order")
    tracer.put(call.result, *place)


def broadcast(tracer: Tracer, call: Call) -> None:
    """Tensors made of the same shape."""
    for tensor, result in zip(call.tensors, call.result, strict=True):
        if place := tracer.place(tensor):
            dimension = place.dimension - tensor.ndim + result.ndim
            if result.shape[dimension] != tensor.shape[place.dimension]:
                raise Unfollowed(f"{call.name} of channels")
            tracer.put(result, dimension, place.layout)


def watched(tracer: Tracer, call: Call) -> None:
    """What only looks at a tensor, such as a hook that writes its values down."""
    tracer.leave(call.input)


def mixing(tracer: Tracer, call: Call) -> None:
    """Operators in which every channel changes every other, such as layer normalisation."""
    raise Unfollowed(f"{call.name}, which mixes all channels,")
