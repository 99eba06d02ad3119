"""The database that studies share: its tables, its studies, and its transactions.

What is recorded of one study is in ``study.py``, the tables in ``tables.py``, connections in
``engine.py``. Optuna keeps its own tables in the same database.
"""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict
from pathlib import Path

from sqlalchemy import Connection, Engine, insert, select
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from plantnas.errors import Say, StorageError, StudyError, did_you_mean, first_line, shown
from plantnas.place import is_url
from plantnas.records.damage import check_types, damage_told
from plantnas.records.engine import (
    open_engine,
    open_engine_to_read,
    read_from,
    reason,
    shown_url,
    sqlite_file,
)
from plantnas.records.locks import alone_in_database
from plantnas.records.migrations.revision import NEEDED, revision_of
from plantnas.records.optuna_studies import check_owner
from plantnas.records.patience import Patience, patient
from plantnas.records.record import (
    StudyRecord,
)
from plantnas.records.tables import (
    StudyRow,
)


@patient()
class Database:
    """The study database. Open one in each process; threads may share it.

    Attributes:
        url: As messages may show it, without the password.
        engine: For reading with your own SQL, or with ``plantnas.report.frames.frames``.
        artifacts: Where this machine finds the artifacts, if elsewhere than recorded.
        file: The SQLite file; None for another database.
    """

    def __init__(
        self, url: str, artifacts: str | None = None, engine: Engine | None = None
    ) -> None:
        """Open the database; an SQLite file, its folder and our tables are made if needed.

        Args:
            url: A database URL, e.g. ``sqlite:///study.db``.
            artifacts: Where the artifacts are, if this machine finds them elsewhere than recorded.
            engine: Connections to it that this process has, as Optuna's storage does, to be shared:
                servers limit their number, and workers are many.

        Raises:
            StorageError: If it cannot be opened, is another application's, was written by a newer
                plantnas, or by an older one whose tables differ: ``plantnas db upgrade`` brings
                them up to date.
        """
        if engine is None:
            check_owner(url)
        self.engine = open_engine(url) if engine is None else engine
        self.url = shown_url(url)
        self.patience = Patience(url)
        self.file = sqlite_file(url)
        self.artifacts = artifacts
        if artifacts is not None and not is_url(artifacts):
            self.artifacts = os.path.realpath(artifacts)
        with self.transaction("cannot be opened: ") as connection:
            found = revision_of(connection)
        if found != NEEDED:
            # Imports alembic, for which those who read a study would wait.
            from plantnas.records.migrations.upgrade import create_tables

            create_tables(self.engine)

    @classmethod
    def to_read(cls, url: str, name: str, artifacts: str | None = None) -> "Database":
        """The database of a study that exists: nothing can be written to it, and nothing is made.

        Args:
            url: A database URL.
            name: The study's.
            artifacts: Where the artifacts are, if this machine finds them elsewhere than recorded.

        Raises:
            StudyError: If it has no tables of plantnas.
            StorageError: If it cannot be opened, or was written by another plantnas.
        """
        found = read_from(url, revision_of)
        if found is None:
            raise StudyError(f"{shown_url(url)} has no study {name!r}. It has none yet.")
        if found != NEEDED:
            from plantnas.records.migrations.upgrade import check_revision

            check_revision(found, url)
        return cls(url, artifacts, open_engine_to_read(url))

    def close(self) -> None:
        """Close all connections. The object may still be used: it connects again."""
        self.engine.dispose()

    def add_study(self, study_record: StudyRecord) -> None:
        """Record a new study.

        Raises:
            StudyError: If the database has a study of that name.
        """
        artifacts = study_record.artifacts
        if not is_url(artifacts):  # relative to the database's folder, if it is below it
            path = Path(os.path.realpath(self.folder / artifacts))
            if self.file is not None and path.is_relative_to(self.folder):
                path = path.relative_to(self.folder)
            artifacts = path.as_posix()
        row = asdict(study_record) | {"artifacts": artifacts}
        with self.transaction() as connection:
            try:
                connection.execute(insert(StudyRow).values(row))
            except IntegrityError as error:
                raise StudyError(
                    f"{self.url}: study {study_record.name!r} exists already."
                ) from error

    def study(self, name: str) -> StudyRecord:
        """The study of that name.

        Raises:
            StudyError: If there is none.
        """
        study = self.find_study(name)
        if study is None:
            raise self._no_study(name, self.study_names())
        return study

    def find_study(self, name: str) -> StudyRecord | None:
        """The study of that name, or None."""
        what = f"{self.url}: study {name!r}"
        with damage_told(what), self.transaction() as connection:
            row = connection.execute(select(StudyRow).where(StudyRow.name == name)).one_or_none()
            if row is None:
                return None
            check_types(StudyRow, [row])
            if wrong := [each for each in row.versions.values() if not isinstance(each, str)]:
                raise TypeError(f"a version is {shown(wrong[0])}")
        return StudyRecord(**{key: value for key, value in row._mapping.items() if key != "id"})

    def study_names(self) -> list[str]:
        """The names of all studies, oldest first."""
        with self.transaction() as connection:
            return list(connection.scalars(select(StudyRow.name).order_by(StudyRow.id)))

    def alone(self, purpose: str, say: Say = lambda message: None) -> AbstractContextManager[None]:
        """One worker of this database at a time; see ``locks.alone_in_database``."""
        return alone_in_database(self.engine, purpose, say)

    @property
    def folder(self) -> Path:
        """What recorded folders are relative to: the SQLite file's own, or the current one."""
        return self.file.parent if self.file else Path.cwd()

    @contextmanager
    def transaction(self, where: str = "") -> Iterator[Connection]:
        """All or nothing; `where` comes before the reason in the message of an error.

        Raises:
            StorageError: In place of what SQLAlchemy raises, in one line.
        """
        try:
            with self.engine.begin() as connection:
                yield connection
        except SQLAlchemyError as error:
            url = self.engine.url.render_as_string(hide_password=False)
            raise StorageError(f"{self.url}: {where}{reason(error, url)}") from error
        except OSError as error:  # pandas has one of its own for what SQLAlchemy raises
            if not isinstance(error.__cause__, SQLAlchemyError):
                raise
            url = self.engine.url.render_as_string(hide_password=False)
            raise StorageError(f"{self.url}: {where}{reason(error.__cause__, url)}") from error
        except (OverflowError, UnicodeError) as error:  # of a driver, before it asks
            raise StorageError(f"{self.url}: {where}{first_line(error)}.") from error

    def study_id(self, connection: Connection, name: str) -> int:
        """Our id of the study of that name.

        Raises:
            StudyError: If there is none.
        """
        study_id = connection.scalar(select(StudyRow.id).where(StudyRow.name == name))
        if study_id is None:
            raise self._no_study(name, list(connection.scalars(select(StudyRow.name))))
        return study_id

    def _no_study(self, name: str, names: list[str]) -> StudyError:
        hint = did_you_mean(name, names) if names else "It has none yet."
        return StudyError(f"{self.url} has no study {name!r}. {hint}")
