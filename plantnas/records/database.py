"""What a study has learnt, written to and read from its database. Nothing here trains.

The records are in ``record.py``, the tables in ``tables.py``, connections in ``engine.py``, weights
in ``weights.py``. Optuna keeps its own tables in the same database.
"""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Insert, Row, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from plantnas.errors import PlantingError, StorageError, StudyError, did_you_mean
from plantnas.records.abandoned import abandoned_networks
from plantnas.records.artifacts import ArtifactPlace, is_url, open_artifacts
from plantnas.records.engine import (
    open_engine,
    reason,
    shown_url,
    sqlite_file,
)
from plantnas.records.locks import Say, alone_in_database
from plantnas.records.migrations.upgrade import create_tables
from plantnas.records.network_rows import network_row, read_networks, rows_of_network
from plantnas.records.ownership import Guard, id_of_recorded, no_guard
from plantnas.records.patience import Patience, patient
from plantnas.records.record import (
    Evaluation,
    LossCurve,
    NetworkRecord,
    StudyRecord,
)
from plantnas.records.tables import (
    EpochRow,
    EvaluationRow,
    NetworkRow,
    OfNetwork,
    StudyRow,
)


@patient()
class Database:
    """The study database. Open one in each process; threads may share it.

    Attributes:
        url: As messages may show it, without the password.
        engine: For reading with your own SQL, or with ``plantnas.report.frames.frames``.
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
            StorageError: If it cannot be opened, was written by a newer plantnas, or by an older
                one whose tables differ: ``plantnas db upgrade`` brings them up to date.
        """
        self.engine = open_engine(url) if engine is None else engine
        self.url = shown_url(url)
        self.patience = Patience(url)
        self._file = sqlite_file(url)
        self._artifacts = artifacts and _absolute(artifacts)
        self._stores: dict[str, ArtifactPlace] = {}
        create_tables(self.engine)

    def close(self) -> None:
        """Close all connections. The object may still be used: it connects again."""
        self.engine.dispose()

    def add_study(self, study: StudyRecord) -> None:
        """Record a new study.

        Raises:
            StudyError: If the database has a study of that name.
        """
        row = asdict(study) | {"artifacts": self._relative(study.artifacts)}
        with self._transaction() as connection:
            try:
                connection.execute(insert(StudyRow).values(row))
            except IntegrityError as error:
                raise StudyError(f"{self.url}: study {study.name!r} exists already.") from error

    def configure(self, name: str, configuration: Mapping[str, Any]) -> None:
        """Record another configuration of a study, as when it is to go further than it did.

        Raises:
            StudyError: If there is no such study.
        """
        with self._transaction() as connection:
            this = StudyRow.id == self._study_id(connection, name)
            connection.execute(update(StudyRow).where(this).values(configuration=configuration))

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
        with self._transaction() as connection:
            row = connection.execute(select(StudyRow).where(StudyRow.name == name)).one_or_none()
        return row and StudyRecord(**_without(row, "id"))

    def study_names(self) -> list[str]:
        """The names of all studies, oldest first."""
        with self._transaction() as connection:
            return list(connection.scalars(select(StudyRow.name).order_by(StudyRow.id)))

    def artifacts_place(self, study: str) -> str:
        """Where the artifacts of a study are: the absolute path of a folder, or a URL.

        Raises:
            StudyError: If there is no such study.
        """
        place = self.study(study).artifacts if self._artifacts is None else self._artifacts
        return place if is_url(place) else str(self._folder() / place)

    def artifact_store(self, study: str) -> ArtifactPlace:
        """The store of a study's artifacts: its weights, and the teacher's logits.

        Raises:
            StudyError: If there is no such study.
            StorageError: If its place cannot be opened, as for want of a package.
        """
        place = self.artifacts_place(study)
        if place not in self._stores:  # to connect to a bucket takes a while
            self._stores[place] = open_artifacts(place)
        return self._stores[place]

    def alone(self, purpose: str, say: Say = lambda message: None) -> AbstractContextManager[None]:
        """One worker of this database at a time; see ``locks.alone_in_database``."""
        return alone_in_database(self.engine, purpose, say)

    def add_network(self, study: str, network: NetworkRecord, guard: Guard = no_guard) -> int:
        """Record a network with all that belongs to it, in one transaction.

        Args:
            study: The study's name.
            network: The network; one with weights that are recorded already is left as it is.
            guard: Is asked in the transaction, and raises to refuse the network.

        Returns:
            Its id.

        Raises:
            StudyError: If there is no such study, or the network has no target in it.
            PlantingError: If it says that a group was planted which it does not have.
            StorageError: If the database refuses: a second teacher or seed, a second network of
                that trial and kind, a parent from elsewhere, an epoch that appears twice.
        """
        for group in network.planted.keys() - network.widths.keys():
            raise PlantingError(
                f"study {study!r}: planted {group!r} is not a group of the network. "
                + did_you_mean(group, network.widths)
            )
        with self._transaction(f"study {study!r}: {network.method} network: ") as connection:
            guard(connection)
            row = network_row(network) | {"study_id": self._study_id(connection, study)}
            if recorded := id_of_recorded(connection, row, network.baseline):
                return recorded  # the answer to an earlier attempt was lost
            if network.baseline is not None:
                self._check_networks(connection, study, {network.baseline.target_id})
            key = connection.execute(insert(NetworkRow).values(row)).inserted_primary_key
            network_id: int = key[0]  # type: ignore[index]  # an insert of one row has a key
            for table, rows in rows_of_network(network).items():
                if rows:
                    rows = [{"network_id": network_id, **row} for row in rows]
                    connection.execute(insert(table), rows)
        return network_id

    def networks(self, study: str) -> list[NetworkRecord]:
        """All networks of a study, oldest first, but for those of trials that failed.

        Raises:
            StudyError: If there is no such study.
        """
        with self._transaction() as connection:
            condition = NetworkRow.study_id == self._study_id(connection, study)
            # Asked once: as a part of the condition it would cost each of the queries seconds.
            if abandoned := [network.id for network in abandoned_networks(connection, study)]:
                condition &= NetworkRow.id.not_in(abandoned)
            return read_networks(connection, condition)

    def abandoned(self, study: str) -> list[int]:
        """The ids of the networks whose trial failed: they are in the tables, but no results."""
        with self._transaction() as connection:
            return [network.id for network in abandoned_networks(connection, study)]

    def network(self, study: str, network_id: int) -> NetworkRecord:
        """One network of a study.

        Raises:
            StudyError: If there is no such study, or no such network in it.
        """
        with self._transaction() as connection:
            self._check_networks(connection, study, {network_id})
            return read_networks(connection, NetworkRow.id == network_id)[0]

    def network_of_trial(self, study: str, trial_number: int) -> NetworkRecord | None:
        """The network that a trial made (the last one, if it made two kinds), or None.

        Raises:
            StudyError: If there is no such study.
        """
        with self._transaction() as connection:
            of_study = NetworkRow.study_id == self._study_id(connection, study)
            of_trial = NetworkRow.trial_number == trial_number
            networks = read_networks(connection, of_study & of_trial)
        return networks[-1] if networks else None

    def loss_curves(self, study: str, kind: str, step: int) -> list[LossCurve]:
        """How the networks of a step's trials of one kind learnt, by ascending trial number.

        Raises:
            StudyError: If there is no such study.
        """
        columns = (NetworkRow.trial_number, NetworkRow.parameters, EpochRow.validation_loss)
        query = select(*columns).join(EpochRow, EpochRow.network_id == NetworkRow.id)
        with self._transaction() as connection:
            of_study = NetworkRow.study_id == self._study_id(connection, study)
            of_step = (NetworkRow.kind == kind) & (NetworkRow.step == step)
            in_order = query.order_by(NetworkRow.trial_number, EpochRow.epoch)
            rows = connection.execute(in_order.where(of_study, of_step)).all()
        return [
            LossCurve(number, parameters, tuple(row.validation_loss for row in epochs))
            for (number, parameters), epochs in groupby(rows, key=lambda row: tuple(row[:2]))
        ]

    def add_evaluations(self, study: str, evaluations: Mapping[int, Evaluation]) -> None:
        """Add evaluations of networks that are recorded, by network id.

        An evaluation of the same network and split that exists is left as it is.

        Raises:
            StudyError: If there is no such study, or no such network in it.
        """
        if not evaluations:
            return
        rows = [{"network_id": key, **asdict(value)} for key, value in evaluations.items()]
        statement = _insert_missing(self.engine.dialect.name, EvaluationRow)
        with self._transaction() as connection:
            self._check_networks(connection, study, set(evaluations))
            connection.execute(statement, rows)

    @contextmanager
    def _transaction(self, place: str = "") -> Iterator[Connection]:
        """All or nothing; what SQLAlchemy raises becomes a StorageError of one line."""
        try:
            with self.engine.begin() as connection:
                yield connection
        except SQLAlchemyError as error:
            url = self.engine.url.render_as_string(hide_password=False)
            raise StorageError(f"{self.url}: {place}{reason(error, url)}") from error

    def _study_id(self, connection: Connection, name: str) -> int:
        study_id = connection.scalar(select(StudyRow.id).where(StudyRow.name == name))
        if study_id is None:
            raise self._no_study(name, list(connection.scalars(select(StudyRow.name))))
        return study_id

    def _check_networks(self, connection: Connection, study: str, network_ids: set[int]) -> None:
        of_study = NetworkRow.study_id == self._study_id(connection, study)
        known = select(NetworkRow.id).where(of_study)
        asked = connection.scalars(known.where(NetworkRow.id.in_(network_ids)))
        for network_id in sorted(network_ids.difference(asked)):
            ids = connection.scalars(known).all()
            allowed = f"its networks are {min(ids)} to {max(ids)}" if ids else "it has none"
            raise StudyError(f"study {study!r} has no network {network_id}: {allowed}.")

    def _no_study(self, name: str, names: list[str]) -> StudyError:
        hint = did_you_mean(name, names) if names else "It has none yet."
        return StudyError(f"{self.url} has no study {name!r}. {hint}")

    def _folder(self) -> Path:
        return self._file.parent if self._file else Path.cwd()

    def _relative(self, artifacts: str) -> str:
        if is_url(artifacts):
            return artifacts
        path = (self._folder() / artifacts).resolve()
        below = self._file is not None and path.is_relative_to(self._folder())
        return (path.relative_to(self._folder()) if below else path).as_posix()


def _absolute(artifacts: str) -> str:
    return artifacts if is_url(artifacts) else str(Path(artifacts).resolve())


def _insert_missing(dialect: str, table: type[OfNetwork]) -> Insert:
    """An insert that skips rows whose key exists: the same SQL in both, but two functions here."""
    if dialect == "sqlite":
        return sqlite.insert(table).on_conflict_do_nothing()
    return postgresql.insert(table).on_conflict_do_nothing()


def _without(row: Row[Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in row._mapping.items() if key != name}
