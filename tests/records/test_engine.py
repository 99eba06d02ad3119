"""Connections have the settings that many workers need, and messages never show a password."""

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import optuna
import pytest
from sqlalchemy import Connection, Engine, inspect, text
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from plantnas.errors import StorageError
from plantnas.place import sqlite_url
from plantnas.records.database import Database
from plantnas.records.engine import (
    anchored_url,
    open_engine_to_read,
    read_from,
    reading,
    reason,
    set_sqlite_pragmas,
    shown_url,
    sqlite_file,
    storage_engine_arguments,
)
from tests.records.conftest import ON_BOTH


def pragmas(engine: Engine) -> dict[str, object]:
    names = ("journal_mode", "synchronous", "busy_timeout", "foreign_keys")
    with engine.connect() as connection:
        return {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in names}


WANTED = {"journal_mode": "wal", "synchronous": 1, "busy_timeout": 60_000, "foreign_keys": 1}


def test_our_connections_have_the_settings_that_workers_need(url: str) -> None:
    assert pragmas(Database(url).engine) == WANTED


def test_connections_of_optunas_storage_can_have_the_same_settings(url: str) -> None:
    storage = optuna.storages.RDBStorage(url, engine_kwargs=storage_engine_arguments(url))
    set_sqlite_pragmas(storage.engine)
    assert pragmas(storage.engine) == WANTED
    study = optuna.create_study(storage=storage, study_name="digits")
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=2)
    optuna.delete_study(study_name="digits", storage=storage)


def test_a_postgresql_worker_keeps_one_connection() -> None:
    arguments = storage_engine_arguments("postgresql://user@host/database")
    assert arguments == {"pool_size": 1, "max_overflow": 2, "pool_pre_ping": True}


def test_the_folder_of_the_file_is_made(tmp_path: Path) -> None:
    Database(f"sqlite:///{tmp_path}/a/b/study.db")
    assert (tmp_path / "a" / "b" / "study.db").is_file()


def test_a_relative_url_is_relative_to_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert sqlite_file("sqlite:///a/study.db") == tmp_path / "a" / "study.db"


def test_a_database_of_a_server_has_no_file() -> None:
    assert sqlite_file("postgresql://host/database") is None


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("sqlite://", "is a database in the memory of one process"),
        ("sqlite:///", "is a database in the memory of one process"),
        ("sqlite:///:memory:", "is a database in the memory of one process"),
        ("sqlite:///x?mode=memory", "is a database in the memory of one process"),
        ("sqlite:///file:x?mode=memory&uri=true", "is a database in the memory of one process"),
        ("sqlite:///file::memory:?cache=shared", "is a database in the memory of one process"),
        ("sqlite:///file:x?uri=true", "is a URI, which plantnas does not follow"),
        ("sqlite:///x?mode=ro", "has the option 'mode', which"),
        ("sqlite:///a?b/study.db", "has the option 'b/study.db', which"),
        ("sqlite:///x?timeout=long", "could not convert string to float: 'long'"),
        ("sqlite:///x?timeout=1&timeout=2", "cannot be opened: float"),
        ("sqlite://me:s3cret@host/x", "cannot be opened: Invalid SQLite URL: sqlite://me:***@host"),
    ],
)
def test_an_sqlite_url_of_anything_but_a_file_is_one_line_before_it_is_opened(
    url: str, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for use in (Database, sqlite_file, open_engine_to_read, storage_engine_arguments):
        with pytest.raises(StorageError) as caught:
            use(url)
        assert why in str(caught.value)
        assert "\n" not in str(caught.value)
        assert "s3cret" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_harmless_options_of_an_sqlite_file_are_taken(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/study.db?timeout=5&check_same_thread=false"
    Database(url).close()
    assert sqlite_file(url) == tmp_path / "study.db"


def test_a_file_is_found_from_another_folder_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    url = anchored_url("sqlite:///a b%25/study.db?timeout=5")
    expected = sqlite_file("sqlite:///a b%25/study.db")
    monkeypatch.chdir("/")
    assert sqlite_file(url) == expected
    assert anchored_url(url) == url
    assert anchored_url("postgresql://host/database") == "postgresql://host/database"


def test_a_file_in_the_way_of_the_folder_is_an_error_of_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    url = f"sqlite:///{tmp_path}/file/study.db"
    with pytest.raises(StorageError, match=f"{url}: cannot be opened: ") as caught:
        Database(url)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_no_database_is_an_error_of_one_line(tmp_path: Path) -> None:
    (tmp_path / "study.db").write_text("not a database, but long enough to have a header" * 10)
    with pytest.raises(StorageError, match=r"cannot be opened: file is not a database$"):
        Database(f"sqlite:///{tmp_path}/study.db")


def test_a_path_instead_of_a_url_is_answered_with_what_a_url_looks_like() -> None:
    with pytest.raises(StorageError, match=r"'study\.db': not a database URL, which looks like"):
        Database("study.db")


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+nodriver://user:s3cret@host/database",
        "postgresql+psycopg2://user:s3cret@127.0.0.1:1/database",
        "postgresql+psycopg2://127.0.0.1:1/database?user=me&password=s3cret",
        "sqlite+pysqlite://user:s3cret@host/study.db",
        "user:s3cret@host/database",
        "nowhere:password=s3cret",
    ],
)
def test_a_password_is_never_in_a_message(url: str) -> None:
    with pytest.raises(StorageError) as caught:
        Database(url)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["postgresql://me:s3cret@host", "postgresql://host?password=s3cret"]
)
def test_a_password_in_the_words_of_a_driver_is_hidden(url: str) -> None:
    error = OSError("s3cret is not the password of 'me'\nHINT: try another")
    assert reason(error, url) == "*** is not the password of 'me'"


