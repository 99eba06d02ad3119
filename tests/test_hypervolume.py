"""Hypervolume of two objectives, the front, what each network adds, and the worst corner."""

from math import e

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plantnas.hypervolume import (
    Corner,
    Network,
    contributions,
    front,
    hypervolume,
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
