"""Attributes that plantnas has not written so are told in one line by whoever reads them."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import optuna
import pytest

from plantnas.errors import StorageError
from plantnas.place import sqlite_url
from plantnas.records.attributes import check_study, check_trial
from plantnas.records.engine import reading
from plantnas.records.optuna_private import OpenStorage, storage_of
from plantnas.records.optuna_tables import ASSIGNMENT_KEY
from plantnas.records.optuna_trials import trials_of
from plantnas.trials.assignments import reference_of, write_assignment
from plantnas.trials.history import Assignment
from plantnas.trials.storage import storage_to_read


def trial_with(user: dict[str, Any], system: dict[str, Any]) -> optuna.trial.FrozenTrial:
    return optuna.create_trial(values=[0.5, 10.0], user_attrs=user, system_attrs=system)


@pytest.mark.parametrize(
    ("user", "system"),
    [
        ({"kind": 3}, {}),
        ({"step": "1"}, {}),
        ({"step": True}, {}),
        ({"validation_loss": None}, {}),
        ({"reason": []}, {}),
        ({}, {ASSIGNMENT_KEY: 3.5}),
        ({}, {ASSIGNMENT_KEY: {"kind": "screen", "step": 1}}),
        ({}, {ASSIGNMENT_KEY: {"kind": "screen", "step": 1, "parent": "x"}}),
    ],
)
def test_other_types_are_refused(user: dict[str, Any], system: dict[str, Any]) -> None:
    with pytest.raises((TypeError, KeyError)):
        check_trial(trial_with(user, system))


def test_what_plantnas_writes_is_taken() -> None:
    study = optuna.create_study(directions=["maximize", "minimize"])
    for assignment in (Assignment("grow", 2, 3, repeats=1, ahead=4), None):
        trial = study.ask()
        write_assignment(study, trial._cached_frozen_trial, assignment)
        trial.set_user_attr("validation_loss", 0)
        check_trial(study.trials[-1])
    check_trial(trial_with({"mine": object, "parent": "seed"}, {"theirs": 3}))
    check_study({"seed_accuracy": 0.5, "mine": []})


@pytest.mark.parametrize("table", ["trial_user", "trial_system", "study_user", "study_system"])
def test_damaged_attributes_are_one_line(tmp_path: Path, table: str) -> None:
    url = sqlite_url(tmp_path)
    study = optuna.create_study(storage=url, study_name="mine")
    study.set_user_attr("seed_accuracy", 0.5)
    storage_of(study).set_study_system_attr(1, "theirs", 3)
    study.add_trial(optuna.create_trial(value=1.0, user_attrs={"a": 1}, system_attrs={"b": 2}))
    with closing(sqlite3.connect(tmp_path / "study.db")) as writer, writer:
        writer.execute(f"UPDATE {table}_attributes SET value_json = '['")
    storage = storage_to_read(url)
    looks = {
        "study_user": storage.get_study_user_attrs,
        "study_system": storage.get_study_system_attrs,
        "trial_user": storage.get_trial,
        "trial_system": storage.get_all_trials,
    }
    with pytest.raises(StorageError, match="is damaged in the database: JSONDecodeError"):
        looks[table](1)


def test_figures_of_a_study_that_are_none_are_one_line(tmp_path: Path) -> None:
    study = optuna.create_study(storage=OpenStorage(sqlite_url(tmp_path)))
    study.set_user_attr("seed_accuracy", "good")
    with pytest.raises(StorageError, match=r"TypeError: its seed_accuracy is 'good'\."):
        reference_of(study)


def test_an_assignment_that_is_none_is_one_line(tmp_path: Path) -> None:
    url = sqlite_url(tmp_path)
    study = optuna.create_study(storage=url, study_name="mine")
    study.add_trial(optuna.create_trial(value=1.0, system_attrs={ASSIGNMENT_KEY: 7}))
    with pytest.raises(StorageError, match="its plantnas:assignment is 7"):
        _ = optuna.load_study(storage=storage_to_read(url), study_name="mine").trials
    with (
        pytest.raises(StorageError, match=r"a trial: is damaged .* its plantnas:assignment is 7"),
        reading(url) as connection,
    ):
        trials_of(connection, "mine")
