"""Spread of repeated measurements, and what paired differences say. No records here."""

from collections.abc import Sequence
from math import nan
from statistics import fmean, stdev
from typing import NamedTuple

import numpy as np

LEAST_PAIRS = 3
"""Fewer differences say nothing of how far they scatter."""


class Spread(NamedTuple):
    """Mean and sample standard deviation of measurements; NaN where there are too few of them."""

    mean: float
    deviation: float


class Difference(NamedTuple):
    """The mean of paired differences, and where it may lie.

    Attributes:
        mean: Of the differences.
        deviation: Their sample standard deviation; NaN of a single one.
        low: Lower end of the 95 % interval of the mean; NaN of fewer than three pairs.
        high: Upper end.
        pairs: Number of differences.
    """

    mean: float
    deviation: float
    low: float
    high: float
    pairs: int

    @property
    def has_interval(self) -> bool:
        """Whether there were pairs enough for one."""
        return self.pairs >= LEAST_PAIRS

    @property
    def is_clear(self) -> bool:
        """Whether the interval lies on one side of 0."""
        return self.low > 0 or self.high < 0


def spread(values: Sequence[float]) -> Spread:
    """Mean and sample standard deviation (with n - 1)."""
    return Spread(fmean(values) if values else nan, stdev(values) if len(values) > 1 else nan)


def paired_difference(
    differences: Sequence[float], rng: np.random.Generator, resamples: int = 10_000
) -> Difference:
    """The mean of differences with its 95 % percentile bootstrap interval.

    Efron and Tibshirani 1993, chapter 13. It is too narrow for few pairs: that of three pairs goes
    from the smallest to the largest difference, and holds the true mean three times of four.

    Args:
        differences: One a pair, of pairs that are independent of each other.
        rng: Draws the resamples.
        resamples: Times that as many differences are drawn with replacement.
    """
    low = high = nan
    if len(differences) >= LEAST_PAIRS:
        drawn = rng.choice(np.asarray(differences), (resamples, len(differences)))
        ends = np.quantile(drawn.mean(axis=1), (0.025, 0.975), method="inverted_cdf")
        low, high = map(float, ends)
    return Difference(*spread(differences), low, high, len(differences))
