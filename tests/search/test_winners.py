"""Hypervolume of two objectives and the rules built on it."""

from math import e

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plantnas.search.winners import (
    WINNER_RULES,
    Comparison,
    Corner,
    Network,
    contributions,
    front,
    hypervolume,
    hypervolume_gain,
    worst_corner,
)

CORNER = Corner(accuracy=0, log_parameters=8)
networks = st.lists(
    st.builds(
        lambda accuracy, log_parameters: Network(accuracy, e**log_parameters),
        st.integers(-2, 8),
        st.integers(0, 10),
    ),
    max_size=8,
)


@given(networks)
def test_hypervolume_counts_the_unit_squares_that_some_network_dominates(
    points: list[Network],
) -> None:
    squares = sum(
        any(point.accuracy >= row + 1 and round(point.log_parameters) <= column for point in points)
        for row in range(8)
        for column in range(8)
    )
    assert hypervolume(points, CORNER) == pytest.approx(squares)


@given(networks)
def test_dominated_networks_contribute_nothing(points: list[Network]) -> None:
    best = front(points)
    for point, contribution in zip(points, contributions(points, CORNER), strict=True):
        assert contribution >= 0 or contribution == pytest.approx(0)
        if point not in best:
            assert contribution == pytest.approx(0)


@given(networks.filter(bool))
def test_the_corner_is_worse_than_every_network(points: list[Network]) -> None:
    corner = worst_corner(points, teacher_parameters=20.0)
    assert all(point.accuracy > corner.accuracy for point in points)
    assert all(point.log_parameters < corner.log_parameters for point in points)


def test_the_teacher_sets_the_corner_where_it_is_larger() -> None:
    corner = worst_corner([Network(0.5, 10.0)], teacher_parameters=e**9)
    assert corner.log_parameters == pytest.approx(9)


def test_a_network_beaten_by_a_grown_one_gains_no_hypervolume() -> None:
    comparison = Comparison(Network(0.1, 1.0), [Network(0.5, e)], CORNER)
    assert hypervolume_gain(Network(0.4, e**2), comparison) == 0


@pytest.mark.parametrize(
    ("rule", "expected"),
    [("hypervolume", "middle"), ("best_accuracy", "large"), ("gain_per_parameter", "small")],
)
def test_each_rule_prefers_another_size(rule: str, expected: str) -> None:
    candidates = {
        "small": Network(0.52, 1_010.0),
        "middle": Network(0.70, 2_000.0),
        "large": Network(0.72, 90_000.0),
    }
    seed = Network(0.5, 1_000.0)
    corner = worst_corner([seed, *candidates.values()], teacher_parameters=100_000.0)
    comparison = Comparison(seed, [seed], corner)
    best = max(candidates, key=lambda name: WINNER_RULES[rule](candidates[name], comparison))
    assert best == expected
