"""How plantnas opens an Optuna storage, and how it finds the database of a study's storage.

One storage a process: its engine and connection pool are not to be shared after a fork.
"""

import random
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import optuna
from optuna.exceptions import ExperimentalWarning, StorageInternalError
from optuna.storages import RDBStorage
from sqlalchemy.exc import IntegrityError, OperationalError, ProgrammingError, SQLAlchemyError

from plantnas.errors import StorageError
from plantnas.place import STUDIES
from plantnas.records.database import Database
from plantnas.records.engine import (
    reading_engine_arguments,
    reason,
    set_sqlite_pragmas,
    shown_url,
    sqlite_file,
    storage_engine_arguments,
)
from plantnas.records.optuna_private import TRANSACTIONS, OpenStorage, backend_of, storage_of
from plantnas.records.patience import Patience, is_away, patient
from plantnas.trials.cache import SparingStorage
from plantnas.trials.lost import Heartbeats, heartbeats_of, retry

HEARTBEAT_SECONDS = 15
"""A worker says so often that it lives. After four times as long without, its trial fails."""

_ATTEMPTS = 10
"""So often Optuna's tables are made while others make them too; each attempt finds more made."""


@patient(*TRANSACTIONS)
class PatientStorage(SparingStorage):
    """Optuna's storage, whose transactions wait for a database that is away for a while.

    All may be done twice, but for what a lost answer leaves behind: of a trial that was created,
    or taken from the queue, without its worker's knowing, a running one that nobody signs, which
    `fail_trials_of_dead_workers` fails; of one that was ended, `UpdateFinishedTrialError`.

    Attributes:
        patience: How it waits.
    """

    def __init__(self, url: str, *, seconds: float | None = None, **arguments: Any) -> None:
        """Open the storage; a database that does not answer now is not waited for.

        Args:
            url: Its URL.
            seconds: How long a transaction waits at most.
            arguments: What `RDBStorage` takes.
        """
        super().__init__(url, **arguments)
        self.patience = Patience(url) if seconds is None else Patience(url, seconds)
        self._heartbeats = Heartbeats()

    def record_heartbeat(self, trial_id: int) -> None:
        """Say that the trial's worker lives; one heartbeat may be lost, the next comes soon."""
        try:
            super().record_heartbeat(trial_id)
        except StorageInternalError as error:
            if not is_away(error):
                raise
            self.patience.note_absence()

    def stale_trials(self, study_id: int) -> list[int]:
        """The silent ones by the database's clock, or by this process's if that one has jumped.

        Nobody is stale until the database has been there for two heartbeats of everyone.
        """
        now, there_since = time.monotonic(), self.patience.since
        limit = self.grace_period or 2 * (self.heartbeat_interval or 0)
        same_since = self._heartbeats.note(heartbeats_of(self, study_id), now)
        # Else the first to find it back would fail the trials of all the others, which waited too.
        if now - there_since < 2 * (self.heartbeat_interval or 0):
            return []
        silent = {key for key, since in same_since.items() if now - max(since, there_since) > limit}
        return sorted(silent.union(super().stale_trials(study_id)))


@patient(*TRANSACTIONS)
class ReadingStorage(OpenStorage):
    """Optuna's storage for those who only look: what could not be read is read again.

    Attributes:
        patience: How it waits.
    """

    def __init__(self, url: str, *arguments: Any, **keywords: Any) -> None:
        """Open the storage with what `RDBStorage` takes."""
        super().__init__(url, *arguments, **keywords)
        self.patience = Patience(url)


def check_url(url: str) -> None:
    """Refuse what is no URL.

    Raises:
        StorageError: It is none.
    """
    if "://" not in url:
        raise StorageError(f"storage {url!r}: is not a URL such as sqlite:///study.db.")


def open_storage(url: str) -> PatientStorage:
    """An Optuna storage with heartbeats and the settings of a database that many workers share.

    Raises:
        StorageError: The database cannot be opened.
    """
    check_url(url)
    arguments = storage_engine_arguments(url)
    try:
        if file := sqlite_file(url):
            file.parent.mkdir(parents=True, exist_ok=True)
        storage = _with_tables(url, arguments)
    except (SQLAlchemyError, StorageInternalError, ImportError, OSError, RuntimeError) as error:
        raise StorageError(f"{shown_url(url)}: cannot be opened: {reason(error, url)}") from error
    set_sqlite_pragmas(storage.engine)
    return storage


