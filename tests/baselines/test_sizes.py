"""Widths of a wanted size, on made-up counts of parameters."""

from math import inf

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from plantnas.baselines.sizes import (
    BY_PARAMETERS,
    TOLERANCE,
    SizeNotReachable,
    Widths,
    at_least,
    ranked_widths,
    sized,
    uniform_widths,
)
from plantnas.channels.costs import COUNTED, cost_of
from plantnas.channels.groups import analyse
from plantnas.channels.planting import narrow
from plantnas.channels.structure import ChannelGroup, Structure
from plantnas.config import Latency
from plantnas.networks.loader import build_network
from plantnas.records.record import ImagesRecord
from plantnas.search_space import SearchSpace
from plantnas.searching.measuring import MeasuredLatency
from plantnas.searching.pricing import Pricing
from tests.structures import structure_of

EXAMPLE = torch.zeros(2, 1, 8, 8)


def group(name: str, width: int, granularity: int = 1, minimum: int = 1) -> ChannelGroup:
    return ChannelGroup(name, width, granularity, (name,), None, minimum)


def groups_of(*groups: ChannelGroup) -> dict[str, ChannelGroup]:
    return {each.name: each for each in groups}


def found(structure: Structure, parameters: int, tolerance: float = 0.03) -> Widths:
    """Evenly narrowed, at a hundred parameters a channel."""

    def at(share: float) -> Widths:
        return {name: at_least(each, share * each.width) for name, each in structure.groups.items()}

    return sized(at, structure, parameters, tolerance)


def test_a_size_of_the_family_is_found_exactly() -> None:
    assert found(structure_of(group("a", 64), group("b", 32)), 4800) == {"a": 32, "b": 16}


def test_the_whole_network_is_of_the_family() -> None:
    assert found(structure_of(group("a", 64), group("b", 32)), 9600) == {"a": 64, "b": 32}


def test_where_all_groups_jump_at_once_some_are_filled_up() -> None:
    structure = structure_of(*(group(name, 8) for name in "abcd"))
    widths = found(structure, 2200)  # the family has 2000 and 2400
    assert sorted(widths.values()) == [5, 5, 6, 6]


def test_where_one_granule_is_too_much_the_channels_of_another_group_are_taken() -> None:
    structure = structure_of(group("fine", 20), group("coarse", 40, granularity=20))

    def at(share: float) -> Widths:  # the fine group is full before the coarse one has two
        fine = min(20, max(1, round(share * 22)))
        return {"fine": fine, "coarse": 40 if share > 0.95 else 20}

    assert sized(at, structure, 3900) == {"fine": 19, "coarse": 20}


@pytest.mark.parametrize(("wanted", "nearest"), [(1000, 3200), (4500, 3200), (9000, 6400)])
def test_a_size_that_is_not_reached_is_refused_with_the_nearest(wanted: int, nearest: int) -> None:
    with pytest.raises(SizeNotReachable, match=f"the nearest network has {nearest:,} ") as error:
        found(structure_of(group("a", 64, granularity=32)), wanted)
    assert str(error.value).startswith(f"{wanted:,} parameters are not reached")
    assert f"{100 * (nearest / wanted - 1):+.1f} %" in str(error.value)


def test_any_size_will_do_without_a_tolerance() -> None:
    assert found(structure_of(group("a", 64, granularity=32)), 4500, inf) == {"a": 32}


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 40), st.integers(1, 8)), min_size=1, max_size=4),
    st.integers(1, 300),
)
def test_what_is_found_is_within_the_tolerance_or_refused(
    shapes: list[tuple[int, int]], channels: int
) -> None:
    structure = structure_of(
        *(group(str(number), size * step, step) for number, (size, step) in enumerate(shapes))
    )
    try:
        widths = found(structure, 100 * channels)
    except SizeNotReachable:
        return
    assert abs(100 * sum(widths.values()) - 100 * channels) <= TOLERANCE * 100 * channels
    for name, each in structure.groups.items():
        assert widths[name] in range(each.granularity, each.width + 1, each.granularity)


@settings(max_examples=100, deadline=None)
@given(st.integers(2, 60), st.integers(2, 60), st.data())
def test_with_single_channels_every_size_between_is_found(
    first: int, second: int, data: st.DataObject
) -> None:
    channels = data.draw(st.integers(2, first + second))
    structure = structure_of(group("a", first), group("b", second))
    assert sum(found(structure, 100 * channels, tolerance=0).values()) == channels


@pytest.mark.parametrize(
    ("each", "width", "allowed"),
    [
        (group("single", 64), 12.4, 12),
        (group("single", 64), 0.0, 1),
        (group("eights", 64, granularity=8), 12.5, 16),
        (group("eights", 64, granularity=8), 1.0, 8),
        (group("depthwise", 64, minimum=2), 0.3, 2),
        (group("both", 64, granularity=4, minimum=6), 3.0, 8),
    ],
    ids=lambda value: value.name if isinstance(value, ChannelGroup) else str(value),
)
def test_a_width_is_rounded_to_what_a_group_may_have(
    each: ChannelGroup, width: float, allowed: int
) -> None:
    assert at_least(each, width) == allowed


