"""One worker of a database at a time, and a lock goes with who holds it, however that ends."""

from __future__ import annotations

import multiprocessing
import signal
import time
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from plantnas.errors import StorageError
from plantnas.records.database import Database
from tests.postgres import administrator
from tests.records.conftest import ON_BOTH

if TYPE_CHECKING:
    from multiprocessing.context import ForkProcess
    from multiprocessing.synchronize import Event
    from pathlib import Path

PURPOSE = "prepares study 'digits'"
WAITING = f"waiting for another worker that {PURPOSE}"
PATIENCE_SECONDS = 60


def hold(url: str, purpose: str, held: Event) -> None:
    with Database(url).alone(purpose):
        held.set()
        time.sleep(PATIENCE_SECONDS)


def holder(url: str, purpose: str = PURPOSE) -> ForkProcess:
    """A process that holds the lock."""
    context = multiprocessing.get_context("fork")
    held = context.Event()
    process = context.Process(target=hold, args=(url, purpose, held), daemon=True)
    process.start()
    assert held.wait(PATIENCE_SECONDS)
    return process


@ON_BOTH
def test_who_is_first_does_not_wait(url: str) -> None:
    said: list[str] = []
    for _ in range(2):
        with Database(url).alone(PURPOSE, said.append):
            pass
    assert said == []


@ON_BOTH
def test_a_worker_waits_until_the_one_that_holds_it_is_killed(url: str) -> None:
    Database(url).close()
    process, said = holder(url), list[str]()

    def say(message: str) -> None:
        said.append(message)
        process.kill()

    with Database(url).alone(PURPOSE, say):
        process.join()
    assert said == [WAITING]
    assert process.exitcode == -signal.SIGKILL, "it did not end by itself"


@ON_BOTH
def test_what_is_done_for_another_purpose_is_not_waited_for(url: str) -> None:
    Database(url).close()
    process, said = holder(url, "prepares study 'fashion'"), list[str]()
    with Database(url).alone(PURPOSE, said.append):
        assert process.is_alive()
    process.kill()
    assert said == []


@ON_BOTH
def test_an_error_within_frees_it(url: str) -> None:
    database, said = Database(url), list[str]()
    with pytest.raises(KeyError), database.alone(PURPOSE):
        raise KeyError
    with Database(url).alone(PURPOSE, said.append):
        pass
    assert said == []


def test_a_holder_that_loses_its_connection_holds_it_no_more(postgres: str) -> None:
    said: list[str] = []
    with Database(postgres).alone(PURPOSE):
        with administrator(postgres) as connection:
            lost = connection.scalar(text(LOSE_LOCKS))
        with Database(postgres).alone(PURPOSE, said.append):
            pass
    assert lost == 1
    assert len(said) <= 1  # it was not asked to say for long


LOSE_LOCKS = """
SELECT count(pg_terminate_backend(pid)) FROM pg_locks
WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname =
current_database())
"""


def test_a_holder_begins_no_transaction(postgres: str) -> None:
    with Database(postgres).alone(PURPOSE), administrator(postgres) as connection:
        assert connection.scalars(text(STATES_OF_HOLDERS)).all() == ["idle"]


STATES_OF_HOLDERS = """
SELECT state FROM pg_stat_activity JOIN pg_locks USING (pid) WHERE locktype = 'advisory'
"""


def test_a_folder_that_cannot_be_written_to_is_one_line(tmp_path: Path) -> None:
    folder = tmp_path / "study"
    database = Database(f"sqlite:///{folder}/study.db")
    database.close()
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()
    refused = pytest.raises(StorageError, match=r"\.lock: cannot be locked: No such file")
    with refused, database.alone(PURPOSE):
        pass
