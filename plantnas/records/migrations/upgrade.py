"""Creates our tables, and brings those of an older plantnas to the newest revision.

What each revision changes is in ``versions/``.
"""

import filecmp
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from typing import NamedTuple

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import SQLAlchemyError

from plantnas.errors import StorageError
from plantnas.files import write_atomically
from plantnas.records.engine import (
    open_engine,
    read_from,
    reason,
    shown_url,
    sqlite_file,
)
from plantnas.records.migrations.revision import revision_of

SCRIPTS = "plantnas.records:migrations"

# Workers that start together: one migrates, the others wait and then find nothing to do. On SQLite
# this also puts the whole migration into one transaction, which its driver would not.
_EXCLUSIVE = {
    "sqlite": "BEGIN IMMEDIATE",
    "postgresql": "SELECT pg_advisory_xact_lock(20112390)",
}
_alembic_has_global_state = Lock()


class Upgrade(NamedTuple):
    """What an upgrade did, or would do: nothing if both revisions are the same.

    Attributes:
        old: The revision of the tables before.
        new: The one that this plantnas needs.
        copy: The SQLite file as it was before; None where there is no file, or nothing to do.
    """

    old: str
    new: str
    copy: Path | None


def create_tables(engine: Engine) -> None:
    """Create the tables of ``plantnas.records.tables`` in a database without them.

    If it has those of this plantnas, there is nothing to do, which is cheap.

    Raises:
        StorageError: If the database is of another plantnas, or refuses.
    """
    url = engine.url.render_as_string(hide_password=False)
    with _errors(url, "opened"):
        with engine.begin() as connection:
            found = revision_of(connection)
        if found is None:
            with _alone(engine) as connection:
                found = revision_of(connection) or _migrate(connection)
    check_revision(found, url)


def check_revision(found: str, url: str) -> None:
    """Refuse a database whose tables are of another revision than this plantnas needs.

    Raises:
        StorageError: It is refused.
    """
    with _errors(url, "opened"):
        needed = _needed(found)
    if needed != found:
        raise StorageError(
            f"{shown_url(url)}: was written by an older plantnas (revision {found}, this one "
            f"needs {needed}): run plantnas db upgrade STUDY."
        )


def planned_upgrade(url: str) -> Upgrade:
    """What ``upgrade_database`` would do now. It changes nothing.

    Raises:
        StorageError: As ``upgrade_database`` does.
    """
    with _errors(url, "opened"):
        return read_from(url, lambda connection: _plan(connection, url))


def upgrade_database(url: str) -> Upgrade:
    """Bring a database's tables to the newest revision, whoever has it open: all or nothing.

    An SQLite file is copied beside itself first, as it is when nobody can write to it any more.

    Raises:
        StorageError: If there is no such file, it is not of plantnas or of a newer one, there is a
            copy already, or the database refuses; then it is as it was.
    """
    planned_upgrade(url)  # refuses before a connection may write
    with _opened(url) as engine, _errors(url, "upgraded"), _alone(engine) as connection:
        plan = _plan(connection, url)
        if plan.new != plan.old:
            file = sqlite_file(url)
            with _kept(file, plan.copy) if file and plan.copy else nullcontext():
                _migrate(connection)
    return plan


def _plan(connection: Connection, url: str) -> Upgrade:
    found = revision_of(connection)
    if found is None:
        raise StorageError(f"{shown_url(url)}: has no tables of plantnas that could be upgraded.")
    needed, file = _needed(found), sqlite_file(url)
    if file is None or needed == found:
        return Upgrade(found, needed, None)
    return Upgrade(found, needed, file.with_name(f"{file.name}.before-{needed}"))


def _needed(revision: str) -> str:
    """The revision of this plantnas.

    Raises:
        CommandError: If it does not know the one that was found.
    """
    scripts = ScriptDirectory.from_config(_config())
    scripts.get_revision(revision)
    return str(scripts.get_current_head())


def _migrate(connection: Connection) -> str:
    """Run what leads to the newest revision, which is returned."""
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    return str(revision_of(connection))


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", SCRIPTS)
    return config


@contextmanager
def _opened(url: str) -> Iterator[Engine]:
    """Connections for migrating only, closed afterwards."""
    engine = open_engine(url)
    if engine.dialect.name == "sqlite":
        # To change a table is to drop it and make it anew, which deletes what refers to its rows.
        event.listen(engine, "connect", lambda it, _: it.execute("PRAGMA foreign_keys=OFF"))
    try:
        yield engine
    finally:
        engine.dispose()


@contextmanager
def _alone(engine: Engine) -> Iterator[Connection]:
    """A transaction in which nobody else migrates, nor writes to an SQLite file."""
    with _alembic_has_global_state, engine.begin() as connection:
        connection.exec_driver_sql(_EXCLUSIVE.get(engine.dialect.name, "SELECT 1"))
        yield connection


@contextmanager
def _kept(file: Path, copy: Path) -> Iterator[None]:
    """A copy of an SQLite file, made before and removed again if what is done within fails.

    One that is there already is of an upgrade that was killed, if the file has not changed since.

    Raises:
        StorageError: If another file of the copy's name exists, or it cannot be written.
    """
    try:
        if not copy.exists():
            write_atomically(copy, lambda partial: _back_up(file, partial.name))
        elif not _is_copy(file, copy):
            raise StorageError(f"{copy}: exists already: move it elsewhere, then upgrade again.")
    except (OSError, sqlite3.Error) as error:
        raise StorageError(f"{copy}: cannot be written: {error}.") from error
    try:
        yield
    except BaseException:
        copy.unlink()
        raise


def _is_copy(file: Path, copy: Path) -> bool:
    """Whether a copy of the file would have the bytes of the one that is there."""
    with TemporaryDirectory(dir=file.parent, prefix=f"{copy.name}.") as folder:
        _back_up(file, f"{folder}/now")
        return filecmp.cmp(f"{folder}/now", copy, shallow=False)


def _back_up(file: Path, copy: str) -> None:
    """Copies a file by SQLite's own backup, with what is in the write-ahead log only."""
    with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)


@contextmanager
def _errors(url: str, done: str) -> Iterator[None]:
    """What SQLAlchemy and alembic raise becomes one line.

    Raises:
        StorageError: Instead.
    """
    try:
        yield
    except SQLAlchemyError as error:
        raise StorageError(f"{shown_url(url)}: cannot be {done}: {reason(error, url)}") from error
    except CommandError as error:
        raise StorageError(
            f"{shown_url(url)}: was written by a newer plantnas, which this one cannot read: "
            f"{error}."
        ) from error
