"""A database knows its studies by their names, each once."""

from dataclasses import replace

import optuna
import pandas
import pytest
from sqlalchemy import create_engine, text

from plantnas.errors import StorageError, StudyError
from plantnas.records.database import Database
from plantnas.records.engine import reading
from plantnas.records.migrations.revision import revision_of
from plantnas.records.record import StudyRecord
from tests.records.conftest import ON_BOTH


def test_a_study_comes_back_as_it_was_added(database: Database, study: StudyRecord) -> None:
    assert database.study("digits") == study
    assert database.find_study("digits") == study


@ON_BOTH
def test_a_second_study_of_the_same_name_is_refused(database: Database, study: StudyRecord) -> None:
    with pytest.raises(StudyError, match="'digits' exists already"):
        database.add_study(replace(study, optuna_study_id=2))
    assert database.study("digits").optuna_study_id == 1


def test_an_unknown_study_is_named_with_the_nearest_known_one(database: Database) -> None:
    assert database.find_study("digit") is None
    with pytest.raises(StudyError, match=r"no study 'digit'. Did you mean 'digits'\?"):
        database.study("digit")


def test_an_empty_database_says_that_it_has_no_studies(url: str) -> None:
    with pytest.raises(StudyError, match="It has none yet"):
        Database(url).study("digits")


def test_study_names_are_in_the_order_of_their_making(
    database: Database, study: StudyRecord
) -> None:
    database.add_study(replace(study, name="a later one"))
    assert database.study_names() == ["digits", "a later one"]


@ON_BOTH
def test_what_is_opened_to_be_read_cannot_be_written_to(
    database: Database, url: str, study: StudyRecord
) -> None:
    reader = Database.to_read(url, "digits")
    assert reader.study_names() == ["digits"]
    with pytest.raises(StorageError, match=r"read-?only"):
        reader.add_study(replace(study, name="another"))


@ON_BOTH
def test_tables_are_not_made_by_who_reads(url: str) -> None:
    optuna.create_study(study_name="digits", storage=url)
    with pytest.raises(StudyError, match=r"has no study 'digits'\. It has none yet"):
        Database.to_read(url, "digits")
    with reading(url) as connection:
        assert revision_of(connection) is None


@ON_BOTH
def test_tables_are_not_made_among_those_of_another_application(url: str) -> None:
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE customers (name TEXT)"))
    engine.dispose()
    with pytest.raises(StorageError, match="of another application"):
        Database(url)


def test_what_pandas_says_of_a_database_is_one_line(database: Database) -> None:
    with (
        pytest.raises(StorageError, match="nothing"),
        database.transaction() as open_,
    ):
        pandas.read_sql_query("SELECT * FROM nothing", open_)
