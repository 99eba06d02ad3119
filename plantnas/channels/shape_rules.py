"""What operators that only move values do to channels: reshaping, joining, parting, mirroring.

Operators that take some of the values are in taking_rules.py, those that compute in value_rules.py
and layer_rules.py; which rule is for which operator is in rules.py.
"""

import math

from torch import Tensor

from plantnas.channels.calls import Call
from plantnas.channels.layouts import Layout, cut, scale_blocks, unify
from plantnas.channels.tracing import Place, Tracer, Unfollowed


def reshape(tracer: Tracer, call: Call) -> None:
    """Views of another shape in which each channel stays one block of entries.

    Channels may also be parted into equal parts along a new dimension, and joined again. So a
    channel shuffle (Zhang et al. 2018, "ShuffleNet", arXiv 1707.01083) makes, of parts that are
    tied to each other, layouts of larger blocks.
    """
    x = call.input
    place = tracer.place(x) or parameter_entries(tracer, x)
    if place is None:
        return
    found = _same_start(x, call.result, place) or _parted(x, call.result, place)
    found = found or _joined(x, call.result, place)
    if found is None:
        raise Unfollowed(f"{call.name} that mixes channels with other dimensions,")
    tracer.put(call.result, *found)


def parameter_entries(tracer: Tracer, parameter: Tensor) -> Place | None:
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
    """Exchange two dimensions; the last two where none are named (mT, adjoint)."""
    x = call.input
    first, second = (call.argument(i, f"dim{i - 1}", i - 3) % x.ndim for i in (1, 2))
    order = list(range(x.ndim))
    order[first], order[second] = second, first
    _reorder(tracer, call, order)


def reverse(tracer: Tracer, call: Call) -> None:
    """The dimensions the other way round (t, T)."""
    _reorder(tracer, call, list(range(call.input.ndim))[::-1])


def permute(tracer: Tracer, call: Call) -> None:
    """Put dimensions in another order."""
    _reorder(tracer, call, [each % call.input.ndim for each in call.listed(1, "dims")])


def move(tracer: Tracer, call: Call) -> None:
    """Put some dimensions in other places; the others keep their order."""
    count = call.input.ndim
    sources = [each % count for each in call.integers(1, "source")]
    places = [each % count for each in call.integers(2, "destination")]
    moved = dict(zip(places, sources, strict=True))
    others = iter(each for each in range(count) if each not in sources)
    order = [moved[each] if each in moved else next(others) for each in range(count)]
    _reorder(tracer, call, order)


def _reorder(tracer: Tracer, call: Call, dimensions: list[int]) -> None:
    if place := tracer.place(call.input):
        tracer.put(call.result, dimensions.index(place.dimension), place.layout)


def concatenation(tracer: Tracer, call: Call) -> None:
    """Concatenate channels one after another, or other dimensions of tensors alike in channels."""
    _concatenate(tracer, call, call.argument(1, "dim", 0) % call.result.ndim)


def stack_of_dimension(tracer: Tracer, call: Call) -> None:
    """Concatenate along the dimension that the operator is named after."""
    if min(tensor.ndim for tensor in call.tensors) < 3:
        raise Unfollowed(f"{call.name} of fewer than three dimensions")  # it makes dimensions
    _concatenate(tracer, call, _named_dimension(call))


def _named_dimension(call: Call) -> int:
    """Vertical is the first dimension, horizontal the second, depth the third."""
    return {"v": 0, "r": 0, "h": 1, "d": 2}[call.name.rpartition(".")[2][0]]


def _concatenate(tracer: Tracer, call: Call, dimension: int) -> None:
    tensors = list(call.argument(0, "tensors"))
    places = [tracer.place(tensor) for tensor in tensors]
    if not any(places):
        return
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
    _split(tracer, call, call.argument(2, "dim", 0) % call.input.ndim)


def split_of_dimension(tracer: Tracer, call: Call) -> None:
    """Parts of the dimension that the operator is named after."""
    _split(tracer, call, _named_dimension(call))


