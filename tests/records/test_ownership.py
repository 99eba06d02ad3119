"""Rows of a trial are written by its worker while it runs, and once."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import optuna
import pytest
from optuna.storages import RDBStorage
from optuna.trial import TrialState
from sqlalchemy import Connection, create_engine

from plantnas.records.database import Database
from plantnas.records.optuna_tables import WORKER_KEY
from plantnas.records.ownership import TrialTaken, guard_of, no_guard
from plantnas.records.record import NetworkRecord
from plantnas.records.study import StudyRecords
from plantnas.trials.owners import owned, this_worker

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from plantnas.records.ownership import Guard
    from tests.conftest import StudyFolder


@pytest.fixture
def folder(prepared: StudyFolder, tmp_path: Path) -> StudyFolder:
    return prepared.copy(tmp_path / "study")


def network_of(trial: optuna.Trial, artifact_id: str) -> NetworkRecord:
    return NetworkRecord(
        method="planting", kind="screen", trial_number=trial.number, parent_id=None, step=1,
        parameters=1, macs=1, widths={}, planted={}, evaluations=(), epochs=(),
        artifact_id=artifact_id, sha256="0" * 64, seconds={},
    )  # fmt: skip


def asked(study: optuna.Study) -> optuna.Trial:
    """A trial that this process runs and has signed."""
    with pytest.warns(UserWarning, match="Heartbeat"):
        return study.ask()


def test_the_worker_of_a_running_trial_records_its_network(folder: StudyFolder) -> None:
    trial, database = asked(folder.open()), Database(folder.url)
    recorded = StudyRecords(database, "tiny").add(network_of(trial, "weights"), owned(trial))
    assert StudyRecords(database, "tiny").network(recorded).trial_number == trial.number


def test_a_worker_that_was_thought_dead_records_nothing(folder: StudyFolder) -> None:
    study, database = folder.open(), Database(folder.url)
    trial = asked(study)
    study.tell(trial, state=TrialState.FAIL)
    before = StudyRecords(database, "tiny").networks()
    with pytest.raises(TrialTaken, match="trial 0: is FAIL, signed by"):
        StudyRecords(database, "tiny").add(network_of(trial, "weights"), owned(trial))
    assert StudyRecords(database, "tiny").networks() == before


def test_a_trial_of_another_worker_is_left_alone(folder: StudyFolder) -> None:
    trial, database = asked(folder.open()), Database(folder.url)
    guard = guard_of(trial._trial_id, trial.number, "another:1:1")
    with pytest.raises(TrialTaken, match="not running by another:1:1"):
        StudyRecords(database, "tiny").add(network_of(trial, "weights"), guard)


def test_nobody_ends_the_trial_between_the_check_and_the_rows(folder: StudyFolder) -> None:
    study, database = folder.open(), Database(folder.url)
    trial = asked(study)
    storage = optuna.storages.RDBStorage(
        folder.url, engine_kwargs={"connect_args": {"timeout": 0.1}}
    )
    refused: list[Exception] = []

    def check_and_be_failed(connection: Connection) -> None:
        owned(trial)(connection)
        try:
            storage.set_trial_state_values(trial._trial_id, TrialState.FAIL)
        except optuna.exceptions.StorageInternalError as error:
            refused.append(error)

    StudyRecords(database, "tiny").add(network_of(trial, "weights"), check_and_be_failed)
    assert refused, "the other worker waits for the rows"
    assert storage.get_trial(trial._trial_id).state == TrialState.RUNNING


@pytest.mark.parametrize("guarded", [True, False])
def test_a_network_whose_recording_was_not_answered_is_recorded_once(
    folder: StudyFolder, guarded: bool
) -> None:
    trial, database = asked(folder.open()), Database(folder.url)
    guard: Guard = owned(trial) if guarded else no_guard
    network = network_of(trial, "weights")
    first = StudyRecords(database, "tiny").add(network, guard)
    assert StudyRecords(database, "tiny").add(network, guard) == first
    with pytest.raises(Exception, match="UNIQUE constraint failed"):
        StudyRecords(database, "tiny").add(replace(network, artifact_id="others"), guard)


def test_a_worker_signs_as_this_process(folder: StudyFolder) -> None:
    trial = asked(folder.open())
    assert trial.user_attrs[WORKER_KEY] == this_worker()


def test_on_postgresql_too_nobody_ends_the_trial_before_the_rows_are_written(
    new_postgres: Callable[[], str],
) -> None:
    url = new_postgres()
    storage = RDBStorage(url)
    study = optuna.create_study(storage=storage)
    trial = study.ask()
    trial.set_user_attr(WORKER_KEY, this_worker())
    hurried = {"options": "-c lock_timeout=100"}
    other = RDBStorage(url, engine_kwargs={"connect_args": hurried})
    engine = create_engine(url)
    with engine.begin() as connection:
        owned(trial)(connection)
        with pytest.raises(optuna.exceptions.StorageInternalError):
            other.set_trial_state_values(trial._trial_id, TrialState.FAIL)
        other.set_trial_user_attr(trial._trial_id, "key", "heartbeats and notes do not wait")
    other.set_trial_state_values(trial._trial_id, TrialState.FAIL)
    with pytest.raises(TrialTaken, match="trial 0: is FAIL"), engine.begin() as connection:
        owned(trial)(connection)
    for each in (engine, storage.engine, other.engine):
        each.dispose()
