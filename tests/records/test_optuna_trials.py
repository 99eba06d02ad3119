"""Trials read from Optuna's tables are those that Optuna's own storage reads."""

from __future__ import annotations

import time
from math import inf, nan
from typing import TYPE_CHECKING

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState, create_trial

from plantnas.records.database import Database
from plantnas.records.optuna_trials import trials_of
from tests.records.conftest import ON_BOTH

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

    from tests.conftest import StudyFolder


def read(url: str, name: str) -> list[FrozenTrial] | None:
    with Database(url).transaction() as connection:
        return trials_of(connection, name)


@pytest.fixture
def study(url: str) -> optuna.Study:
    optuna.create_study(study_name="other", storage=url).add_trial(create_trial(value=1.0))
    return optuna.create_study(
        study_name="digits", storage=url, directions=["maximize", "minimize"]
    )


def test_the_trials_of_a_search_are_those_that_optuna_reads(finished: StudyFolder) -> None:
    assert read(finished.url, "tiny") == finished.open().trials


@ON_BOTH
@pytest.mark.parametrize("values", [[0.5, 7.0], [inf, -inf]], ids=str)
def test_values_are_optunas(study: optuna.Study, url: str, values: list[float]) -> None:
    study.add_trial(create_trial(values=values))
    assert read(url, "digits") == study.trials


@ON_BOTH
def test_parameters_of_every_kind_are_optunas(study: optuna.Study, url: str) -> None:
    kinds = {
        "channels": IntDistribution(0, 8),
        "rate": FloatDistribution(1e-5, 1.0, log=True),
        "rule": CategoricalDistribution(["a", None, 3]),
    }
    params = {"rule": None, "channels": 4, "rate": 0.1}
    study.add_trial(create_trial(values=[1, 2], params=params, distributions=kinds))
    found = read(url, "digits")
    assert found == study.trials
    assert list(found[0].params) == list(study.trials[0].params)


@ON_BOTH
def test_what_is_reported_is_optunas(study: optuna.Study, url: str) -> None:
    reported = {0: 0.5, 1: inf, 2: -inf, 3: nan}
    study.add_trial(create_trial(values=[1, 2], intermediate_values=reported))
    (found,) = read(url, "digits") or []
    assert str(found.intermediate_values) == str(reported)  # NaN is not equal to itself


@ON_BOTH
def test_a_trial_that_has_just_begun_is_optunas(study: optuna.Study, url: str) -> None:
    study.ask()
    study.add_trial(create_trial(state=TrialState.WAITING))
    assert read(url, "digits") == study.trials


def test_moments_are_optunas_wherever_the_reader_is(
    study: optuna.Study, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    study.ask()
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        assert read(url, "digits") == optuna.load_study(study_name="digits", storage=url).trials
    time.tzset()


def test_a_study_that_optuna_does_not_know_has_no_trials(study: optuna.Study, url: str) -> None:
    assert read(url, "digit") is None
