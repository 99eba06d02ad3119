"""How plantnas connects to a database: settings for each kind of it, and what its URL may show.

The tables are in ``tables.py``, what is written to them in ``database.py``.
"""

import sqlite3
from collections.abc import Callable, Iterator, Set
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import parse_qsl

from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, event, make_url
from sqlalchemy.dialects.sqlite import pysqlite
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from plantnas.errors import StorageError, causes_of, first_line, shown

# A shorter wait left trials of other workers stuck: a commit may wait for many others.
_BUSY_SECONDS = 60

_OPTIONS = {"timeout", "check_same_thread"}
"""What the URL of an SQLite file may say besides; plantnas has settings of its own for both."""

_Result = TypeVar("_Result")


def storage_engine_arguments(url: str) -> dict[str, Any]:
    """The arguments of ``sqlalchemy.create_engine`` for a URL.

    They are also the ``engine_kwargs`` of Optuna's ``RDBStorage``, so that both behave alike.

    Raises:
        StorageError: If the URL cannot be parsed.
    """
    if _parsed(url).get_backend_name() == "sqlite":
        return {"connect_args": {"timeout": _BUSY_SECONDS}}
    # One connection a worker: databases limit their number, and workers are many.
    return {"pool_size": 1, "max_overflow": 2, "pool_pre_ping": True}


def set_sqlite_pragmas(engine: Engine) -> None:
    """Put an SQLite engine in WAL mode with foreign keys on; other databases are left as they are.

    WAL lets readers and one writer work at once, and ``synchronous=NORMAL`` is safe with it: a
    power cut may lose the last commits, never the file. May be called on the engine of Optuna's
    ``RDBStorage`` too.
    """
    if engine.dialect.name != "sqlite":
        return

    @event.listens_for(engine, "connect")
    def set_pragmas(connection: Any, _record: object) -> None:
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    engine.dispose()  # connections made earlier have other settings


def open_engine(url: str) -> Engine:
    """An engine with our settings; the folder of an SQLite file is made if needed.

    Raises:
        StorageError: If the URL is none, its driver is missing, or the folder cannot be made.
    """
    try:
        if file := sqlite_file(url):
            file.parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(url, **storage_engine_arguments(url))
    except (OSError, ImportError, SQLAlchemyError) as error:
        raise StorageError(f"{shown_url(url)}: cannot be opened: {reason(error, url)}") from error
    set_sqlite_pragmas(engine)
    return engine


def open_engine_to_read(url: str) -> Engine:
    """An engine whose connections cannot write; nothing is made, and no setting of a file changed.

    Raises:
        StorageError: If the URL is none, its driver is missing, or there is no such SQLite file.
    """
    check_exists(url)
    try:
        return create_engine(url, **reading_engine_arguments(url))
    except (ImportError, SQLAlchemyError) as error:
        raise StorageError(f"{shown_url(url)}: cannot be opened: {reason(error, url)}") from error


@contextmanager
def reading(url: str) -> Iterator[Connection]:
    """A connection for one look at a database, which cannot write; it is closed again.

    Raises:
        StorageError: The database cannot be opened or read, or is damaged.
    """
    engine = open_engine_to_read(url)
    try:
        with engine.begin() as connection:
            yield connection
    except UnicodeDecodeError as error:  # of a name in its schema, which SQLite gives as it is
        raise StorageError(f"{shown_url(url)}: is damaged: {first_line(error)}.") from error
    except SQLAlchemyError as error:
        raise StorageError(f"{shown_url(url)}: cannot be opened: {reason(error, url)}") from error
    finally:
        engine.dispose()


def reading_engine_arguments(url: str) -> dict[str, Any]:
    """The arguments of ``sqlalchemy.create_engine`` for connections that cannot write.

    Raises:
        StorageError: If the URL cannot be parsed.
    """
    if file := sqlite_file(url):
        # Each transaction has a connection of its own, which sees whether anybody writes now.
        return {"creator": lambda: _connection_to_read(file), "poolclass": NullPool}
    arguments = storage_engine_arguments(url)
    if _parsed(url).get_backend_name() == "postgresql":
        arguments["execution_options"] = {"postgresql_readonly": True}
    return arguments


def read_from(url: str, look: Callable[[Connection], _Result]) -> _Result:
    """What a look at a database finds, which is had again if somebody wrote to it meanwhile.

    Raises:
        StorageError: As `reading`.
    """
    while True:
        try:
            with reading(url) as connection:
                return look(connection)
        except StorageError as error:
            if not any(isinstance(each, Overtaken) for each in causes_of(error)):
                raise


class Overtaken(sqlite3.OperationalError):
    """A file was written to while it was read as one that does not change: nothing read counts."""


class _Snapshot(sqlite3.Connection):
    """A connection to a file as one that does not change, which tells at its end if it did."""

    def begin(self, file: Path) -> None:
        """What is read now is the file's."""
        self._file, self._before = file, _stamp(file)

    def commit(self) -> None:
        """Ends what is read.

        Raises:
            Overtaken: The file has changed.
        """
        super().commit()
        self._check()

    def rollback(self) -> None:
        """Ends what is read, which may have failed because the file has changed.

        Raises:
            Overtaken: It has.
        """
        super().rollback()
        self._check()

    def _check(self) -> None:
        before, self._before = self._before, _stamp(self._file)
        if before != self._before:
            raise Overtaken("another process has written to it meanwhile; try again")


