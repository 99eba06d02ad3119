"""Widths of a network that costs what is wanted. Nothing here has weights."""

from collections import Counter
from collections.abc import Callable, Mapping

from plantnas.channels.costs import Cost, cost_of, shown_cost, title_of
from plantnas.channels.sizing import shares_around
from plantnas.channels.structure import ChannelGroup, Structure
from plantnas.errors import PlantnasError
from plantnas.searching.measuring import estimate_of
from plantnas.searching.pricing import Pricing

Widths = dict[str, int]

TOLERANCE = 0.03
"""How far a baseline's cost may be from its target's, relative to it."""

BY_PARAMETERS = Pricing("parameters", cost_of("parameters"))


class SizeNotReachable(PlantnasError):
    """Whole channels do not add up to the wanted cost."""


def uniform_widths(
    structure: Structure,
    price: float,
    tolerance: float = TOLERANCE,
    pricing: Pricing = BY_PARAMETERS,
) -> Widths:
    """Every growable group at the same share of its width, to whole granules.

    Args:
        structure: The whole network's.
        price: What the network is to cost.
        tolerance: How far its cost may be from that, relative to it.
        pricing: What is counted.

    Raises:
        SizeNotReachable: Nothing is within the tolerance.
    """
    groups = structure.growable

    def at(share: float) -> Widths:
        return {name: at_least(group, share * group.width) for name, group in groups.items()}

    return sized(at, structure, price, tolerance, pricing)


def sized(
    at: Callable[[float], Widths],
    structure: Structure,
    price: float,
    tolerance: float = TOLERANCE,
    pricing: Pricing = BY_PARAMETERS,
) -> Widths:
    """The widths of a wanted cost from a family of widths that grows with a share from 0 to 1.

    Where the family jumps over the cost, it is filled up with single granules of the wider groups
    of the family's next members: of the very next one, or, if that is not near enough, of a tenth
    of the channels. What is measured is estimated for that, and measured of the result.

    Raises:
        SizeNotReachable: Nothing is within the tolerance.
    """
    whole = structure.opened  # so that all widths are known where a network is built for its cost

    def price_at(widths: Mapping[str, int]) -> float:
        return pricing.cost(whole, widths)

    low, high = shares_around(lambda share: price_at(at(share)), price)
    nearest = at(high)
    for above in (at(high), at(min(1.0, high + 0.1))):
        estimate = estimate_of(pricing.cost, whole.with_widths(at(low)), above)
        filled = _filled(at(low), above, structure, price, estimate)
        nearest = min((nearest, filled), key=lambda each: abs(price_at(each) - price))
        found = price_at(nearest)
        if abs(found - price) <= tolerance * price:
            return nearest
    raise SizeNotReachable(
        f"{shown_cost(price)} {title_of(pricing.name)} are not reached by whole channels: the "
        f"nearest network has {shown_cost(found)} ({100 * (found / price - 1):+.1f} %, allowed are "
        f"{tolerance:.0%})."
    )


def _filled(
    filled: Widths, above: Widths, structure: Structure, price: float, cost_at: Cost
) -> Widths:
    """One granule more after the other, always the one that comes nearest to the cost from below.

    No group gets wider than `above`.
    """
    while True:
        wider = [
            filled | {name: filled[name] + group.granularity}
            for name, group in structure.growable.items()
            if filled[name] + group.granularity <= above[name]
        ]
        costs = [cost_at(structure, each) for each in wider]
        fitting = [number for number, each in enumerate(costs) if each <= price]
        if not fitting:
            return filled
        filled = wider[max(fitting, key=costs.__getitem__)]


def at_least(group: ChannelGroup, width: float) -> int:
    """The allowed width that is nearest, at least the group's minimum."""
    granules = max(1, round(width / group.granularity))
    while granules * group.granularity < group.minimum:
        granules += 1
    return granules * group.granularity


def ranked_widths(
    groups: Mapping[str, ChannelGroup],
    scores: Mapping[str, list[float]],
    floors: Widths,
    kept: float,
) -> Widths:
    """The widths that are left when the least of all scores go, whatever group they are in.

    Args:
        groups: The groups that may lose channels.
        scores: Of each channel of each group.
        floors: No group gets narrower than this.
        kept: Share of all channels that stay.
    """
    ranked = sorted(
        ((score, name) for name, each in scores.items() for score in each), reverse=True
    )
    left = Counter(name for _, name in ranked[: round(kept * len(ranked))])
    return {name: max(floors[name], at_least(group, left[name])) for name, group in groups.items()}