SCORES = {"a": [0.9, 0.1, 0.8, 0.2], "b": [0.7, 0.6, 0.05, 0.5]}
FLOORS = {"a": 1, "b": 1}


@pytest.mark.parametrize(
    ("kept", "widths"),
    [(1.0, (4, 4)), (0.75, (3, 3)), (0.5, (2, 2)), (0.25, (2, 1)), (0.0, (1, 1))],
)
def test_the_least_of_all_scores_go_first(kept: float, widths: tuple[int, int]) -> None:
    groups = groups_of(group("a", 4), group("b", 4))
    assert tuple(ranked_widths(groups, SCORES, FLOORS, kept).values()) == widths


def test_a_group_of_low_scores_loses_all_but_its_floor() -> None:
    groups = groups_of(group("a", 4), group("b", 4))
    scores = {"a": [1.0, 2.0, 3.0, 4.0], "b": [0.1, 0.2, 0.3, 0.4]}
    assert ranked_widths(groups, scores, {"a": 1, "b": 2}, 0.5) == {"a": 4, "b": 2}


def test_ranked_widths_are_whole_granules() -> None:
    groups = groups_of(group("a", 4), group("b", 4, granularity=2))
    assert ranked_widths(groups, SCORES, {"a": 1, "b": 2}, 0.75) == {"a": 3, "b": 4}


@pytest.fixture(scope="module")
def analysed() -> Structure:
    return analyse(build_network("plain-small", 10, 1), EXAMPLE)


@pytest.mark.parametrize("parameters", [2000, 5000, 12_345, 30_000])
def test_a_real_network_of_the_widths_has_the_wanted_size(
    analysed: Structure, parameters: int
) -> None:
    widths = uniform_widths(analysed, parameters)
    narrowed = narrow(build_network("plain-small", 10, 1), EXAMPLE, widths)
    size = sum(parameter.numel() for parameter in narrowed.parameters())
    assert size == analysed.parameters(widths)
    assert abs(size - parameters) <= TOLERANCE * parameters


def test_uniform_widths_are_about_the_same_share_of_each_group(analysed: Structure) -> None:
    widths = uniform_widths(analysed, 9000)
    shares = [widths[name] / each.width for name, each in analysed.growable.items()]
    assert max(shares) - min(shares) < 1 / 16  # a channel of the narrowest group


@pytest.mark.parametrize("parameters", [10, 40_000])
def test_no_network_is_smaller_than_one_channel_or_larger_than_the_whole(
    analysed: Structure, parameters: int
) -> None:
    with pytest.raises(SizeNotReachable, match="the nearest network has"):
        uniform_widths(analysed, parameters)


@pytest.mark.parametrize("name", COUNTED)
def test_widths_are_found_for_any_cost_that_is_counted(analysed: Structure, name: str) -> None:
    pricing = Pricing(name, cost_of(name))
    wanted = 0.4 * pricing.of(analysed)
    widths = uniform_widths(analysed, wanted, pricing=pricing)
    assert abs(pricing.of(analysed.with_widths(widths)) - wanted) <= TOLERANCE * wanted


def test_what_is_refused_says_of_which_cost(analysed: Structure) -> None:
    macs = Pricing("macs", cost_of("macs"))
    with pytest.raises(SizeNotReachable, match=r"^10 MACs for an image are not reached"):
        uniform_widths(analysed, 10, pricing=macs)


class Slow(MeasuredLatency):
    """A latency that a clock would give where it followed from MACs; it counts what it measures."""

    def _measured(self, structure: Structure) -> float:
        self._known[f"measured {len(self._known)}"] = 0.0
        return 0.1 + structure.macs() / 1e6


def test_what_takes_long_to_measure_is_estimated_on_the_way(analysed: Structure) -> None:
    space = SearchSpace(architecture="plain-small")
    latency = Slow(space, ImagesRecord(10, 1, 8, 8, [0.0], [1.0], "digits"), Latency())
    pricing = Pricing("latency", latency)
    wanted = 0.1 + 0.35 * analysed.macs() / 1e6
    widths = uniform_widths(analysed, wanted, tolerance=0.005, pricing=pricing)
    assert pricing.of(analysed.with_widths(widths)) == pytest.approx(wanted, rel=0.005)
    measured = sum(key.startswith("measured") for key in latency._known)
    assert measured < 20 < sum(widths.values())


def test_a_cost_of_the_users_sizes_networks_too(analysed: Structure) -> None:
    pricing = Pricing("own", lambda structure, widths: sum(structure.widths_with(widths).values()))
    widths = uniform_widths(analysed, 50, tolerance=0, pricing=pricing)
    assert pricing.of(analysed.with_widths(widths)) == 50
    assert BY_PARAMETERS.of(analysed.with_widths(widths)) != 50
