"""A study of Optuna's is found in a database by its name, and one that is missing is told."""

from __future__ import annotations

import optuna
import pytest

from plantnas.errors import StudyError
from plantnas.records.database import Database
from plantnas.records.optuna_studies import check_study, study_names


@pytest.fixture
def two_studies(url: str) -> str:
    """The URL of a database of two studies."""
    for name in ("other", "digits"):
        optuna.create_study(study_name=name, storage=url)
    return url


def test_the_names_are_those_of_optunas_studies(two_studies: str) -> None:
    with Database(two_studies).transaction() as connection:
        assert study_names(connection) == ["other", "digits"]


def test_a_database_that_optuna_has_not_opened_has_no_studies(url: str) -> None:
    with Database(url).transaction() as connection:
        assert study_names(connection) == []


def test_a_study_that_optuna_knows_is_not_refused(two_studies: str) -> None:
    check_study("digits", two_studies)


def test_a_study_that_optuna_does_not_know_is_refused_with_the_nearest(two_studies: str) -> None:
    with pytest.raises(StudyError, match=r"study 'digit': is not in .* Did you mean 'digits'\?"):
        check_study("digit", two_studies)