def _split(tracer: Tracer, call: Call, dimension: int) -> None:
    place = tracer.place(call.input)
    if place is None:
        return
    layout = place.layout
    if dimension == place.dimension:
        sizes = {part.shape[dimension] for part in call.result}
        layouts = cut(layout, len(call.result)) if len(sizes) == 1 else None
        if "split" in call.name:  # which names sizes, not a number of parts
            tracer.suspect_fixed(place.layout)
        if not layouts:
            raise Unfollowed(f"{call.name} into unequal parts, or within a channel,")
        layout = _tied(layouts)
    for part in call.result:
        tracer.put(part, place.dimension, layout)


def halves(tracer: Tracer, call: Call) -> None:
    """Gated linear units: the first half of a dimension, times a function of the second."""
    place = tracer.place(call.input)
    if place is None:
        return
    layout = place.layout
    if call.argument(1, "dim", -1) % call.input.ndim == place.dimension:
        layouts = cut(layout, 2)
        if not layouts:
            raise Unfollowed(f"{call.name} that halves a channel")
        layout = _tied(layouts)
    tracer.put(call.result, place.dimension, layout)


def shuffle(tracer: Tracer, call: Call) -> None:
    """Channel shuffle: parts of the second dimension, which are tied, one of each by turns."""
    place = tracer.place(call.input)
    if place is None:
        return
    layout = place.layout
    if place.dimension == 1:
        parts = call.argument(1, "groups")
        layouts = cut(layout, parts)
        if not layouts:
            raise Unfollowed(f"{call.name} within a channel")
        layout = scale_blocks(_tied(layouts), parts)
    tracer.put(call.result, place.dimension, layout)


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


def repeat(tracer: Tracer, call: Call) -> None:
    """Repeat whole dimensions, one after another: channels are joined with themselves."""
    x, result = call.input, call.result
    place = tracer.place(x)
    if place is None:
        return
    dimension = place.dimension - x.ndim + result.ndim
    tracer.put(
        result, dimension, place.layout * (result.shape[dimension] // x.shape[place.dimension])
    )


def repeat_each(tracer: Tracer, call: Call) -> None:
    """Repeat each entry of a dimension: each channel becomes a block."""
    place, times = tracer.place(call.input), call.argument(1, "repeats")
    if place is None:
        return
    dimension, layout = call.argument(2, "dim"), place.layout
    if dimension is None:
        raise Unfollowed(f"{call.name} of all dimensions as one")
    if dimension % call.input.ndim == place.dimension:
        if not isinstance(times, int):
            raise Unfollowed(f"{call.name} by computed numbers")
        layout = scale_blocks(layout, times)
    tracer.put(call.result, place.dimension, layout)


def roll(tracer: Tracer, call: Call) -> None:
    """Shift or turn along other dimensions than the channels."""
    _keep(tracer, call, call.dimensions(2, "dims"))


def flip(tracer: Tracer, call: Call) -> None:
    """Mirror other dimensions than the channels."""
    _keep(tracer, call, {each % call.input.ndim for each in call.listed(1, "dims")})


def mirror(tracer: Tracer, call: Call) -> None:
    """Left and right are the second dimension, up and down the first."""
    _keep(tracer, call, {int("lr" in call.name)})


def rotation(tracer: Tracer, call: Call) -> None:
    """Quarter turns in the plane of two dimensions other than the channels."""
    dimensions = call.integers(2, "dims") or (0, 1)
    _keep(tracer, call, {each % call.input.ndim for each in dimensions})


def triangle(tracer: Tracer, call: Call) -> None:
    """Zeros above or below a diagonal of the last two dimensions."""
    _keep(tracer, call, {call.input.ndim - 2, call.input.ndim - 1})


def _keep(tracer: Tracer, call: Call, changed: set[int]) -> None:
    """The channels stay where they are, if these dimensions are others."""
    place = tracer.place(call.input)
    if place is None:
        return
    if place.dimension in changed:
        raise Unfollowed(f"{call.name} of channels")
    tracer.put(call.result, *place)


def creation(tracer: Tracer, call: Call) -> None:
    """New tensors that take only their shape or type from another."""
    place = tracer.place(call.input)
    if place and call.result.shape == call.input.shape and "like" in call.name:
        tracer.put(call.result, *place)
    tracer.forget_values(call.result)
