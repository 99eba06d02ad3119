"""The winner rules, which prefer networks of different size."""

from math import e

import pytest

from plantnas.hypervolume import Corner, Point, worst_corner
from plantnas.trials.winners import WINNER_RULES, Comparison, hypervolume_gain

CORNER = Corner(accuracy=0, log_cost=8)


def test_a_network_beaten_by_a_grown_one_gains_no_hypervolume() -> None:
    comparison = Comparison(Point(0.1, 1.0), [Point(0.5, e)], CORNER)
    assert hypervolume_gain(Point(0.4, e**2), comparison) == 0


@pytest.mark.parametrize(
    ("rule", "expected"),
    [("hypervolume", "middle"), ("best_accuracy", "large"), ("gain_per_parameter", "small")],
)
def test_each_rule_prefers_another_size(rule: str, expected: str) -> None:
    candidates = {
        "small": Point(0.52, 1_010.0),
        "middle": Point(0.70, 2_000.0),
        "large": Point(0.72, 90_000.0),
    }
    seed = Point(0.5, 1_000.0)
    corner = worst_corner([seed, *candidates.values()], teacher_cost=100_000.0)
    comparison = Comparison(seed, [seed], corner)
    best = max(candidates, key=lambda name: WINNER_RULES.find(rule)(candidates[name], comparison))
    assert best == expected
