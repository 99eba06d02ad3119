"""The bisection for a size, on made-up sizes."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plantnas.channels.sizing import shares_around


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 10_000), st.floats(0, 1))
def test_the_two_shares_are_on_both_sides_of_the_size_and_next_to_each_other(
    channels: int, wanted_share: float
) -> None:
    wanted = channels * wanted_share
    low, high = shares_around(lambda share: math.floor(channels * share), wanted)
    assert math.floor(channels * low) <= wanted
    assert math.floor(channels * high) > wanted or high == 1
    assert high - low < 1e-11


def test_no_share_is_larger_than_one_unless_asked_for() -> None:
    assert shares_around(lambda share: share, 5.0)[1] == 1
    low, high = shares_around(lambda share: share, 5.0, largest=8.0)
    assert low <= 5 <= high


@pytest.mark.parametrize("wanted", [9.0, math.inf])
def test_a_size_that_no_share_has_gives_the_largest(wanted: float) -> None:
    low, high = shares_around(lambda share: share, wanted, largest=8.0)
    assert high == 8
    assert low == pytest.approx(8)


def test_where_every_member_is_too_large_the_share_is_none() -> None:
    assert shares_around(lambda share: 1 + share, 0.5)[0] == 0


def test_fewer_halvings_stop_further_apart() -> None:
    low, high = shares_around(lambda share: share, 0.3, halvings=3)
    assert (low, high) == (0.25, 0.375)
