"""A channel group: channels of several layers that must be equally many.

What groups size is in structure.py; how they are found in groups.py.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from plantnas.errors import PlantingError, did_you_mean


@dataclass(frozen=True)
class ChannelGroup:
    """The channel dimensions of several layers that must have the same width.

    Attributes:
        name: The first module whose outputs these are; it does not depend on widths.
        width: Number of channels.
        granularity: Widths and plantings are multiples of it.
        members: Names of the modules that it sizes, in the order in which the model runs them.
        frozen: Why it cannot grow; None if it can.
        minimum: No width is smaller: 2 for a depthwise convolution, which with one channel would be
            an ordinary one.
        followed: False for the constant number of channels of an input of unknown origin; such a
            group is only there where others are concatenated with it.
        mixed: Why old channels change with new ones, in words; None if they do not. A crop is exact
            all the same, for each network normalises its own channels, but planting does not
            preserve the function. So such a group is frozen, for this reason, but in a structure
            that is `opened`.
    """

    name: str
    width: int
    granularity: int
    members: tuple[str, ...]
    frozen: str | None
    minimum: int = 1
    followed: bool = True
    mixed: str | None = None

    @property
    def growable(self) -> bool:
        """Whether channels can be planted in it."""
        return self.frozen is None

    @property
    def only_crops(self) -> bool:
        """Whether it is frozen only because planting in it would not preserve the function."""
        return self.frozen is not None and self.frozen == self.mixed

    @property
    def least(self) -> int:
        """The smallest width that it can have."""
        return max(self.minimum, self.granularity)


def find_group(groups: Mapping[str, ChannelGroup], name: str) -> ChannelGroup:
    """The group of that name.

    Raises:
        PlantingError: There is none; the message names the nearest group.
    """
    if name not in groups:
        growable = [group.name for group in groups.values() if group.growable]
        raise PlantingError(f"{name}: unknown channel group. {did_you_mean(name, growable)}")
    return groups[name]


def check_growable(group: ChannelGroup) -> None:
    """Raise PlantingError, with the reason, if the group is frozen."""
    if group.only_crops:
        raise PlantingError(
            f"{group.name}: a planting would not preserve the function, since {group.frozen}; "
            "crops stay exact. Such groups grow where new columns do not start at zero: an "
            "Initialisation with a column_scale, in studies planting.column_init."
        )
    if group.frozen is not None:
        raise PlantingError(f"{group.name}: the channel group cannot change, since {group.frozen}.")
