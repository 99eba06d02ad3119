"""How readers of a study come to its database. Nothing here reads a study, and none is created."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeAlias

from plantnas.given import check_place
from plantnas.records.database import Database
from plantnas.records.study import StudyRecords

if TYPE_CHECKING:
    from optuna.storages import RDBStorage

Storage: TypeAlias = "str | Database | RDBStorage"
"""A database URL, our own database object, or Optuna's storage object for the same database."""


@contextmanager
def opened(storage: Storage, name: str) -> Iterator[StudyRecords]:
    """The records of a study; a database that is opened here is closed again.

    Raises:
        StorageError: It cannot be opened, or is an SQLite file that does not exist.
    """
    if isinstance(storage, Database):
        yield StudyRecords(storage, name)
        return
    url: Any = getattr(storage, "url", storage)
    check_place(url, name)
    database = Database.to_read(url, name)
    try:
        yield StudyRecords(database, name)
    finally:
        database.close()
