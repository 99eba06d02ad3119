"""From a trial's suggestions to a planting. What happens to the planting is in objective.py."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

import optuna

from plantnas.channels.structure import ChannelGroup
from plantnas.config import Growth, Search
from plantnas.errors import ConfigurationError, did_you_mean

ParameterCount = Callable[[Mapping[str, int]], int]
"""Parameters of the network at these widths; groups that are not named keep theirs."""

MOST = 2.0**20
"""A scale of shares at which every group that grows is at its limit."""


@dataclass(frozen=True)
class Room:
    """How far each group of a parent may grow in a step, and the parameters that are wanted.

    Attributes:
        groups: The groups that may grow, with their present widths.
        limits: New channels at most, for each of them; a positive multiple of its granularity.
        minimum_parameters: The child has at least as many ...
        maximum_parameters: ... and at most as many.
    """

    groups: dict[str, ChannelGroup]
    limits: dict[str, int]
    minimum_parameters: float
    maximum_parameters: float

    def excess(self, parameters: int) -> float:
        """How far outside of the window, relative to it; not positive inside."""
        above = parameters / self.maximum_parameters - 1
        below = 1 - parameters / self.minimum_parameters
        return max(above, below)

    def has_none(self, parameters_at: ParameterCount) -> bool:
        """Whether no planting at all can be inside the window."""
        if not self.limits or self.minimum_parameters > self.maximum_parameters:
            return True
        widths = {name: group.width for name, group in self.groups.items()}
        smallest = min(
            parameters_at({name: group.width + group.granularity})
            for name, group in self.groups.items()
        )
        largest = parameters_at({name: widths[name] + new for name, new in self.limits.items()})
        return smallest > self.maximum_parameters or largest < self.minimum_parameters


def room_to_grow(
    groups: Mapping[str, ChannelGroup],
    teacher_widths: Mapping[str, int],
    parameters: int,
    growth: Growth,
    search: Search,
) -> Room:
    """The room of a parent.

    Args:
        groups: Its growable groups.
        teacher_widths: No group outgrows the teacher's.
        parameters: The parent's parameters.
        growth: Which groups may grow, and by how much.
        search: The window of parameters.

    Raises:
        ConfigurationError: A pattern of `growth` fits no group.
    """
    for pattern in growth.groups:
        if not any(fnmatchcase(name, pattern) for name in groups):
            raise ConfigurationError(
                f"search_space.grow.groups: {pattern!r} fits no channel group. "
                f"{did_you_mean(pattern, groups)}"
            )
    chosen = {
        name: group
        for name, group in groups.items()
        if any(fnmatchcase(name, pattern) for pattern in growth.groups)
    }
    limits = {
        name: limit
        for name, group in chosen.items()
        if (limit := _limit(group, growth.up_to, teacher_widths[name])) > 0
    }
    return Room(
        groups={name: chosen[name] for name in limits},
        limits=limits,
        minimum_parameters=search.minimum_growth * parameters,
        maximum_parameters=min(
            search.maximum_growth * parameters, search.maximum_parameters or float("inf")
        ),
    )


def _limit(group: ChannelGroup, up_to: float, teacher_width: int) -> int:
    """New channels at most: at least one granule where the teacher has more."""
    step = group.granularity
    wanted = max(step, int(group.width * up_to) // step * step)
    return min(wanted, (teacher_width - group.width) // step * step)


def suggest_counts(trial: optuna.Trial, room: Room) -> dict[str, int]:
    """One integer a group, its number of new channels; groups with none are left out."""
    counts = {
        name: trial.suggest_int(name, 0, limit, step=room.groups[name].granularity)
        for name, limit in room.limits.items()
    }
    return {name: count for name, count in counts.items() if count}


def suggest_shares(
    trial: optuna.Trial, room: Room, parameters_at: ParameterCount
) -> dict[str, int]:
    """A share for each group and the child's size between the limits; the planting is scaled to it.

    A group with a share of a half or less is left alone; above, the new channels are proportional
    to its width and to the share's excess. So half of the groups grow on average, and nearly every
    proposal is inside the window, however many groups there are. Where those groups alone cannot
    grow as far as the window, all do, in proportion to their shares.
    """
    shares = {name: trial.suggest_float(name, 0, 1) for name in room.limits}
    size = trial.suggest_float("size", 0, 1)
    ratio = room.maximum_parameters / room.minimum_parameters
    wanted = room.minimum_parameters * ratio**size
    above = {name: share - 0.5 for name, share in shares.items()}
    if parameters_at(_scaled(above, room, MOST)) < room.minimum_parameters:
        above = shares
    low, high = 0.0, 1.0
    while parameters_at(_scaled(above, room, high)) < wanted and high < MOST:
        low, high = high, 2 * high
    for _ in range(20):
        middle = (low + high) / 2
        if parameters_at(_scaled(above, room, middle)) <= wanted:
            low = middle
        else:
            high = middle
    planting = _scaled(above, room, low)
    return {
        name: width - room.groups[name].width
        for name, width in planting.items()
        if width > room.groups[name].width
    }


def _scaled(shares: Mapping[str, float], room: Room, scale: float) -> dict[str, int]:
    """The widths after growth in proportion to width and share; a negative share is none."""
    widths = {}
    for name, group in room.groups.items():
        granules = round(scale * group.width * max(0.0, shares[name]) / group.granularity)
        new = min(granules * group.granularity, room.limits[name])
        widths[name] = group.width + new
    return widths
