"""A trial is failed with its reason, or is left as it ended; nothing lies between."""

from __future__ import annotations

from typing import TYPE_CHECKING

import optuna
import pytest
from optuna.trial import TrialState

from plantnas.place import sqlite_url
from plantnas.trials.failing import fail_if_running
from plantnas.trials.storage import open_storage

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.filterwarnings("ignore:Heartbeat of storage")


@pytest.fixture(params=["sqlite", "postgresql", "memory"])
def study(
    request: pytest.FixtureRequest, tmp_path: Path, new_postgres: Callable[[], str]
) -> optuna.Study:
    url = new_postgres() if request.param == "postgresql" else sqlite_url(tmp_path)
    storage = None if request.param == "memory" else open_storage(url)
    return optuna.create_study(storage=storage, directions=["maximize", "minimize"])


def test_a_running_trial_is_failed_with_its_reason_once(study: optuna.Study) -> None:
    trial = study.ask()
    assert fail_if_running(study._storage, trial._trial_id, "its worker left")
    assert not fail_if_running(study._storage, trial._trial_id, "late")
    (failed,) = study.trials
    assert (failed.state, failed.user_attrs) == (TrialState.FAIL, {"reason": "its worker left"})
    assert failed.datetime_complete is not None
    assert failed.datetime_start is not None
    assert failed.datetime_complete >= failed.datetime_start


def test_a_trial_that_ends_well_at_the_same_moment_gets_no_reason(study: optuna.Study) -> None:
    trial = study.ask()
    study.tell(trial, (0.5, 100.0))
    assert not fail_if_running(study._storage, trial._trial_id, "its worker left")
    (complete,) = study.trials
    assert (complete.state, complete.user_attrs) == (TrialState.COMPLETE, {})


def test_a_trial_in_the_queue_is_not_failed(study: optuna.Study) -> None:
    study.enqueue_trial({})
    (waiting,) = study.trials
    assert not fail_if_running(study._storage, waiting._trial_id, "its worker left")
    assert study.trials[0].state == TrialState.WAITING


def test_the_reason_that_a_worker_gave_itself_is_kept(study: optuna.Study) -> None:
    trial = study.ask()
    trial.set_user_attr("reason", "the disk is full")
    assert fail_if_running(study._storage, trial._trial_id, "its worker left")
    assert study.trials[0].user_attrs == {"reason": "the disk is full"}
