"""Storages are opened with the settings of many workers, and their errors are one line."""

from __future__ import annotations

import gc
import multiprocessing
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from multiprocessing.synchronize import Barrier
from pathlib import Path

import optuna
import pytest
from optuna.samplers import RandomSampler
from optuna.storages import RDBStorage
from sqlalchemy import Engine, event, text

from plantnas.errors import StorageError
from plantnas.place import sqlite_url
from plantnas.trials.storage import (
    default_directory,
    folder_of,
    make_folder,
    open_database,
    open_storage,
    storage_errors,
    storage_to_read,
    storage_url,
    study_folder,
)
from plantnas.trials.study import create_study
from tests.postgres import administrator
from tests.records.test_patience import Server, server

__all__ = ["server"]


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


def test_the_folder_of_a_study_has_its_name_whatever_letters_that_has() -> None:
    folder = folder_of("postgresql://host/studies", "../of 100 %")
    assert folder == Path("plantnas-studies") / "..%2Fof 100 %25"


def test_a_study_in_memory_has_no_database() -> None:
    with pytest.raises(StorageError, match="InMemoryStorage, but plantnas needs an SQL database"):
        storage_url(optuna.create_study())


def test_storage_and_records_of_a_study_share_one_connection(
    new_postgres: Callable[[], str],
) -> None:
    url = new_postgres()
    study = create_study("shared", url, RandomSampler())
    database = open_database(study)
    study.enqueue_trial({})
    assert database.study_names() == []
    with administrator(url) as connection:
        count = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        assert connection.scalar(text(count)) == 1 + 1  # the one that asks
    database.close()


def test_a_storage_of_the_users_own_shares_nothing(tmp_path: Path) -> None:
    storage = RDBStorage(sqlite_url(tmp_path))  # its connections do not check foreign keys
    database = open_database(optuna.create_study(storage=storage))
    assert database.engine is not storage.engine
    assert database.study_names() == []


def test_what_a_storage_raises_is_one_line(tmp_path: Path) -> None:
    url = sqlite_url(tmp_path)
    storage = RDBStorage(url)
    study = optuna.create_study(storage=storage)
    with storage.engine.begin() as connection:
        connection.execute(text("DROP TABLE trials"))
    with pytest.raises(StorageError, match="no such table: trials") as error, storage_errors(url):
        study.ask()
    assert "\n" not in str(error.value)


def test_what_is_read_while_somebody_begins_to_write_is_read_again(tmp_path: Path) -> None:
    written: list[int] = []
    optuna.create_study(storage=sqlite_url(tmp_path)).ask()
    gc.collect()  # Optuna leaves its connection open
    storage = storage_to_read(sqlite_url(tmp_path))

    @event.listens_for(storage.engine, "after_cursor_execute")
    def write(*_: object) -> None:
        if not written:
            with closing(sqlite3.connect(tmp_path / "study.db")) as writer, writer:
                written.append(writer.execute("UPDATE trials SET state = 'FAIL'").rowcount)

    (trial,) = storage.get_all_trials(1)
    assert (trial.state.name, written) == ("FAIL", [1])


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    for place in (file, file / "below"):
        with pytest.raises(StorageError, match="cannot be made a folder"):
            make_folder(place)


@pytest.mark.parametrize("before", ["", "here", "here/study"])
def test_a_folder_without_a_file_in_it_goes_when_what_was_to_be_done_fails(
    tmp_path: Path, before: str
) -> None:
    (tmp_path / before).mkdir(parents=True, exist_ok=True)
    with pytest.raises(ValueError, match="refused"), study_folder(tmp_path / "here" / "study"):
        raise ValueError("refused")
    assert [str(each.relative_to(tmp_path)) for each in tmp_path.rglob("*")] == [
        each for each in ("here", "here/study") if before.startswith(each)
    ]


def test_a_folder_with_a_file_in_it_stays_when_what_was_to_be_done_fails(tmp_path: Path) -> None:
    directory = tmp_path / "study"
    with suppress(ValueError), study_folder(directory):
        (directory / "study.db").touch()
        raise ValueError("refused")
    assert (directory / "study.db").exists()


def test_tables_that_another_process_makes_at_the_same_moment_are_no_error(tmp_path: Path) -> None:
    url, others = sqlite_url(tmp_path), list[bool]()

    def be_overtaken(_conn, _cursor, statement: str, *_: object) -> None:
        if "CREATE TABLE studies" in statement and not others:
            others.append(True)
            RDBStorage(url)

    event.listen(Engine, "before_cursor_execute", be_overtaken)
    try:
        storage = open_storage(url)
    finally:
        event.remove(Engine, "before_cursor_execute", be_overtaken)
    assert others
    assert optuna.create_study(storage=storage).trials == []


def open_when_all_are_there(url: str, barrier: Barrier) -> None:
    barrier.wait()
    open_storage(url)


def test_processes_that_open_a_new_database_together_all_do(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    arguments = (sqlite_url(tmp_path), context.Barrier(3))
    processes = [context.Process(target=open_when_all_are_there, args=arguments) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * 3


def test_a_study_waits_for_a_server_that_restarts(server: Server) -> None:
    storage = open_storage(server.url)
    study = optuna.create_study(storage=storage, directions=["maximize", "minimize"])
    with pytest.warns(UserWarning, match="Heartbeat"):
        trial = study.ask()
    server.stop()
    storage.record_heartbeat(trial._trial_id)  # one is lost, and its thread lives on
    timer = server.start_after(0.5)
    trial.suggest_int("a", 0, 3)
    timer.join()
    server.stop()
    timer = server.start_after(0.5)
    study.tell(trial, (1.0, 2.0))
    timer.join()
    assert study.trials[0].values == [1.0, 2.0]


def test_nobody_is_stale_at_once_after_the_database_was_away(server: Server) -> None:
    """All workers waited: the first that finds it back must not fail the trials of the others."""
    storage = open_storage(server.url)
    study = optuna.create_study(storage=storage, directions=["maximize", "minimize"])
    trial_id = storage.create_new_trial(study._study_id)
    storage.record_heartbeat(trial_id)
    with storage.engine.begin() as connection:
        long_ago = "UPDATE trial_heartbeats SET heartbeat = heartbeat - INTERVAL '1 hour'"
        connection.execute(text(long_ago))
    storage.patience.since -= 3600
    assert storage._get_stale_trial_ids(study._study_id) == [trial_id]
    server.stop()
    server.start_after(0.5).join()
    storage.get_trial(trial_id)
    storage.patience.note_absence()
    assert storage._get_stale_trial_ids(study._study_id) == []
    storage.patience.since -= 3600
    assert storage._get_stale_trial_ids(study._study_id) == [trial_id]
