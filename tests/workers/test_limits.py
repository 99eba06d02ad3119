"""A worker begins no further trial when its time is over, and tells callbacks of those that end."""

from __future__ import annotations

import math
import time

import optuna
import pytest

from plantnas.errors import ArgumentError
from plantnas.workers.limits import NO_LIMITS, EndedTrials, Limits, deadline_in


def test_the_time_is_over_after_the_deadline() -> None:
    assert Limits(time.monotonic() - 1).is_over()
    assert not Limits(time.monotonic() + 60).is_over()
    assert not NO_LIMITS.is_over()


def test_without_a_limit_there_is_no_deadline() -> None:
    assert deadline_in(None) is None
    assert Limits(deadline_in(0.0)).is_over()


def test_each_trial_of_others_is_told_once_when_it_has_ended() -> None:
    study, told = optuna.create_study(), list[int]()
    ended = EndedTrials(Limits(callbacks=[lambda study, trial: told.append(trial.number)]))
    study.tell(study.ask(), 1.0)
    ended.pass_over(study)
    running = study.ask()
    study.tell(study.ask(), 1.0)
    for _ in range(2):
        ended.tell(study)
    study.tell(running, 1.0)
    ended.tell(study)
    assert told == [2, 1]


def test_a_time_that_is_no_number_is_refused() -> None:
    with pytest.raises(ArgumentError, match=r"^timeout: is nan, where a number of seconds is"):
        deadline_in(math.nan)
