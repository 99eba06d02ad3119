"""Makes a planting of a trial's suggestions. What happens to the planting is in objective.py."""

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from math import inf

import optuna

from plantnas.channels.costs import Cost, cost_of
from plantnas.channels.sizing import shares_around
from plantnas.channels.structure import ChannelGroup, Structure
from plantnas.channels.wiring import seen
from plantnas.config import Search
from plantnas.errors import ConfigurationError, did_you_mean
from plantnas.search_space import Growth
from plantnas.searching.measuring import estimate_of

MOST = 2.0**20
"""A scale of shares at which every group that grows is at its limit."""

HALVINGS = 20
"""So often the range of the scale is halved. More would give a grown trial that is repeated another
planting, now and then, than the screened one of a study that is recorded already."""


@dataclass(frozen=True)
class Room:
    """How far each group of a parent may grow in a step, and the costs that are wanted.

    Attributes:
        structure: The parent's.
        limits: New channels at most, for each of them; a positive multiple of its
            granularity. Groups that may not grow are not there.
        cost: What the window is of, the cost of a study.
        minimum: The child costs at least as much ...
        maximum: ... and at most as much.
        maximum_parameters: The child has at most as many, whatever the cost.
        estimate: What the cost is nearly, where that takes long to find; None: itself.
    """

    structure: Structure
    limits: dict[str, int]
    cost: Cost
    minimum: float
    maximum: float
    maximum_parameters: float
    estimate: Cost | None = None

    @property
    def groups(self) -> dict[str, ChannelGroup]:
        """The groups that may grow, with their present widths."""
        return {name: self.structure.groups[name] for name in self.limits}

    def cost_at(self, widths: Mapping[str, int]) -> float:
        """The cost of the network at these widths; groups that are not named keep theirs."""
        return self.cost(self.structure, widths)

    def estimate_at(self, widths: Mapping[str, int]) -> float:
        """What the cost is at least nearly, in microseconds."""
        return (self.estimate or self.cost)(self.structure, widths)

    def excess(self, widths: Mapping[str, int]) -> float:
        """How far outside of the window, relative to it; not positive inside."""
        cost = self.cost_at(widths)
        above, below = cost / self.maximum - 1, 1 - cost / self.minimum
        return max(above, below, self.structure.parameters(widths) / self.maximum_parameters - 1)

    def has_none(self) -> bool:
        """Whether no planting at all can be inside the window."""
        if not self.limits or self.minimum > self.maximum:
            return True
        smallest = [
            {name: group.width + group.granularity}
            for name, group in self.groups.items()
            if seen(self.structure, {name})
        ]
        widest = {name: group.width + self.limits[name] for name, group in self.groups.items()}
        return (
            min(map(self.estimate_at, smallest)) > self.maximum
            or self.cost_at(widest) < self.minimum
            or min(map(self.structure.parameters, smallest)) > self.maximum_parameters
        )


def room_to_grow(
    structure: Structure,
    teacher_widths: Mapping[str, int],
    growth: Growth,
    search: Search,
    priced: Cost | None = None,
) -> Room:
    """The room of a parent.

    Args:
        structure: The parent's.
        teacher_widths: No group outgrows the teacher's.
        growth: Which groups may grow, and by how much.
        search: The window of costs.
        priced: Theirs; None: what the search names.

    Raises:
        ConfigurationError: A pattern of `growth` fits no group, or there is no such cost.
    """
    chosen, cost = _chosen(structure, growth), priced or cost_of(search.cost)
    limits = dict[str, int]()
    for name, group in structure.growable.items():
        if name in chosen:
            step, width = group.granularity, group.width
            wanted = max(step, int(width * growth.up_to) // step * step)  # at least one granule
            limit = min(wanted, (teacher_widths[name] - width) // step * step)
            if limit > 0:
                limits[name] = limit
    reaching = seen(structure, limits.keys())
    limits = {name: limit for name, limit in limits.items() if name in reaching}
    widest = {name: structure.groups[name].width + limit for name, limit in limits.items()}
    before, most = cost(structure, {}), search.maximum_parameters or inf
    maximum = min(search.maximum_growth * before, search.maximum_cost or inf)
    return Room(
        structure=structure,
        limits=limits,
        cost=cost,
        minimum=search.minimum_growth * before,
        maximum=min(maximum, most) if search.cost == "parameters" else maximum,
        maximum_parameters=most,
        estimate=estimate_of(cost, structure, widest),
    )


def _chosen(structure: Structure, growth: Growth) -> set[str]:
    """The groups that may grow, by the patterns of their names."""
    groups = structure.growable
    for pattern in growth.groups:
        if not any(fnmatchcase(name, pattern) for name in groups):
            raise ConfigurationError(
                f"search_space.grow.groups: {pattern!r} fits no channel group. "
                f"{did_you_mean(pattern, groups)}"
            )
    chosen = {name for name in groups if any(fnmatchcase(name, each) for each in growth.groups)}
    if not seen(structure, chosen):
        raise ConfigurationError(
            f"search_space.grow.groups: {', '.join(growth.groups)}: with triangular wiring new "
            "channels of these groups alone would reach no output, since old channels do not see "
            "them; let the groups behind them grow too."
        )
    return chosen


def suggest_counts(trial: optuna.Trial, room: Room) -> dict[str, int]:
    """One integer a group, its number of new channels; groups with none are left out.

    So are those whose new channels no others would see, if wiring is triangular.
    """
    counts = {
        name: trial.suggest_int(name, 0, room.limits[name], step=group.granularity)
        for name, group in room.groups.items()
    }
    planting = {name: count for name, count in counts.items() if count}
    reaching = seen(room.structure, planting.keys())
    return {name: count for name, count in planting.items() if name in reaching}


def suggest_shares(trial: optuna.Trial, room: Room) -> dict[str, int]:
    """A share for each group and the child's size between the limits; the planting is scaled to it.

    A group with a share of a half or less is left alone; above, the new channels are proportional
    to its width and to the share's excess. So half of the groups grow on average, and nearly every
    proposal is inside the window, however many groups there are. Where those groups alone cannot
    grow as far as the window, all do, in proportion to their shares. So they do where wiring is
    triangular: a group that does not grow would hide the new channels of those before it.
    """
    shares = {name: trial.suggest_float(name, 0, 1) for name in room.limits}
    size = trial.suggest_float("size", 0, 1)
    ratio = room.maximum / room.minimum
    wanted = room.minimum * ratio**size
    above = {name: share - 0.5 for name, share in shares.items()}

    def cost_at(scale: float) -> float:
        return room.estimate_at(_scaled(above, room, scale))

    if cost_at(MOST) < room.minimum or room.structure.ancestors is not None:
        above = shares
    scale, _ = shares_around(cost_at, wanted, MOST, HALVINGS)
    widths = _scaled(above, room, scale)
    return {
        name: widths[name] - group.width
        for name, group in room.groups.items()
        if widths[name] > group.width
    }


def _scaled(shares: Mapping[str, float], room: Room, scale: float) -> dict[str, int]:
    """The widths after growth in proportion to width and share; a negative share is none."""
    widths = {}
    for name, group in room.groups.items():
        granules = round(scale * group.width * max(0.0, shares[name]) / group.granularity)
        widths[name] = group.width + min(granules * group.granularity, room.limits[name])
    groups = room.groups
    grown = {name for name, width in widths.items() if width > groups[name].width}
    hidden = grown - seen(room.structure, grown)
    return widths | {name: groups[name].width for name in hidden}
