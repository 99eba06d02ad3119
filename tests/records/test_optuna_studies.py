"""A study of Optuna's is found in a database by its name, and one that is missing is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import optuna
import pytest
from sqlalchemy import create_engine, text

from plantnas.errors import StorageError, StudyError
from plantnas.records.database import Database
from plantnas.records.optuna_studies import check_new_study, check_owner, check_study, study_names
from plantnas.records.optuna_tables import DIRECTION_WORDS
from tests.records.conftest import ON_BOTH

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def two_studies(url: str) -> str:
    """The URL of a database of two studies."""
    for name in ("other", "digits"):
        optuna.create_study(study_name=name, storage=url, directions=DIRECTION_WORDS)
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


@ON_BOTH
@pytest.mark.parametrize("check", [check_study, check_new_study])
def test_a_study_of_one_objective_is_refused(url: str, check: Callable[[str, str], None]) -> None:
    optuna.create_study(study_name="digits", storage=url)
    with pytest.raises(StudyError, match=r"study 'digits': is in .* with the objectives"):
        check("digits", url)


@ON_BOTH
def test_a_new_study_may_be_beside_studies_of_optunas(url: str) -> None:
    optuna.create_study(study_name="other", storage=url)
    check_new_study("digits", url)


@ON_BOTH
def test_the_database_of_another_application_is_refused(url: str) -> None:
    execute(url, "CREATE TABLE customers (name TEXT)")
    with pytest.raises(StorageError, match=r"of another application, with the tables customers:"):
        check_owner(url)


@ON_BOTH
def test_studies_of_another_application_are_not_taken_for_optunas(url: str) -> None:
    execute(url, "CREATE TABLE studies (title TEXT)")
    with pytest.raises(StorageError, match=r"of another application, with the tables studies:"):
        check_study("digits", url)


@ON_BOTH
def test_who_shares_a_database_with_optuna_may_share_it_with_us(two_studies: str) -> None:
    execute(two_studies, "CREATE TABLE customers (name TEXT)")
    check_owner(two_studies)


@ON_BOTH
def test_tables_of_optunas_that_are_being_made_are_not_strange(url: str) -> None:
    execute(url, "CREATE TABLE version_info (library_version TEXT)")
    check_owner(url)


@ON_BOTH
def test_a_database_of_ours_alone_is_not_strange(url: str) -> None:
    Database(url).close()
    check_owner(url)


def execute(url: str, statement: str) -> None:
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text(statement))
    engine.dispose()