def test_a_shown_url_still_says_where(url: str) -> None:
    assert (
        shown_url("postgresql://me:s3cret@host:1/studies") == "postgresql://me:***@host:1/studies"
    )
    assert shown_url(url) == url


@ON_BOTH
def test_a_reader_cannot_write(url: str) -> None:
    Database(url).close()
    engine = open_engine_to_read(url)
    with pytest.raises(SQLAlchemyError, match=r"read-?only"), engine.begin() as connection:
        connection.execute(text("CREATE TABLE another (name TEXT)"))
    engine.dispose()


def names_of_studies(engine: Engine) -> list[str]:
    with engine.begin() as connection:
        return list(connection.scalars(text("SELECT name FROM names")))


@pytest.fixture
def names(tmp_path: Path) -> Path:
    """A database of a name, with the log that readers do not wait for, which nobody has open."""
    (tmp_path / "names").mkdir()
    with sqlite3.connect(tmp_path / "names" / "study.db") as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE names (name TEXT)")
        connection.execute("INSERT INTO names VALUES ('digits')")
    connection.close()
    return tmp_path / "names" / "study.db"


def test_a_reader_leaves_no_file_beside_one_that_nobody_has_open(names: Path) -> None:
    engine = open_engine_to_read(f"sqlite:///{names}")
    assert names_of_studies(engine) == ["digits"]
    assert list(names.parent.iterdir()) == [names]


def test_a_reader_sees_what_another_process_writes_meanwhile(names: Path) -> None:
    engine = open_engine_to_read(f"sqlite:///{names}")
    assert names_of_studies(engine) == ["digits"]
    with sqlite3.connect(names) as writer:
        writer.execute("INSERT INTO names VALUES ('fashion')")
        writer.commit()
        assert names_of_studies(engine) == ["digits", "fashion"]
        writer.execute("INSERT INTO names VALUES ('unfinished')")
        assert names_of_studies(engine) == ["digits", "fashion"]
    writer.close()
    assert names_of_studies(engine) == ["digits", "fashion", "unfinished"]


def add(names: Path, name: str) -> None:
    """Writes to the file itself: the log of the last one who has it open is put into it."""
    with closing(sqlite3.connect(names)) as writer, writer:
        writer.execute("INSERT INTO names VALUES (?)", [name])


def overtaken(names: Path) -> None:
    """Reads while somebody begins to write, and takes what was read for damaged."""
    with open_engine_to_read(f"sqlite:///{names}").begin() as connection:
        connection.execute(text("SELECT name FROM names"))
        add(names, "svhn")
        raise LookupError("what was read seems damaged")