def _stamp(file: Path) -> tuple[int, int, int] | None:
    """What changes when a file is written to, is removed, or another takes its place."""
    try:
        seen = file.stat()
    except OSError:
        return None
    return seen.st_ino, seen.st_size, seen.st_mtime_ns


def _connection_to_read(file: Path) -> sqlite3.Connection:
    """A connection that leaves an SQLite file and its folder as they are.

    While nobody else has a file in WAL mode open, a plain reader would make two files beside it,
    whose owner it would be: then the file is taken as one that does not change.
    """
    # Its header would tell the mode, but a file is never opened here: to close it would take away
    # all locks that SQLite has on it in this process, as POSIX has it
    # (https://sqlite.org/howtocorrupt.html). Another process would take itself for the last one,
    # and remove the log that this one goes on writing to.
    is_open = any(Path(f"{file}-{log}").exists() for log in ("wal", "journal"))
    mode, kind = ("mode=ro", sqlite3.Connection) if is_open else ("immutable=1", _Snapshot)
    connection = sqlite3.connect(
        f"{file.as_uri()}?{mode}", _BUSY_SECONDS, uri=True, check_same_thread=False, factory=kind
    )
    if isinstance(connection, _Snapshot):
        connection.begin(file)
    return connection


def sqlite_file(url: str) -> Path | None:
    """The absolute path of an SQLite URL's file; None for other databases.

    Raises:
        StorageError: The URL names no file, such as a database in memory.
    """
    parsed = _parsed(url)
    if parsed.get_backend_name() != "sqlite":
        return None
    try:
        return Path(parsed.database or "").resolve()
    except (ValueError, RuntimeError) as error:  # a NUL in the name, links that lead in a circle
        raise StorageError(f"{shown_url(url)}: is the name of no file.") from error


def check_exists(url: str) -> None:
    """Refuse an SQLite file that is not there, which connecting to it would make.

    Raises:
        StorageError: It is refused.
    """
    if is_missing(url):
        raise StorageError(f"{shown_url(url)}: no such file.")


def anchored_url(url: str) -> str:
    """The same database's URL, wherever the process goes: of an SQLite file by its whole path.

    Raises:
        StorageError: The URL cannot be parsed, or names no file.
    """
    parsed, file = _parsed(url), sqlite_file(url)
    if file is None or Path(parsed.database or "").is_absolute():
        return url
    return parsed.set(database=str(file)).render_as_string(hide_password=False)


def is_missing(url: str) -> bool:
    """Whether the file of an SQLite URL is not there; other databases are not looked for.

    Raises:
        StorageError: If one cannot look there.
    """
    file = sqlite_file(url)
    try:
        return file is not None and not file.exists()
    except OSError as error:  # such as a folder that may not be entered, or a name too long
        raise StorageError(f"{shown_url(url)}: cannot be opened: {error.strerror}.") from error


def shown_url(url: str) -> str:
    """The URL as messages may show it: without password and options."""
    return _parsed(url).set(query={}).render_as_string(hide_password=True)


def reason(error: BaseException, url: str) -> str:
    """The first line of what the database's driver says, without the password."""
    origin = getattr(error, "orig", None) or error
    line = first_line(origin)
    parsed = _parsed(url)
    secrets = (parsed.password, parsed.query.get("password"))
    for secret in filter(None, secrets):
        line = line.replace(str(secret), "***")
    return line


def _parsed(url: str) -> URL:
    try:
        parsed = make_url(url)
        if not url.isprintable():
            raise ValueError("it has characters that cannot be printed")
    except (ArgumentError, ValueError) as error:
        # A malformed URL may still hold a password: it is shown only where none can be in it.
        place = "The storage" if "@" in url or "password" in url else shown(url)
        raise StorageError(
            f"{place}: not a database URL, which looks like 'sqlite:///study.db' or "
            "'postgresql://user@host/database'."
        ) from error
    if parsed.get_backend_name() == "sqlite":
        options = {name for name, _ in parse_qsl(url.partition("?")[2], keep_blank_values=True)}
        _check_names_a_file(parsed, options)
    return parsed


def _check_names_a_file(parsed: URL, options: Set[str]) -> None:
    """Refuses an SQLite URL of anything but a file, and what would be ignored of it.

    Args:
        parsed: The URL.
        options: The names of all that it says behind its `?`, also without values.

    Raises:
        StorageError: It says why.
    """
    file, place = parsed.database or "", shown(str(parsed))
    example = "give the URL of a file, such as sqlite:///study.db."
    if not file or ":memory:" in file or "memory" in parsed.query.get("mode", ()):
        raise StorageError(
            f"{place}: is a database in the memory of one process, where no worker and no later "
            f"command finds a study: {example}"
        )
    if file.startswith("file:"):
        raise StorageError(f"{place}: is a URI, which plantnas does not follow: {example}")
    if unknown := options - _OPTIONS:
        raise StorageError(
            f"{place}: has the option {min(unknown)!r}, which the database of a study does not "
            f"take: {example}"
        )
    try:
        pysqlite.dialect().create_connect_args(parsed)
    except (ArgumentError, ValueError, TypeError) as error:  # a host, or the value of an option
        raise StorageError(f"{place}: cannot be opened: {first_line(error)}") from error
