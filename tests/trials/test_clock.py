"""The clock is the database's, and agrees with Optuna's."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import optuna
import pytest

from plantnas.trials.clock import now
from plantnas.trials.storage import open_storage

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def assert_is_now(study: optuna.Study) -> None:
    study.ask()
    begun = study.trials[0].datetime_start
    assert begun is not None
    assert abs(now(study) - begun.astimezone()) < timedelta(minutes=1)
    assert abs(now(study) - datetime.now(UTC)) < timedelta(minutes=1)


def test_it_is_that_of_trials_in_a_file(tmp_path: Path) -> None:
    assert_is_now(optuna.create_study(storage=open_storage(f"sqlite:///{tmp_path}/study.db")))


def test_it_is_that_of_trials_on_a_server(new_postgres: Callable[[], str]) -> None:
    assert_is_now(optuna.create_study(storage=open_storage(new_postgres())))


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/New_York"])
def test_it_is_that_of_trials_in_every_time_zone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, zone: str
) -> None:
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        assert_is_now(optuna.create_study(storage=open_storage(f"sqlite:///{tmp_path}/study.db")))
    finally:
        monkeypatch.undo()
        time.tzset()


def test_it_is_that_of_trials_in_memory() -> None:
    assert_is_now(optuna.create_study())
