"""Hypervolume of two objectives, the front, what each network adds, and the worst corner."""

from math import e, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plantnas.hypervolume import (
    Corner,
    Point,
    contributions,
    front,
    hypervolume,
    worst_corner,
)

CORNER = Corner(accuracy=0, log_cost=8)
points = st.lists(
    st.builds(
        lambda accuracy, log_cost: Point(accuracy, e**log_cost),
        st.integers(-2, 8),
        st.integers(0, 10),
    ),
    max_size=8,
)


@given(points)
def test_hypervolume_counts_the_unit_squares_that_some_network_dominates(
    points: list[Point],
) -> None:
    squares = sum(
        any(point.accuracy >= row + 1 and round(point.log_cost) <= column for point in points)
        for row in range(8)
        for column in range(8)
    )
    assert hypervolume(points, CORNER) == pytest.approx(squares)


@given(points)
def test_dominated_networks_contribute_nothing(points: list[Point]) -> None:
    best = front(points)
    for point, contribution in zip(points, contributions(points, CORNER), strict=True):
        assert contribution >= 0 or contribution == pytest.approx(0)
        if point not in best:
            assert contribution == pytest.approx(0)


@given(points.filter(bool))
def test_the_corner_is_worse_than_every_network(points: list[Point]) -> None:
    corner = worst_corner(points, teacher_cost=20.0)
    assert all(point.accuracy > corner.accuracy for point in points)
    assert all(point.log_cost < corner.log_cost for point in points)


def test_the_teacher_sets_the_corner_where_it_is_larger() -> None:
    corner = worst_corner([Point(0.5, 10.0)], teacher_cost=e**9)
    assert corner.log_cost == pytest.approx(9)


def test_a_teacher_whose_cost_is_not_a_number_says_nothing_of_the_corner() -> None:
    points = [Point(0.5, 10.0), Point(0.7, 100.0)]
    assert worst_corner(points, nan) == worst_corner(points)
