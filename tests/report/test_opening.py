"""Readers of a study open no database that is not there, and leave an open one open."""

from pathlib import Path

import optuna
import pytest
from sqlalchemy import event, text

from plantnas.errors import StorageError
from plantnas.records.database import Database
from plantnas.report.opening import opened


def test_a_file_that_does_not_exist_is_refused_and_not_made(tmp_path: Path) -> None:
    with (
        pytest.raises(StorageError, match=r"missing.db: no such file"),
        opened(f"sqlite:///{tmp_path}/missing.db", "made-up"),
    ):
        pass
    assert list(tmp_path.iterdir()) == []


def test_our_own_object_is_taken_as_it_is(database: Database) -> None:
    with opened(database, "made-up") as found:
        assert found.database is database


def test_a_url_and_optunas_storage_lead_to_the_same_study(database: Database, url: str) -> None:
    for storage in (url, optuna.storages.RDBStorage(url)):
        with opened(storage, "made-up") as found:
            assert found.record == database.study("made-up")


def test_what_was_opened_here_is_closed_again(database: Database, url: str) -> None:
    made, closed = list[object](), list[object]()
    with opened(url, "made-up") as found:
        event.listen(found.database.engine, "connect", lambda each, _: made.append(each))
        event.listen(found.database.engine, "close", lambda each, _: closed.append(each))
        with found.database.engine.connect() as connection:
            connection.execute(text("SELECT 1"))
    assert made
    assert closed == made


def test_what_is_opened_here_cannot_be_written_to(database: Database, url: str) -> None:
    with (
        opened(url, "made-up") as found,
        pytest.raises(StorageError, match=r"readonly"),
        found.database.transaction() as connection,
    ):
        connection.execute(text("DELETE FROM plantnas_studies"))
