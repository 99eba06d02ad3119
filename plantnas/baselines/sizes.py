"""Widths of a network that has a wanted number of parameters. Nothing here has weights."""

from collections import Counter
from collections.abc import Callable, Mapping

from plantnas.channels.sizing import shares_around
from plantnas.channels.structure import ChannelGroup, Structure
from plantnas.errors import PlantnasError

Widths = dict[str, int]

TOLERANCE = 0.03
"""How far a baseline's number of parameters may be from its target's, relative to it."""


class SizeNotReachable(PlantnasError):
    """Whole channels do not add up to the wanted number of parameters."""


def uniform_widths(structure: Structure, parameters: int, tolerance: float = TOLERANCE) -> Widths:
    """Every growable group at the same share of its width, to whole granules.

    Raises:
        SizeNotReachable: Nothing is within the tolerance.
    """
    groups = structure.growable

    def at(share: float) -> Widths:
        return {name: at_least(group, share * group.width) for name, group in groups.items()}

    return sized(at, structure, parameters, tolerance)


def sized(
    at: Callable[[float], Widths],
    structure: Structure,
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
    low, high = shares_around(lambda share: structure.parameters(at(share)), parameters)
    nearest = at(high)
    for above in (at(high), at(min(1.0, high + 0.1))):
        filled = _filled(at(low), above, structure, parameters)
        nearest = min(
            (nearest, filled), key=lambda each: abs(structure.parameters(each) - parameters)
        )
        found = structure.parameters(nearest)
        if abs(found - parameters) <= tolerance * parameters:
            return nearest
    raise SizeNotReachable(
        f"{parameters:,} parameters are not reached by whole channels: the nearest network has "
        f"{found:,} ({100 * (found / parameters - 1):+.1f} %, allowed are {tolerance:.0%})."
    )


def _filled(filled: Widths, above: Widths, structure: Structure, parameters: int) -> Widths:
    """One granule more after the other, always the one that comes nearest to the size from below.

    No group gets wider than `above`.
    """
    while True:
        wider = [
            filled | {name: filled[name] + group.granularity}
            for name, group in structure.growable.items()
            if filled[name] + group.granularity <= above[name]
        ]
        fitting = [each for each in wider if structure.parameters(each) <= parameters]
        if not fitting:
            return filled
        filled = max(fitting, key=structure.parameters)


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
