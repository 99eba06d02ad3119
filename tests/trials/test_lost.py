"""Trials of workers that ended or went silent are failed with their reason; those of others not."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from datetime import datetime, timedelta, tzinfo
from typing import TYPE_CHECKING

import optuna
import pytest
from optuna.trial import TrialState
from sqlalchemy import text

from plantnas.place import sqlite_url
from plantnas.records.optuna_tables import ASSIGNMENT_KEY, UNSIGNED_KEY, WORKER_KEY
from plantnas.trials.assignments import is_assigned, write_assignment
from plantnas.trials.history import Assignment
from plantnas.trials.lost import (
    ENDED,
    Heartbeats,
    fail,
    fail_if_running,
    fail_trials_of_dead_workers,
    heartbeats_of,
    silent_for,
    trials_of_dead_workers,
)
from plantnas.trials.owners import sign, this_worker
from plantnas.trials.storage import PatientStorage, open_storage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.filterwarnings("ignore:Heartbeat of storage")

NOON = datetime(2026, 1, 1, 12)

DEAD = f"{this_worker()}0"
"""A process of this machine that began at another time: the number is another's now."""

ANOTHER = "from plantnas.trials.owners import this_worker; print(this_worker(), flush=True)"


@pytest.fixture
def study() -> optuna.Study:
    return optuna.create_study(directions=["maximize", "minimize"])


