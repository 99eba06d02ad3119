"""Widths of a network that has a wanted number of parameters. Nothing here has weights."""

from collections import Counter
from collections.abc import Callable, Mapping

from torch import nn

from plantnas.channels.cost import parameters_at
from plantnas.channels.structure import ChannelGroup, Structure
from plantnas.errors import PlantnasError

Widths = dict[str, int]
Count = Callable[[Mapping[str, int]], int]
"""Parameters at these widths."""

TOLERANCE = 0.03
"""How far a baseline's number of parameters may be from its target's, relative to it."""


class SizeNotReachable(PlantnasError):
    """Whole channels do not add up to the wanted number of parameters."""


def counter(structure: Structure, network: nn.Module) -> Count:
    """Counts the parameters of a network at other widths."""
    return lambda widths: parameters_at(structure, network, widths)


def uniform_widths(
    structure: Structure, network: nn.Module, parameters: int, tolerance: float = TOLERANCE
) -> Widths:
    """Every growable group at the same share of its width, to whole granules.

    Raises:
        SizeNotReachable: Nothing is within the tolerance.
    """
    groups = structure.growable

    def at(share: float) -> Widths:
        return {name: at_least(group, share * group.width) for name, group in groups.items()}

    return sized(at, counter(structure, network), groups, parameters, tolerance)


def sized(
    at: Callable[[float], Widths],
    count: Count,
    groups: Mapping[str, ChannelGroup],
    parameters: int,
    tolerance: float = TOLERANCE,
) -> Widths:
    """The widths of a wanted size from a family of widths that grows with a share from 0 to 1.

    Where the family jumps over the size, it is filled up with single granules of the wider groups
    of the family's next members: of the very next one, or, if that is not near enough, of a tenth
    of the channels.

    Raises:
        SizeNotReachable: Nothing is within the tolerance.
    """
    low, high = 0.0, 1.0
    for _ in range(40):  # to the precision of a float, whatever the number of channels
        middle = (low + high) / 2
        low, high = (middle, high) if count(at(middle)) <= parameters else (low, middle)
    nearest = at(high)
    for above in (at(high), at(min(1.0, high + 0.1))):
        filled = _filled(at(low), above, count, groups, parameters)
        nearest = min((nearest, filled), key=lambda each: abs(count(each) - parameters))
        found = count(nearest)
        if abs(found - parameters) <= tolerance * parameters:
            return nearest
    raise SizeNotReachable(
        f"{parameters:,} parameters are not reached by whole channels: the nearest network has "
        f"{found:,} ({100 * (found / parameters - 1):+.1f} %, allowed are {tolerance:.0%})."
    )


def _filled(
    widths: Widths,
    above: Widths,
    count: Count,
    groups: Mapping[str, ChannelGroup],
    parameters: int,
) -> Widths:
    while (wider := _next(widths, above, count, groups, parameters)) is not None:
        widths = wider
    return widths


def _next(
    widths: Widths,
    above: Widths,
    count: Count,
    groups: Mapping[str, ChannelGroup],
    parameters: int,
) -> Widths | None:
    """One granule more where that comes nearest to the size from below; None if nothing fits."""
    wider = [
        widths | {name: widths[name] + group.granularity}
        for name, group in groups.items()
        if widths[name] + group.granularity <= above[name]
    ]
    fitting = [each for each in wider if count(each) <= parameters]
    return max(fitting, key=count, default=None)


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
