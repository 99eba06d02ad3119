"""Means, deviations and bootstrap intervals of numbers whose answer is known."""

from itertools import product
from math import isnan, nan

import numpy as np
import pytest

from plantnas.report.comparison.statistics import Difference, paired_difference, spread


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_the_deviation_is_that_of_a_sample() -> None:
    assert spread([2.0, 4.0, 6.0]) == (4.0, 2.0)


def test_a_single_measurement_has_no_deviation() -> None:
    mean, deviation = spread([2.0])
    assert mean == 2.0
    assert isnan(deviation)


def test_nothing_measured_has_no_mean() -> None:
    assert all(map(isnan, spread([])))


def test_mean_deviation_and_pairs_are_those_of_the_differences() -> None:
    difference = paired_difference([1.0, 2.0, 6.0], generator())
    assert (difference.mean, difference.pairs) == (3.0, 3)
    assert difference.deviation == pytest.approx(7**0.5)


def test_constant_differences_have_an_interval_of_no_width() -> None:
    difference = paired_difference([0.3] * 5, generator())
    assert difference.low == difference.high == pytest.approx(0.3)
    assert difference.deviation == pytest.approx(0)


def test_the_interval_of_symmetric_differences_holds_zero() -> None:
    difference = paired_difference([-2.0, -1.0, 0.0, 1.0, 2.0], generator())
    assert difference.low < 0 < difference.high
    assert not difference.is_clear


@pytest.mark.parametrize("sign", [1, -1])
def test_differences_of_one_sign_are_clear(sign: int) -> None:
    assert paired_difference([sign * 1.0, sign * 2.0, sign * 3.0], generator()).is_clear


@pytest.mark.parametrize("differences", [[], [1.0], [1.0, 1.1]])
def test_fewer_than_three_pairs_have_no_interval(differences: list[float]) -> None:
    difference = paired_difference(differences, generator())
    assert isnan(difference.low)
    assert isnan(difference.high)
    assert not difference.has_interval
    assert not difference.is_clear


@pytest.mark.parametrize("values", [(0.0, 1.0, 5.0), (0.0, 1.0, 3.0, 9.0)])
def test_the_ends_are_percentiles_of_all_equally_likely_resamples(
    values: tuple[float, ...],
) -> None:
    means = sorted(sum(drawn) / len(values) for drawn in product(values, repeat=len(values)))
    assert len(means) in (27, 256)
    low = next(m for number, m in enumerate(means, 1) if number >= 0.025 * len(means))
    high = next(m for number, m in enumerate(means, 1) if number >= 0.975 * len(means))
    difference = paired_difference(values, generator(), resamples=100_000)
    assert [difference.low, difference.high] == pytest.approx([low, high])


def coverage(pairs: int, draws: int) -> float:
    """How often the interval of so many draws of a normal distribution of mean 1 holds 1."""
    random = generator()
    intervals = [
        paired_difference(random.normal(1, 2, pairs).tolist(), random, resamples=1000)
        for _ in range(draws)
    ]
    return sum(each.low <= 1 <= each.high for each in intervals) / draws


def test_the_interval_of_thirty_pairs_holds_the_mean_nearly_95_times_of_100() -> None:
    assert coverage(30, 1000) == pytest.approx(0.94, abs=0.02)


def test_the_interval_of_three_pairs_holds_the_mean_three_times_of_four() -> None:
    assert coverage(3, 1000) == pytest.approx(0.75, abs=0.04)


def test_the_same_generator_gives_the_same_interval() -> None:
    values = [0.1, 0.5, 0.2, 0.9]
    assert paired_difference(values, generator(3)) == paired_difference(values, generator(3))


def test_an_interval_that_touches_zero_is_not_clear() -> None:
    assert not Difference(1.0, nan, 0.0, 2.0, 3).is_clear
