"""What operators that only move values do to channels: reshaping, joining, parting, indexing.

Operators that compute are in value_rules.py and layer_rules.py; which rule is for which operator is
in rules.py.
"""

import math

from torch import Tensor

from plantnas.channels.layouts import Layout, cut, scale_blocks, unify
from plantnas.channels.tracing import Call, Place, Tracer, Unfollowed


def reshape(tracer: Tracer, call: Call) -> None:
    """Views of another shape in which each channel stays one block of entries.

    Channels may also be parted into equal parts along a new dimension, and joined again. So a
    channel shuffle (Zhang et al. 2018, "ShuffleNet", arXiv 1707.01083) makes, of parts that are
    tied to each other, layouts of larger blocks.
    """
    x = call.input
    place = tracer.place(x) or _entries(tracer, x)
    if place is None:
        return
    found = _same_start(x, call.result, place) or _parted(x, call.result, place)
    found = found or _joined(x, call.result, place)
    if found is None:
        raise Unfollowed(f"{call.name} that mixes channels with other dimensions,")
    tracer.put(call.result, *found)


def _entries(tracer: Tracer, parameter: Tensor) -> Place | None:
    """A parameter with one value a channel (layer scale) that the model's code reshapes."""
    long = [i for i, size in enumerate(parameter.shape) if size > 1]
    if not tracer.is_registered(parameter) or len(long) != 1:
        return None
    layout = tracer.new_channels(parameter.numel(), tracer.owner(parameter))
    tracer.size_axis(parameter, long[0], layout, "entries")
    return Place(long[0], layout)


def _same_start(x: Tensor, result: Tensor, place: Place) -> Place | None:
    """The channels begin a dimension, which may take in or give off the dimensions behind them."""
    size, shape = x.shape[place.dimension], result.shape
    before = math.prod(x.shape[: place.dimension])
    for dimension, new_size in enumerate(shape):
        if math.prod(shape[:dimension]) == before and (new_size > 1 or size == 1):
            if new_size % size == 0:
                return Place(dimension, scale_blocks(place.layout, new_size // size))
            share, remainder = divmod(size, new_size)
            if not remainder and all(block % share == 0 for _, block in place.layout):
                return Place(dimension, scale_blocks(place.layout, 1, share))
    return None


def _parted(x: Tensor, result: Tensor, place: Place) -> Place | None:
    """The channels become two dimensions: equal parts, which are tied, and what is in a part."""
    size, shape = x.shape[place.dimension], result.shape
    before = math.prod(x.shape[: place.dimension])
    for dimension, parts in enumerate(shape[:-1]):
        if math.prod(shape[:dimension]) == before and parts * shape[dimension + 1] == size:
            layouts = cut(place.layout, parts)
            if layouts is None:
                return None
            return Place(dimension + 1, _tied(layouts))
    return None


def _joined(x: Tensor, result: Tensor, place: Place) -> Place | None:
    """The dimension before the channels becomes one with them: the layout is repeated."""
    size, before = x.shape[place.dimension], math.prod(x.shape[: place.dimension])
    for dimension, new_size in enumerate(result.shape):
        start = math.prod(result.shape[:dimension])
        if start * new_size == before * size and before % start == 0:
            return Place(dimension, place.layout * (before // start))
    return None


def _tied(layouts: list[Layout]) -> Layout:
    for layout in layouts[1:]:
        unify(layouts[0], layout)
    return layouts[0]


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


def _reorder(tracer: Tracer, call: Call, dimensions: list[int]) -> None:
    if place := tracer.place(call.input):
        tracer.put(call.result, dimensions.index(place.dimension), place.layout)


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
    tracer.put(call.result, known[0].dimension, _tied([place.layout for place in known]))


def stack(tracer: Tracer, call: Call) -> None:
    """Stack tensors that are alike in channels along a new dimension."""
    tensors = list(call.argument(0, "tensors"))
    places = [tracer.place(tensor) for tensor in tensors]
    known = [place for place in places if place]
    if not known:
        return
    if len({place and place.dimension for place in places}) > 1:
        raise Unfollowed(f"{call.name} along different dimensions")
    dimension = call.argument(1, "dim", 0) % call.result.ndim
    layout = _tied([place.layout for place in known])
    tracer.put(call.result, known[0].dimension + (dimension <= known[0].dimension), layout)


def unbind(tracer: Tracer, call: Call) -> None:
    """Take another dimension than the channels apart."""
    place = tracer.place(call.input)
    if place is None:
        return
    dimension = call.argument(1, "dim", 0) % call.input.ndim
    if dimension == place.dimension:
        raise Unfollowed(f"{call.name} of channels")
    for part in call.result:
        tracer.put(part, place.dimension - (dimension < place.dimension), place.layout)


def split(tracer: Tracer, call: Call) -> None:
    """Equal parts: parts of the channels must stay equally wide, so they are tied."""
    x = call.input
    place = tracer.place(x)
    if place is None:
        return
    layout = place.layout
    if call.argument(2, "dim", 0) % x.ndim == place.dimension:
        sizes = {part.shape[place.dimension] for part in call.result}
        layouts = cut(layout, len(call.result)) if len(sizes) == 1 else None
        if "split" in call.name:  # which names sizes, not a number of parts
            tracer.suspect_fixed(place.layout)
        if not layouts:
            raise Unfollowed(f"{call.name} into unequal parts, or within a channel,")
        layout = _tied(layouts)
    for part in call.result:
        tracer.put(part, place.dimension, layout)


def expand(tracer: Tracer, call: Call) -> None:
    """Repeat other dimensions than the channels."""
    x, result = call.input, call.result
    place = tracer.place(x)
    if place is None:
        return
    dimension = place.dimension - x.ndim + result.ndim
    if result.shape[dimension] != x.shape[place.dimension]:
        raise Unfollowed(f"{call.name} of channels")
    tracer.put(result, dimension, place.layout)


def roll(tracer: Tracer, call: Call) -> None:
    """Shift along other dimensions than the channels."""
    place = tracer.place(call.input)
    if place is None:
        return
    if place.dimension in call.dimensions(2, "dims"):
        raise Unfollowed(f"{call.name} of channels")
    tracer.put(call.result, *place)


def index(tracer: Tracer, call: Call) -> None:
    """Indexing with integers and slices of other dimensions than the channels."""
    place = tracer.place(call.input)
    if place is None:
        return
    chosen = call.args[1] if isinstance(call.args[1], tuple) else (call.args[1],)
    # One entry a dimension: whole slices in place of the ellipsis, or of the missing end.
    at = next((i for i, each in enumerate(chosen) if each is Ellipsis), len(chosen))
    missing = call.input.ndim - len(chosen) + (at < len(chosen))
    chosen = (*chosen[:at], *[slice(None)] * missing, *chosen[at + 1 :])
    if not all(isinstance(each, int | slice) for each in chosen):
        raise Unfollowed(f"{call.name} with computed indices")
    channels, size = chosen[place.dimension], call.input.shape[place.dimension]
    if isinstance(channels, int) or channels.indices(size) != (0, size, 1):
        raise Unfollowed(f"{call.name} of some channels")
    if channels != slice(None):
        tracer.suspect_fixed(place.layout)
    dropped = sum(isinstance(each, int) for each in chosen[: place.dimension])
    tracer.put(call.result, place.dimension - dropped, place.layout)


def creation(tracer: Tracer, call: Call) -> None:
    """New tensors that take only their shape or type from another."""
    tracer.forget_values(call.result)