@pytest.fixture
def another() -> Iterator[subprocess.Popen[str]]:
    """A process that says its name as a worker and waits."""
    process = subprocess.Popen(
        [sys.executable, "-c", f"{ANOTHER}; input()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    yield process
    process.kill()
    process.communicate()


def name_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_a_trial_names_this_process(study: optuna.Study) -> None:
    trial = study.ask()
    sign(study, study.trials[trial.number])
    assert study.trials[trial.number].user_attrs[WORKER_KEY] == this_worker()
    assert fail_trials_of_dead_workers(study) == []


def test_the_trial_of_a_killed_process_is_failed(
    study: optuna.Study, another: subprocess.Popen[str]
) -> None:
    study.ask().set_user_attr(WORKER_KEY, name_of(another))
    assert fail_trials_of_dead_workers(study) == []
    another.kill()
    os.waitid(os.P_PID, another.pid, os.WEXITED | os.WNOWAIT)  # it stays a zombie
    assert fail_trials_of_dead_workers(study) == [0]
    assert study.trials[0].state == TrialState.FAIL


def test_the_reason_names_the_worker(study: optuna.Study) -> None:
    study.ask().set_user_attr(WORKER_KEY, DEAD)
    fail_trials_of_dead_workers(study)
    host, process, _ = DEAD.split(":")
    assert study.trials[0].user_attrs["reason"] == (
        f"its worker {host}:{process} ended without a word"
    )


def test_a_trial_that_ended_well_meanwhile_is_no_failure(study: optuna.Study) -> None:
    trial = study.ask()
    trial.set_user_attr(WORKER_KEY, DEAD)
    (found,) = trials_of_dead_workers(study)
    study.tell(trial, (0.5, 100.0))
    assert not fail(study, found, ENDED)
    assert study.trials[0].state == TrialState.COMPLETE
    assert "reason" not in study.trials[0].user_attrs
    assert len(study.trials) == 1


def test_a_process_that_got_the_number_of_a_dead_one_is_another(study: optuna.Study) -> None:
    host, process, started = this_worker().split(":")
    study.ask().set_user_attr(WORKER_KEY, f"{host}:{process}:{int(started) - 1}")
    assert fail_trials_of_dead_workers(study) == [0]


def test_workers_of_other_machines_are_left_to_their_heartbeats(study: optuna.Study) -> None:
    study.ask().set_user_attr(WORKER_KEY, "another.machine:1:1")
    assert fail_trials_of_dead_workers(study) == []


@pytest.mark.parametrize(("seconds", "expected"), [(5, []), (120, [0])])
def test_a_trial_that_nobody_signed_is_failed_after_a_minute(
    study: optuna.Study, seconds: int, expected: list[int]
) -> None:
    add_unsigned(study, timedelta(seconds=seconds))
    assert fail_trials_of_dead_workers(study) == expected
    reasons = [trial.user_attrs.get("reason") for trial in study.trials]
    assert reasons == ["a worker that did not sign it ended without a word" if expected else None]


def add_unsigned(study: optuna.Study, age: timedelta) -> int:
    """A running trial without its worker's name, by Optuna's id; by its worker's clock so old."""
    begun = optuna.create_trial(state=TrialState.RUNNING)
    begun.datetime_start = datetime.now() - age
    return study._storage.create_new_trial(study._study_id, begun)


@pytest.mark.parametrize("age", [timedelta(minutes=-3), timedelta(minutes=3), timedelta(hours=12)])
def test_a_trial_whose_workers_clock_is_wrong_has_its_minute_to_be_signed(
    storage: PatientStorage, age: timedelta
) -> None:
    study = optuna.create_study(storage=storage)
    trial_id = add_unsigned(study, age)
    assert fail_trials_of_dead_workers(study) == []
    assert trials_of_dead_workers(study) == []
    noted = storage.get_trial(trial_id).system_attrs[UNSIGNED_KEY]
    storage.set_trial_system_attr(trial_id, UNSIGNED_KEY, noted - 61)  # as a minute later
    assert fail_trials_of_dead_workers(study) == [0]


def test_a_trial_that_was_signed_late_is_its_workers(storage: PatientStorage) -> None:
    study = optuna.create_study(storage=storage)
    trial_id = add_unsigned(study, timedelta(minutes=3))
    assert fail_trials_of_dead_workers(study) == []
    sign(study, storage.get_trial(trial_id))
    storage.set_trial_system_attr(trial_id, UNSIGNED_KEY, 1.0)
    assert fail_trials_of_dead_workers(study) == []


def test_a_trial_that_is_days_old_and_was_never_signed_is_failed_at_once(
    storage: PatientStorage,
) -> None:
    study = optuna.create_study(storage=storage)
    add_unsigned(study, timedelta(days=2))
    assert trials_of_dead_workers(study)
    assert fail_trials_of_dead_workers(study) == [0]


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_clock_that_is_wrong_fails_no_trial_that_is_not_signed_yet(
    storage: PatientStorage, monkeypatch: pytest.MonkeyPatch, hours: int
) -> None:
    study = optuna.create_study(storage=storage)
    storage.create_new_trial(study._study_id)
    set_clock(monkeypatch, hours)
    assert fail_trials_of_dead_workers(study) == []


def set_clock(monkeypatch: pytest.MonkeyPatch, hours: int) -> None:
    """This process's clock is wrong; its database's is not."""

    class Wrong(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Wrong:
            moment = datetime.now(tz) + timedelta(hours=hours)
            return cls.fromisoformat(moment.isoformat())

    for module in ("lost", "clock"):
        monkeypatch.setattr(f"plantnas.trials.{module}.datetime", Wrong)


def test_a_planting_whose_next_worker_died_before_it_signed_is_left_to_the_policy(
    study: optuna.Study,
) -> None:
    """Its place was given away at once: to queue it again would do more than is wanted."""
    begin(study)
    fail_trials_of_dead_workers(study)
    study._storage.set_trial_state_values(study.trials[1]._trial_id, TrialState.RUNNING)
    assert fail(study, study.trials[1], ENDED)
    assert [trial.state for trial in study.trials] == [TrialState.FAIL] * 2


def begin(study: optuna.Study) -> optuna.trial.FrozenTrial:
    """A trial of a dead worker, with an assignment and a parameter; the one in the queue first."""
    trial = study.ask()
    if not is_assigned(study.trials[trial.number]):
        write_assignment(study, study.trials[trial.number], Assignment("screen", 2, 7))
    trial.suggest_int("a", 0, 9)
    trial.set_user_attr(WORKER_KEY, DEAD)
    trial.set_user_attr("planting", "what the dead worker found")
    return study.trials[trial.number]


def test_the_planting_of_a_dead_worker_is_queued_with_its_assignment(study: optuna.Study) -> None:
    dead = begin(study)
    assert fail_trials_of_dead_workers(study) == [0]
    failed, queued = study.trials
    assert (failed.state, queued.state) == (TrialState.FAIL, TrialState.WAITING)
    assert queued.params == dead.params != {}
    assert queued.system_attrs[ASSIGNMENT_KEY] == dead.system_attrs[ASSIGNMENT_KEY]
    assert queued.user_attrs == {"kind": "screen", "step": 2, "parent": 7}


def test_the_retried_trial_repeats_the_planting(study: optuna.Study) -> None:
    dead = begin(study)
    fail_trials_of_dead_workers(study)
    assert study.ask().suggest_int("a", 0, 9) == dead.params["a"]


def test_a_planting_that_killed_two_workers_is_left_to_the_policy(study: optuna.Study) -> None:
    begin(study)
    fail_trials_of_dead_workers(study)
    begin(study)
    assert fail_trials_of_dead_workers(study) == [1]
    assert [trial.state for trial in study.trials] == [TrialState.FAIL] * 2


def test_a_trial_without_an_assignment_is_not_queued(study: optuna.Study) -> None:
    study.ask().set_user_attr(WORKER_KEY, DEAD)
    assert fail_trials_of_dead_workers(study) == [0]
    assert len(study.trials) == 1


def test_a_trial_that_repeats_another_one_is_left_to_the_policy(study: optuna.Study) -> None:
    trial = study.ask()
    repeating = Assignment("screen", 2, 7, repeats=3)
    write_assignment(study, study.trials[trial.number], repeating)
    trial.set_user_attr(WORKER_KEY, DEAD)
    assert fail_trials_of_dead_workers(study) == [0]
    assert len(study.trials) == 1


def test_of_two_that_find_a_worker_dead_one_queues_its_planting(study: optuna.Study) -> None:
    begin(study)
    found = study.get_trials(states=(TrialState.RUNNING,))
    fail_trials_of_dead_workers(study)
    study.get_trials = lambda **_: found  # type: ignore[method-assign]  # the other one is late
    assert fail_trials_of_dead_workers(study) == []
    del study.get_trials
    assert len(study.trials) == 2


# Failed with a reason


@pytest.fixture(params=["sqlite", "postgresql", "memory"])
def kept(
    request: pytest.FixtureRequest, tmp_path: Path, new_postgres: Callable[[], str]
) -> optuna.Study:
    url = new_postgres() if request.param == "postgresql" else sqlite_url(tmp_path)
    storage = None if request.param == "memory" else open_storage(url)
    return optuna.create_study(storage=storage, directions=["maximize", "minimize"])


def test_a_running_trial_is_failed_with_its_reason_once(kept: optuna.Study) -> None:
    trial = kept.ask()
    assert fail_if_running(kept._storage, trial._trial_id, "its worker left")
    assert not fail_if_running(kept._storage, trial._trial_id, "late")
    (failed,) = kept.trials
    assert (failed.state, failed.user_attrs) == (TrialState.FAIL, {"reason": "its worker left"})
    assert failed.datetime_complete is not None
    assert failed.datetime_start is not None
    assert failed.datetime_complete >= failed.datetime_start


def test_a_trial_that_ends_well_at_the_same_moment_gets_no_reason(kept: optuna.Study) -> None:
    trial = kept.ask()
    kept.tell(trial, (0.5, 100.0))
    assert not fail_if_running(kept._storage, trial._trial_id, "its worker left")
    (complete,) = kept.trials
    assert (complete.state, complete.user_attrs) == (TrialState.COMPLETE, {})


def test_a_trial_in_the_queue_is_not_failed(kept: optuna.Study) -> None:
    kept.enqueue_trial({})
    (waiting,) = kept.trials
    assert not fail_if_running(kept._storage, waiting._trial_id, "its worker left")
    assert kept.trials[0].state == TrialState.WAITING


def test_the_reason_that_a_worker_gave_itself_is_kept(kept: optuna.Study) -> None:
    trial = kept.ask()
    trial.set_user_attr("reason", "the disk is full")
    assert fail_if_running(kept._storage, trial._trial_id, "its worker left")
    assert kept.trials[0].user_attrs == {"reason": "the disk is full"}


# Heartbeats


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
