"""Which groups may get channels, and what is said of those that may not."""

import pytest

from plantnas.channels.channel_group import ChannelGroup, check_growable, find_group
from plantnas.errors import PlantingError

FREE = ChannelGroup("free", 4, 1, (), None)
MIXED = ChannelGroup("mixed", 4, 1, (), "of a norm", mixed="of a norm")
BOTH = ChannelGroup("both", 4, 1, (), "of the code", mixed="of a norm")


def test_a_group_that_a_norm_alone_freezes_has_exact_crops() -> None:
    assert [each.only_crops for each in (FREE, MIXED, BOTH)] == [False, True, False]
    check_growable(FREE)


def test_a_planting_that_would_change_the_function_is_refused_with_the_way_out() -> None:
    with pytest.raises(PlantingError, match=r"mixed: .* since of a norm; crops stay .*_scale"):
        check_growable(MIXED)


def test_what_is_frozen_is_refused_with_the_reason() -> None:
    with pytest.raises(PlantingError, match="both: the channel group cannot change, since of the"):
        check_growable(BOTH)


def test_an_unknown_group_is_told_with_the_nearest() -> None:
    with pytest.raises(PlantingError, match=r"fre: unknown channel group\. Did you mean 'free'"):
        find_group({"free": FREE, "both": BOTH}, "fre")