def storage_to_read(url: str) -> RDBStorage:
    """An Optuna storage that cannot write, of a database in which Optuna has its tables.

    Raises:
        StorageError: The database cannot be opened.
    """
    try:
        return ReadingStorage(
            url,
            reading_engine_arguments(url),
            skip_compatibility_check=True,
            skip_table_creation=True,
        )
    except (SQLAlchemyError, StorageInternalError, ImportError, RuntimeError) as error:
        raise StorageError(f"{shown_url(url)}: cannot be opened: {reason(error, url)}") from error


def _with_tables(url: str, engine_arguments: dict[str, Any]) -> PatientStorage:
    """The storage; its tables are made, by this process or by another one at the same moment."""
    for attempt in range(_ATTEMPTS):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ExperimentalWarning)  # heartbeats
                return PatientStorage(
                    url,
                    engine_kwargs=engine_arguments,
                    heartbeat_interval=HEARTBEAT_SECONDS,
                    grace_period=4 * HEARTBEAT_SECONDS,
                    heartbeat_stale_trial_callback=retry,
                )
        except (IntegrityError, OperationalError, ProgrammingError) as error:
            raced = isinstance(error, IntegrityError) or "already exists" in str(error.orig)
            if not raced or attempt == _ATTEMPTS - 1:
                raise
            time.sleep(random.uniform(0.0, 0.1))  # two that retry must not meet each time
    raise AssertionError("the last attempt returns or raises")


@contextmanager
def storage_errors(url: str) -> Iterator[None]:
    """What Optuna's storage raises within, such as for a full disk, becomes one line.

    Raises:
        StorageError: Instead of an error of Optuna's storage or of SQLAlchemy.
    """
    try:
        yield
    except (SQLAlchemyError, StorageInternalError) as error:
        cause = error.__cause__ if isinstance(error, StorageInternalError) else error
        raise StorageError(f"{shown_url(url)}: {reason(cause or error, url)}.") from error


def make_folder(directory: Path) -> None:
    """Make a study's folder, unless it exists.

    Raises:
        StorageError: It cannot be made.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"{directory}: cannot be made a folder: {error.strerror}.") from error


@contextmanager
def study_folder(directory: Path) -> Iterator[None]:
    """A study's folder, made if needed; if what is done fails and leaves it empty, it goes again.

    Raises:
        StorageError: It cannot be made.
    """
    made = [each for each in (directory, *directory.parents) if not each.exists()]
    make_folder(directory)
    try:
        yield
    except BaseException:
        with suppress(OSError):  # it is not empty: what failed has done something before
            for folder in made:
                folder.rmdir()
        raise


def storage_url(study: optuna.Study) -> str:
    """The URL of a study's database.

    Raises:
        StorageError: The study is kept in memory or in a journal.
    """
    return str(_rdb_storage(study).url)


def open_database(study: optuna.Study, artifacts: str | None = None) -> Database:
    """Our records of a study, by the connections of its storage: one a worker is enough for both.

    A storage that the user opened has settings of its own: the records get other connections, then.

    Raises:
        StorageError: The study is kept in memory or in a journal, or the tables cannot be made.
    """
    storage = _rdb_storage(study)
    shared = storage.engine if isinstance(storage, PatientStorage) else None
    return Database(str(storage.url), artifacts, shared)


def _rdb_storage(study: optuna.Study) -> RDBStorage:
    backend = backend_of(storage_of(study))
    if isinstance(backend, RDBStorage):
        return backend
    raise StorageError(
        f"study {study.study_name!r}: is kept in a {type(backend).__name__}, but plantnas needs an "
        "SQL database for its records: create_study(storage='sqlite:///study.db', ...)."
    )


def default_directory(study: optuna.Study) -> Path:
    """Where a study's files are unless told."""
    return folder_of(storage_url(study), study.study_name)


def folder_of(url: str, name: str) -> Path:
    """The folder beside a study's SQLite file, or of other databases one in plantnas-studies."""
    file = sqlite_file(url)
    # A name may have any letters; in a folder's, these would lead elsewhere.
    return file.parent if file else STUDIES / name.replace("%", "%25").replace("/", "%2F")
