"""Storages are opened with the settings of many workers, and their errors are one line."""

from __future__ import annotations

from pathlib import Path

import optuna
import pytest
from optuna.storages import RDBStorage
from sqlalchemy import text

from plantnas.errors import StorageError
from plantnas.search.storage import (
    default_directory,
    make_folder,
    open_storage,
    sqlite_url,
    storage_errors,
    storage_url,
)


def test_a_storage_has_heartbeats_and_a_log_that_readers_do_not_wait_for(tmp_path: Path) -> None:
    storage = open_storage(sqlite_url(tmp_path / "new"))
    assert storage.get_heartbeat_interval() == 15
    with storage.engine.connect() as connection:
        assert connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("study.db", "is not a URL such as sqlite:///study.db"),
        ("nonsense://x", "cannot be opened"),
        ("sqlite:////proc/none/study.db", "cannot be opened"),
        ("postgresql://user:secret@127.0.0.1:1/x", "cannot be opened"),
    ],
)
def test_a_storage_that_cannot_be_opened_is_one_line_without_the_password(
    url: str, message: str
) -> None:
    with pytest.raises(StorageError, match=message) as error:
        open_storage(url)
    assert "\n" not in str(error.value)
    assert "secret" not in str(error.value)


def test_the_url_of_a_study_is_found_behind_optunas_cache(tmp_path: Path) -> None:
    url = sqlite_url(tmp_path)
    study = optuna.create_study(storage=url)
    assert storage_url(study) == url
    assert default_directory(study) == tmp_path


def test_a_study_in_memory_has_no_database() -> None:
    with pytest.raises(StorageError, match="InMemoryStorage, but plantnas needs an SQL database"):
        storage_url(optuna.create_study())


def test_what_a_storage_raises_is_one_line(tmp_path: Path) -> None:
    url = sqlite_url(tmp_path)
    storage = RDBStorage(url)
    study = optuna.create_study(storage=storage)
    with storage.engine.begin() as connection:
        connection.execute(text("DROP TABLE trials"))
    with pytest.raises(StorageError, match="no such table: trials") as error, storage_errors(url):
        study.ask()
    assert "\n" not in str(error.value)


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    for place in (file, file / "below"):
        with pytest.raises(StorageError, match="cannot be made a folder"):
            make_folder(place)