def test_what_is_read_while_somebody_begins_to_write_does_not_count(names: Path) -> None:
    engine = open_engine_to_read(f"sqlite:///{names}")
    reading_twice = engine.begin()
    reading_twice.__enter__().execute(text("SELECT name FROM names"))
    add(names, "fashion")
    with pytest.raises(OperationalError, match="another process has written to it meanwhile"):
        reading_twice.__exit__(None, None, None)
    with pytest.raises(OperationalError, match="meanwhile"):
        overtaken(names)
    assert names_of_studies(engine) == ["digits", "fashion", "svhn"]


def test_a_look_that_is_overtaken_is_one_line(names: Path) -> None:
    with (
        pytest.raises(StorageError, match=r"study\.db: cannot be opened: another process has wri"),
        reading(f"sqlite:///{names}"),
    ):
        add(names, "fashion")


def test_a_look_that_is_overtaken_is_had_again(names: Path) -> None:
    found = list[int]()

    def look(connection: Connection) -> int:
        found.append(len(connection.execute(text("SELECT name FROM names")).all()))
        if len(found) < 3:
            add(names, f"added {len(found)}")
        return found[-1]

    assert read_from(f"sqlite:///{names}", look) == found[-1] == found[0] + 2
    assert len(found) == 3


def test_names_of_tables_that_are_no_text_are_one_line(names: Path) -> None:
    content = names.read_bytes()
    names.write_bytes(
        content.replace(b"TABLE names", b"TABLE n\xf6mes").replace(b"tablenames", b"tablen\xf6mes")
    )
    with (
        pytest.raises(StorageError, match=r"study\.db: is damaged: "),
        reading(sqlite_url(names.parent)) as looked,
    ):
        inspect(looked).get_table_names()


@pytest.mark.parametrize("url", ["sqlite:////", "sqlite:///."])
def test_a_folder_is_no_file(url: str) -> None:
    with pytest.raises(StorageError, match="unable to open database file"), reading(url):
        pass


@pytest.fixture
def sealed(names: Path) -> Iterator[Path]:
    """The same database in a folder that this process may not write to."""
    own = os.geteuid()
    with tempfile.TemporaryDirectory() as folder:  # pytest's own may not be read by others
        file = Path(shutil.copy(names, folder))
        Path(folder).chmod(0o555)
        if own == 0:  # an administrator may write anywhere
            os.seteuid(65534)
        yield file
        os.seteuid(own)


def test_a_folder_that_cannot_be_written_to_is_read(sealed: Path) -> None:
    with pytest.raises(OSError, match="denied"):
        (sealed.parent / "another").touch()
    with reading(f"sqlite:///{sealed}") as connection:
        assert connection.scalar(text("SELECT name FROM names")) == "digits"


def test_a_name_that_no_file_can_have_is_refused() -> None:
    with pytest.raises(StorageError, match=r"cannot be opened: File name too long\."):
        open_engine_to_read(f"sqlite:///{'a' * 300}/study.db")


def test_to_read_a_file_leaves_the_locks_of_this_process(names: Path) -> None:
    """The system drops them when any descriptor of the file is closed, such as a plain reader's."""
    with closing(sqlite3.connect(names, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        with reading(f"sqlite:///{names}") as connection:
            connection.execute(text("SELECT name FROM names"))
        tried = subprocess.run(
            [sys.executable, "-c", WRITES, names], capture_output=True, text=True
        )
        assert "database is locked" in tried.stderr


WRITES = """
import sqlite3, sys
sqlite3.connect(sys.argv[1], timeout=0.1).execute("DELETE FROM names")
"""


def test_a_file_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"no such file"):
        open_engine_to_read(f"sqlite:///{tmp_path}/a/study.db")
    assert not list(tmp_path.iterdir())


def test_a_reader_leaves_the_locks_of_its_own_process_as_they_are(tmp_path: Path) -> None:
    file = tmp_path / "study.db"
    writing = Database(f"sqlite:///{file}").engine.connect()
    writing.exec_driver_sql("CREATE TABLE mine (number INTEGER)")
    writing.commit()
    with reading(f"sqlite:///{file}") as connection:
        connection.exec_driver_sql("SELECT * FROM mine")
    # Another process that is done, and would remove the log if it were the last one.
    program = f"import sqlite3; sqlite3.connect({str(file)!r}).execute('SELECT * FROM mine')"
    subprocess.run([sys.executable, "-c", program], check=True)
    assert (tmp_path / "study.db-wal").exists()
    writing.close()
