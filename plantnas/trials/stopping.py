"""When a poor planting is trained no further: pure rules on validation losses.

Optuna's pruners refuse studies of two objectives. Here the second is dealt with by comparing a
trial to those that cost no more, so that none is stopped because costlier ones have a lower loss.
Which trials are compared, and what becomes of a stopped one, is in `objective`.
"""

from collections.abc import Iterable
from math import inf, isnan
from statistics import median
from typing import NamedTuple

from plantnas.config import StoppingRule

MINIMUM_COMPARED = 3
"""A median of fewer losses stops nobody."""


class LossCurve(NamedTuple):
    """How a trial's network learnt.

    Attributes:
        cost: The network's, as its study counts.
        losses: On validation, after each epoch that it was trained.
    """

    cost: float
    losses: tuple[float, ...]


def should_stop(
    rule: StoppingRule,
    curve: LossCurve,
    finished: Iterable[LossCurve],
    epochs: int,
    minimum_compared: int = MINIMUM_COMPARED,
) -> bool:
    """Whether a trial ends after the epochs that it has been trained.

    Its last validation loss is compared to the losses at the same epoch of the finished trials
    that cost no more, also of those that were stopped then or later.

    Args:
        rule: `median`, adapted from Golovin et al. 2017 (section 3.3.1), stops a loss above the
            median. `halving`, adapted from the asynchronous successive halving of Li et al. 2020,
            arXiv 1810.05934, stops after 1, 2, 4, ... epochs what is not in the best half, the
            trial included; the half of one trial is that trial. `none` stops nobody.
        curve: The trial so far, of at least one epoch; a loss that is not a number is the worst.
        finished: The finished trials of the same step and kind.
        epochs: The planned epochs: nothing is stopped at the last.
        minimum_compared: The median of fewer losses stops nobody.
    """
    epoch = len(curve.losses)
    if rule == "none" or epoch >= epochs:
        return False
    compared = [
        _comparable(other.losses[epoch - 1])
        for other in finished
        if other.cost <= curve.cost and len(other.losses) >= epoch
    ]
    loss = _comparable(curve.losses[-1])
    if rule == "median":
        return len(compared) >= max(1, minimum_compared) and loss > median(compared)
    is_rung = epoch & (epoch - 1) == 0  # a power of two
    better = [other for other in compared if other < loss]
    return is_rung and len(better) >= max(1, (len(compared) + 1) // 2)


def _comparable(loss: float) -> float:
    return inf if isnan(loss) else loss
