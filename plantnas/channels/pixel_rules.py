"""What operators on the pixels of each channel do: pooling, resizing, padding.

Other operators that compute are in value_rules.py and layer_rules.py; which rule is for which
operator is in rules.py.
"""

import math
import re

from torch import Tensor

from plantnas.channels.calls import Call
from plantnas.channels.containers import tensors_in
from plantnas.channels.layouts import join_channels, scale_blocks, unify
from plantnas.channels.tracing import Tracer, Unfollowed


def pooling(tracer: Tracer, call: Call) -> None:
    """Pooling of the last dimensions, whose number the operator's name says.

    Torch takes images without a batch too: so features, images x channels, are one image to a
    one-dimensional pool, and channels are what it pools.
    """
    place = tracer.place(call.input)
    if place is None:
        return
    if place.dimension >= call.input.ndim - pooled_dimensions(call):
        raise Unfollowed(f"{call.name} over channels")
    for result in tensors_in(call.result):  # the values, and where they came from if that is asked
        tracer.put(result, *place)


def pooled_dimensions(call: Call) -> int:
    """How many of the last dimensions an operator such as max_pool2d works on."""
    found = re.search(r"(\d)d", call.name.rpartition(".")[2])
    if not found:
        raise Unfollowed(call.name)
    return int(found[1])


def power_pooling(tracer: Tracer, call: Call) -> None:
    """Roots of sums of powers; an odd power of a negative value may have no root."""
    power = call.argument(1, "norm_type")
    if power != math.inf and (power < 1 or (power % 2 and power != 1)):
        raise Unfollowed(f"{call.name} of an odd power")
    pooling(tracer, call)


def spatial(tracer: Tracer, call: Call) -> None:
    """Operators on images x channels x ..., which work on each image and channel alone."""
    place = tracer.place(call.input)
    if place is None:
        return
    if place.dimension != 1 or not isinstance(call.result, Tensor):
        raise Unfollowed(call.name)
    tracer.put(call.result, 1, place.layout)


def pad(tracer: Tracer, call: Call) -> None:
    """Padding of any dimension but the channels; the first two numbers are the last dimension's."""
    place = tracer.place(call.input)
    if place is None:
        return
    first = 2 * (call.input.ndim - 1 - place.dimension)
    if any(call.integers(1, "pad")[first : first + 2]):
        raise Unfollowed(f"{call.name} of channels")
    tracer.put(call.result, *place)


def unpooling(tracer: Tracer, call: Call) -> None:
    """The inverse of a pool, by the indices that it gave."""
    place, where = tracer.place(call.input), tracer.place(call.argument(1, "indices"))
    if place is None:
        return
    if where is None or where.dimension != place.dimension:
        raise Unfollowed(f"{call.name} with indices that could not be followed")
    unify(place.layout, where.layout)
    pooling(tracer, call)


def sampling(tracer: Tracer, call: Call) -> None:
    """Pixels taken at computed points, the same of every channel."""
    points = call.argument(1, "grid")
    tracer.freeze(points, f"its channels are coordinates in {call.name}")
    spatial(tracer, call)


def to_pixels(tracer: Tracer, call: Call) -> None:
    """Pixel shuffle (Shi et al. 2016, arXiv 1609.05158): r x r channels become pixels of one."""
    _exchange(tracer, call, call.input.ndim - 3, call.argument(1, "upscale_factor") ** 2)


def from_pixels(tracer: Tracer, call: Call) -> None:
    """The inverse: each channel becomes a block of r x r."""
    place, factor = tracer.place(call.input), call.argument(1, "downscale_factor")
    if place is None:
        return
    if place.dimension != call.input.ndim - 3:
        raise Unfollowed(f"{call.name} along another dimension")
    tracer.put(call.result, place.dimension, scale_blocks(place.layout, factor**2))


def patches(tracer: Tracer, call: Call) -> None:
    """Patches of the pixels as columns: each channel becomes a block of a patch's entries."""
    place = tracer.place(call.input)
    if place is None:
        return
    if place.dimension != call.input.ndim - 3:
        raise Unfollowed(f"{call.name} along another dimension")
    rows = call.result.ndim - 2
    entries = call.result.shape[rows] // call.input.shape[place.dimension]
    tracer.put(call.result, rows, scale_blocks(place.layout, entries))


def from_patches(tracer: Tracer, call: Call) -> None:
    """The inverse: a patch's entries become pixels of one channel."""
    channels = call.result.shape[call.result.ndim - 3]
    entries = call.input.shape[call.input.ndim - 2] // channels
    _exchange(tracer, call, call.input.ndim - 2, entries)


def _exchange(tracer: Tracer, call: Call, dimension: int, size: int) -> None:
    """So many consecutive channels of a dimension become one, with more pixels."""
    place = tracer.place(call.input)
    if place is None:
        return
    joined = join_channels(place.layout, size) if place.dimension == dimension else None
    if joined is None:
        raise Unfollowed(f"{call.name} of parts of channels")
    tracer.put(call.result, call.result.ndim - 3, joined)
