"""Which trials are stopped: known answers on small numbers, and what holds for all numbers."""

from math import inf, nan
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plantnas.config import Search, StoppingRule
from plantnas.trials.stopping import LossCurve, should_stop

RULES: tuple[StoppingRule, ...] = ("median", "halving")

losses = st.floats(0, 10) | st.just(nan) | st.just(inf)
curves = st.builds(
    LossCurve,
    st.floats(0.5, 5),
    st.lists(losses, min_size=1, max_size=4).map(tuple),
)


def trial(*losses: float) -> LossCurve:
    return LossCurve(100, losses)


def at_first_epoch(*losses: float, cost: float = 100) -> list[LossCurve]:
    return [LossCurve(cost, (loss,)) for loss in losses]


@pytest.mark.parametrize(
    ("loss", "others", "expected"),
    [
        (0.31, (0.1, 0.3, 0.5), True),
        (0.3, (0.1, 0.3, 0.5), False),  # not above
        (0.41, (0.1, 0.3, 0.5, 0.6), True),  # the median is 0.4
        (0.39, (0.1, 0.3, 0.5, 0.6), False),
        (9.0, (0.1, 0.3), False),  # too few
        (9.0, (), False),
        (nan, (0.1, 0.3, 0.5), True),
        (0.4, (0.1, nan, nan), False),
    ],
)
def test_the_median_stops_a_loss_above_it(
    loss: float, others: tuple[float, ...], expected: bool
) -> None:
    assert should_stop("median", trial(loss), at_first_epoch(*others), epochs=2) is expected


@pytest.mark.parametrize(
    ("loss", "others", "expected"),
    [
        (9.0, (), False),  # the best half of one is that one
        (0.2, (0.1,), True),
        (0.1, (0.1,), False),
        (0.2, (0.1, 0.3), True),  # the best one of three
        (0.2, (0.1, 0.3, 0.4), False),  # the best two of four
        (0.35, (0.1, 0.3, 0.4), True),
        (nan, (0.1, 0.3, 0.4), True),
    ],
)
def test_halving_stops_what_is_not_in_the_best_half(
    loss: float, others: tuple[float, ...], expected: bool
) -> None:
    assert should_stop("halving", trial(loss), at_first_epoch(*others), epochs=2) is expected


def test_halving_looks_after_1_2_4_and_8_epochs() -> None:
    better = [LossCurve(100, (0.1,) * 12)] * 4
    worse = [trial(*(0.2,) * epoch) for epoch in range(1, 12)]
    stopping = [len(one.losses) for one in worse if should_stop("halving", one, better, 12)]
    assert stopping == [1, 2, 4, 8]


def test_losses_are_compared_at_the_same_epoch() -> None:
    finished = [LossCurve(100, (0.9, 0.2, 0.1))] * 3
    assert not should_stop("median", trial(0.8), finished, epochs=3)
    assert should_stop("median", trial(0.8, 0.8), finished, epochs=3)


def test_a_trial_that_was_stopped_before_is_not_compared() -> None:
    finished = [*at_first_epoch(0.9, 0.9), LossCurve(100, (0.1, 0.1))]
    assert not should_stop("median", trial(0.5, 0.5), finished, epochs=3)


def test_the_least_number_of_compared_trials_can_be_set() -> None:
    assert should_stop("median", trial(0.5), at_first_epoch(0.1), epochs=2, minimum_compared=1)
    assert not should_stop("median", trial(0.5), [], epochs=2, minimum_compared=0)


def test_a_cheap_trial_is_not_compared_to_costlier_ones() -> None:
    costlier = at_first_epoch(0.1, 0.1, 0.1, cost=100.5)
    equal = at_first_epoch(0.1, 0.1, 0.1, cost=100)
    for rule in RULES:
        assert not should_stop(rule, trial(0.5), costlier, epochs=2)
        assert should_stop(rule, trial(0.5), equal, epochs=2)


def test_the_rules_are_those_of_the_configuration() -> None:
    annotation = Search.model_fields["early_stopping"].annotation
    assert get_args(annotation) == get_args(StoppingRule)


@given(curves, st.lists(curves), st.integers(1, 5))
def test_nothing_is_stopped_without_a_rule(
    one: LossCurve, finished: list[LossCurve], epochs: int
) -> None:
    assert not should_stop("none", one, finished, epochs)


@pytest.mark.parametrize("rule", RULES)
@given(one=curves, finished=st.lists(curves))
def test_nothing_is_stopped_at_its_last_epoch(
    rule: StoppingRule, one: LossCurve, finished: list[LossCurve]
) -> None:
    assert not should_stop(rule, one, finished, epochs=len(one.losses))


@pytest.mark.parametrize("rule", RULES)
@given(one=curves, finished=st.lists(curves, max_size=12))
def test_costlier_trials_change_nothing(
    rule: StoppingRule, one: LossCurve, finished: list[LossCurve]
) -> None:
    cheaper = [other for other in finished if other.cost <= one.cost]
    assert should_stop(rule, one, finished, 9) == should_stop(rule, one, cheaper, 9)


@pytest.mark.parametrize("rule", RULES)
@given(one=curves, finished=st.lists(curves, max_size=12), worse=losses)
def test_what_is_worse_than_a_stopped_trial_is_stopped_too(
    rule: StoppingRule, one: LossCurve, finished: list[LossCurve], worse: float
) -> None:
    if should_stop(rule, one, finished, 9) and worse >= one.losses[-1]:
        assert should_stop(rule, one._replace(losses=(*one.losses[:-1], worse)), finished, 9)


@pytest.mark.parametrize("rule", RULES)
@given(one=curves, finished=st.lists(curves, max_size=12))
def test_the_best_so_far_goes_on(
    rule: StoppingRule, one: LossCurve, finished: list[LossCurve]
) -> None:
    best = one._replace(losses=(*one.losses[:-1], 0.0))
    assert not should_stop(rule, best, finished, 9)
