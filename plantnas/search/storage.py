"""How plantnas opens an Optuna storage, and how it finds the database of a study's storage.

One storage a process: its engine and connection pool are not to be shared after a fork.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import optuna
from optuna.exceptions import ExperimentalWarning, StorageInternalError
from optuna.storages import BaseStorage, RDBStorage
from sqlalchemy.exc import SQLAlchemyError

from plantnas.errors import StorageError
from plantnas.records.engine import (
    reason,
    set_sqlite_pragmas,
    shown_url,
    sqlite_file,
    storage_engine_arguments,
)

HEARTBEAT_SECONDS = 15
"""A worker says so often that it lives. After four times as long without, its trial fails."""


def sqlite_url(directory: Path) -> str:
    """The default storage of a study: study.db in its folder."""
    return f"sqlite:///{directory.resolve() / 'study.db'}"


def open_storage(url: str) -> RDBStorage:
    """An Optuna storage with heartbeats and the settings of a database that many workers share.

    Raises:
        StorageError: The database cannot be opened.
    """
    if "://" not in url:
        raise StorageError(f"storage {url!r}: is not a URL such as sqlite:///study.db.")
    arguments = storage_engine_arguments(url)
    try:
        if file := sqlite_file(url):
            file.parent.mkdir(parents=True, exist_ok=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)  # heartbeats
            storage = RDBStorage(
                url,
                engine_kwargs=arguments,
                heartbeat_interval=HEARTBEAT_SECONDS,
                grace_period=4 * HEARTBEAT_SECONDS,
            )
    except (SQLAlchemyError, ImportError, OSError, RuntimeError) as error:
        raise StorageError(f"{shown_url(url)}: cannot be opened: {reason(error, url)}") from error
    set_sqlite_pragmas(storage.engine)
    return storage


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


def storage_url(study: optuna.Study) -> str:
    """The URL of a study's database.

    Raises:
        StorageError: The study is kept in memory or in a journal.
    """
    storage: BaseStorage = study._storage
    backend = getattr(storage, "_backend", storage)  # Optuna wraps it in a cache
    if isinstance(backend, RDBStorage):
        return str(backend.url)
    raise StorageError(
        f"study {study.study_name!r}: is kept in a {type(backend).__name__}, but plantnas needs an "
        "SQL database for its records: create_study(storage='sqlite:///study.db', ...)."
    )


def default_directory(study: optuna.Study) -> Path:
    """Where a study's files are unless told: beside its SQLite file, or in plantnas-studies."""
    file = sqlite_file(storage_url(study))
    return file.parent if file else Path("plantnas-studies") / study.study_name
