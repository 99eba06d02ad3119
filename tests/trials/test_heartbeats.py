"""A worker that has gone silent is found, whatever the database's clock does."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import optuna
import pytest
from sqlalchemy import text

from plantnas.place import sqlite_url
from plantnas.trials.heartbeats import Heartbeats, heartbeats_of, silent_for
from plantnas.trials.storage import PatientStorage, open_storage

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NOON = datetime(2026, 1, 1, 12)


@pytest.fixture(params=["sqlite", "postgresql"])
def storage(
    request: pytest.FixtureRequest, tmp_path: Path, new_postgres: Callable[[], str]
) -> PatientStorage:
    return open_storage(new_postgres() if request.param == "postgresql" else sqlite_url(tmp_path))


def running_trial(storage: PatientStorage) -> tuple[int, int]:
    """The ids of a study and of its trial, which has a heartbeat."""
    study = optuna.create_study(storage=storage)
    trial_id = storage.create_new_trial(study._study_id)
    storage.record_heartbeat(trial_id)
    return study._study_id, trial_id


def set_heartbeat(storage: PatientStorage, hours: int) -> None:
    """As if the database's clock had been so far ahead when it was written."""
    with storage.engine.begin() as connection:
        read = text("SELECT CURRENT_TIMESTAMP")
        now = datetime.fromisoformat(str(connection.scalar(read))).replace(tzinfo=None)
        change = text("UPDATE trial_heartbeats SET heartbeat = :moment")
        moment = str((now + timedelta(hours=hours)).replace(microsecond=0))
        connection.execute(change, {"moment": moment})


def test_the_moment_of_a_heartbeat_is_when_it_was_first_seen() -> None:
    heartbeats, later = Heartbeats(), NOON + timedelta(seconds=15)
    assert heartbeats.note({1: NOON, 2: NOON}, 100.0) == {1: 100.0, 2: 100.0}
    assert heartbeats.note({1: NOON, 2: later}, 115.0) == {1: 100.0, 2: 115.0}
    assert heartbeats.note({2: NOON}, 130.0) == {2: 130.0}, "another one, if earlier"
    assert heartbeats.note({1: NOON}, 145.0) == {1: 145.0}, "what had ended begins anew"


def test_the_heartbeats_of_running_trials_are_read(storage: PatientStorage) -> None:
    study_id, trial_id = running_trial(storage)
    ended = storage.create_new_trial(study_id)
    storage.record_heartbeat(ended)
    storage.set_trial_state_values(ended, optuna.trial.TrialState.FAIL)
    assert heartbeats_of(storage, study_id).keys() == {trial_id}


def test_who_was_silent_for_so_long_is_told_at_once(storage: PatientStorage) -> None:
    study_id, trial_id = running_trial(storage)
    set_heartbeat(storage, hours=-1)
    assert silent_for(storage, study_id, 3500.0) == {trial_id}
    assert silent_for(storage, study_id, 3700.0) == set()


def test_a_worker_whose_last_heartbeat_is_in_the_future_is_found_dead(
    storage: PatientStorage,
) -> None:
    """The server's clock was set back after it: by that clock, it lives for an hour."""
    study_id, trial_id = running_trial(storage)
    set_heartbeat(storage, hours=1)
    storage.heartbeat_interval, storage.grace_period = 1, 1
    assert storage._get_stale_trial_ids(study_id) == []
    time.sleep(2.2)
    assert storage._get_stale_trial_ids(study_id) == [trial_id]


def test_a_worker_that_lives_is_not_found_dead_as_its_heartbeat_changes(
    storage: PatientStorage,
) -> None:
    study_id, _ = running_trial(storage)
    set_heartbeat(storage, hours=1)
    storage.heartbeat_interval, storage.grace_period = 1, 2
    storage._get_stale_trial_ids(study_id)
    time.sleep(2.2)
    set_heartbeat(storage, hours=2)
    assert storage._get_stale_trial_ids(study_id) == []
