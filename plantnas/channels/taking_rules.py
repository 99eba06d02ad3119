"""What operators that take some of a tensor's values do to channels: indexing, gathering.

Operators that move all of them are in shape_rules.py; which rule is for which operator is in
rules.py.
"""

from typing import Any

import torch
from torch import Tensor

from plantnas.channels.calls import Call, is_integer
from plantnas.channels.layouts import unify
from plantnas.channels.shape_rules import parameter_entries
from plantnas.channels.tracing import Place, Tracer, Unfollowed


def select(tracer: Tracer, call: Call) -> None:
    """Take one entry of another dimension than the channels."""
    place = tracer.place(call.input)
    if place is None:
        return
    before = _require_another(call, place) < place.dimension
    tracer.put(call.result, place.dimension - int(before), place.layout)


def narrow(tracer: Tracer, call: Call) -> None:
    """Take a stretch of a dimension; of the channels all."""
    place = tracer.place(call.input)
    if place is None:
        return
    if call.argument(1, "dim") % call.input.ndim == place.dimension:
        if call.result.shape[place.dimension] != call.input.shape[place.dimension]:
            raise Unfollowed(f"{call.name} of some channels")
        tracer.suspect_fixed(place.layout)
    tracer.put(call.result, *place)


def choose(tracer: Tracer, call: Call) -> None:
    """Take some entries of another dimension than the channels, by their numbers."""
    if place := tracer.place(call.input):
        _require_another(call, place)
        tracer.put(call.result, *place)


def gather(tracer: Tracer, call: Call) -> None:
    """Take entries of another dimension by an index that is alike in channels."""
    place = tracer.place(call.input)
    if place is None:
        return
    _require_another(call, place)
    where = tracer.place(call.argument(2, "index"))
    if where is None or where.dimension != place.dimension:
        raise Unfollowed(f"{call.name} with a tensor that could not be followed")
    unify(place.layout, where.layout)
    tracer.put(call.result, *place)


def windows(tracer: Tracer, call: Call) -> None:
    """Windows of another dimension than the channels, along a new last dimension."""
    if place := tracer.place(call.input):
        _require_another(call, place)
        tracer.put(call.result, *place)


def _require_another(call: Call, place: Place) -> int:
    """The dimension that an operator works along, which must not be the channels'."""
    dimension: int = call.argument(1, "dim") % call.input.ndim
    if dimension == place.dimension:
        raise Unfollowed(f"{call.name} of some channels")
    return dimension


def index(tracer: Tracer, call: Call) -> None:
    """Indexing of other dimensions than the channels with integers, slices, or one list."""
    x, given = call.input, call.argument(1, "index")
    chosen = given if isinstance(given, tuple) else (given,)
    place = tracer.place(x)
    if place is None and any(each is None for each in chosen):  # a parameter that gets dimensions
        place = parameter_entries(tracer, x)
    if place is None:
        return
    chosen = _completed(chosen, x.ndim)
    at = [i for i, each in enumerate(chosen) if each is not None][place.dimension]
    channels, size = chosen[at], x.shape[place.dimension]
    lists, integers = sum(map(_is_list, chosen)), sum(map(is_integer, chosen))
    known = lists + integers + sum(each is None or isinstance(each, slice) for each in chosen)
    # With integers, or several lists, torch moves the dimensions of lists.
    if known < len(chosen) or _is_list(channels) or lists > 1 or (lists and integers):
        raise Unfollowed(f"{call.name} with computed indices")
    if not isinstance(channels, slice) or channels.indices(size) != (0, size, 1):
        raise Unfollowed(f"{call.name} of some channels")
    if channels != slice(None):
        tracer.suspect_fixed(place.layout)
    tracer.put(call.result, at - sum(map(is_integer, chosen[:at])), place.layout)


def _completed(chosen: tuple[Any, ...], dimensions: int) -> tuple[Any, ...]:
    """One index a dimension: whole slices in place of the ellipsis, or of the missing end."""
    at = next((i for i, each in enumerate(chosen) if each is Ellipsis), len(chosen))
    missing = dimensions - sum(each is not None and each is not Ellipsis for each in chosen)
    return (*chosen[:at], *[slice(None)] * missing, *chosen[at + 1 :])


def _is_list(each: Any) -> bool:
    """Whether an index is a list of integers, which takes so many entries of one dimension."""
    if isinstance(each, Tensor):
        return each.ndim == 1 and not each.is_floating_point() and each.dtype != torch.bool
    return isinstance(each, list) and all(map(is_integer, each))
