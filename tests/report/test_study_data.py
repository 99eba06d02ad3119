"""A study is read once, with or without its trials."""

import optuna
import pytest

from plantnas.errors import StudyError
from plantnas.records.database import Database
from plantnas.records.study import StudyRecords
from plantnas.report.study_data import optuna_trials, study_data
from tests.conftest import StudyFolder


def test_a_studys_networks_and_trials_are_read_together(finished: StudyFolder) -> None:
    data = study_data(finished.records)
    assert data.networks == finished.records.networks()
    assert data.study == finished.records.record
    numbers = [trial.number for trial in data.trials]
    assert numbers == list(range(len(finished.open().trials)))


def test_the_teacher_is_found_once_there_is_one(records: StudyRecords) -> None:
    data = study_data(records)
    assert data.teacher == data.networks[0]
    assert data._replace(networks=data.networks[1:]).teacher is None


def test_a_study_that_optuna_does_not_know_has_no_trials(records: StudyRecords, url: str) -> None:
    optuna.create_study(study_name="another", storage=url)
    assert study_data(records).trials == []
    assert optuna_trials(records) is None


def test_an_unknown_study_is_refused(database: Database) -> None:
    with pytest.raises(StudyError, match=r"Did you mean 'made-up'\?"):
        study_data(StudyRecords(database, "made-down"))
