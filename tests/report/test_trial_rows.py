"""Trials read from Optuna's tables are those that Optuna's own storage reads."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import optuna
import pandas as pd
import pytest
from optuna.trial import TrialState, create_trial
from sqlalchemy import inspect

from plantnas.records.database import Database
from plantnas.report.trial_rows import ATTRIBUTES, trial_rows

if TYPE_CHECKING:
    from tests.conftest import StudyFolder


@pytest.fixture
def optuna_study(url: str) -> optuna.Study:
    """Without trials."""
    optuna.create_study(study_name="other", storage=url).add_trial(create_trial(value=1.0))
    return optuna.create_study(study_name="digits", storage=url)


def test_rows_are_the_trials_that_optuna_reads(finished: StudyFolder) -> None:
    rows = trial_rows(Database(finished.url).engine, "tiny")
    trials = finished.open().trials
    assert rows["number"].tolist() == [trial.number for trial in trials]
    assert rows["state"].tolist() == [trial.state.name for trial in trials]
    for key in ATTRIBUTES:
        found = [None if pd.isna(value) else value for value in rows[key]]
        assert found == [trial.user_attrs.get(key) for trial in trials]


def test_the_first_value_of_a_trial_is_its_accuracy(finished: StudyFolder) -> None:
    rows = trial_rows(Database(finished.url).engine, "tiny").set_index("number")
    complete = [trial for trial in finished.open().trials if trial.state == TrialState.COMPLETE]
    found = [rows.validation_accuracy[trial.number] for trial in complete]
    assert found == [trial.values[0] for trial in complete]


def test_a_probe_has_a_loss_and_no_accuracy(optuna_study: optuna.Study, url: str) -> None:
    probe = create_trial(value=-0.25, user_attrs={"kind": "probe", "held_back_loss": 0.25})
    optuna_study.add_trial(probe)
    (row,) = trial_rows(Database(url).engine, "digits").to_dict("records")
    assert row["held_back_loss"] == 0.25
    assert pd.isna(row["validation_accuracy"])


def test_a_trial_without_attributes_and_value_has_a_row(
    optuna_study: optuna.Study, url: str
) -> None:
    optuna_study.ask()
    (row,) = trial_rows(Database(url).engine, "digits").to_dict("records")
    missing = {"datetime_complete", "validation_accuracy", "cost", *ATTRIBUTES}
    assert {name for name, value in row.items() if pd.isna(value)} == missing
    assert (row["number"], row["state"]) == (0, "RUNNING")


def test_moments_are_in_utc_wherever_the_worker_is(
    optuna_study: optuna.Study, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        began = datetime.now(UTC).replace(tzinfo=None)
        optuna_study.ask()
    time.tzset()
    (row,) = trial_rows(Database(url).engine, "digits").to_dict("records")
    assert abs(row["datetime_start"] - began).total_seconds() < 60


def test_a_study_that_optuna_does_not_know_has_no_rows(
    optuna_study: optuna.Study, url: str
) -> None:
    assert trial_rows(Database(url).engine, "digit").empty


def test_a_database_that_optuna_has_not_opened_has_no_rows_and_stays_so(url: str) -> None:
    engine = Database(url).engine
    before = inspect(engine).get_table_names()
    assert trial_rows(engine, "digits").empty
    assert inspect(engine).get_table_names() == before
