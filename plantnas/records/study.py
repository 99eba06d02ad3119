"""The records of one study: what it was asked, its networks, and these built again.

The database that many studies share is in ``database.py``, the dataclasses in ``record.py``, the
tables in ``tables.py``, weights in ``weights.py``. Nothing here trains, and torch is imported by
those alone who want a network, and the stores of artifacts by those who open one: to import them
takes longer than to read a study.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, insert, select, update

from plantnas.config import StudyConfig
from plantnas.config_files import validated
from plantnas.errors import PlantingError, StorageError, StudyError, did_you_mean
from plantnas.given import check_given, check_integer, check_place
from plantnas.measured import Evaluation
from plantnas.named_keys import code_names
from plantnas.place import is_url
from plantnas.records.abandoned import abandoned_networks
from plantnas.records.damage import damage_told
from plantnas.records.database import Database
from plantnas.records.network_rows import grown_groups, network_row, read_networks, rows_of_network
from plantnas.records.ownership import Guard, id_of_recorded, no_guard
from plantnas.records.patience import Patience, patient
from plantnas.records.record import (
    AheadRecord,
    ImagesRecord,
    NetworkRecord,
    StudyRecord,
)
from plantnas.records.tables import EpochRow, EvaluationRow, NetworkRow, StudyRow
from plantnas.trust import found, trust

if TYPE_CHECKING:
    from torch import Tensor, nn

    from plantnas.channels.structure import Structure
    from plantnas.records.artifacts import ArtifactPlace

SQLITE_ENDINGS = ("", "-wal", "-shm", "-journal")
"""How the names of the files end that SQLite keeps for one database."""

_STOOD_FOR: dict[str, dict[str, Any]] = {
    "seed": {"start": "fresh", "l2_sp": 0.0},
    "planting": {"rows": "fresh", "l2_sp": 0.0},
    "distillation": {"loss": "kd"},
    "search": {"probes": 0, "ahead": 0.0},
}
"""What a study did that was made before these keys were, where that is not the default."""


@patient()
class StudyRecords:
    """The records of one study of a database. All methods raise StudyError if it has no such study.

    Attributes:
        database: Where they are.
        name: The study's.
    """

    def __init__(self, database: Database, name: str) -> None:
        """Reads nothing yet: the study may be recorded later."""
        self.database, self.name = database, name

    @property
    def patience(self) -> Patience:
        """How it waits for a database that is away."""
        return self.database.patience

    @property
    def record(self) -> StudyRecord:
        """What the study was asked and what it ran on, as it is recorded now."""
        return self.database.study(self.name)

    def find(self) -> StudyRecord | None:
        """The same, or None if the study is not recorded yet."""
        return self.database.find_study(self.name)

    @property
    def config(self) -> StudyConfig:
        """The configuration that the study was made with.

        A key that is newer than the study has the value that it stood for.

        Raises:
            ConfigurationError: It is of a plantnas whose settings this one does not know.
        """
        recorded = dict(self.record.configuration)
        with damage_told(f"study {self.name!r}: its configuration"):
            recorded.pop("images")
            for part, keys in _STOOD_FOR.items():
                recorded[part] = {**keys, **recorded[part]}
        config = config_of(recorded, self.name, f"{self.database.url}: study {self.name!r}")
        found(code_names(config), f"the database of study {self.name!r}")
        return config

    def trust(self) -> None:
        """Takes the names that the study's database has for the user's own."""
        trust(code_names(self.config))

    @cached_property
    def images(self) -> ImagesRecord:
        """What the study's images are like; read once, for it never changes."""
        return self.record.images

    @property
    def example(self) -> "Tensor":
        """Two blank images of the shape of the study's."""
        from plantnas.records.building import example_images

        return example_images(self.images)

    @property
    def artifacts_place(self) -> str:
        """Where the study's artifacts are: the absolute path of a folder, or a URL."""
        place = self.database.artifacts or self.record.artifacts
        return place if is_url(place) else str(self.database.folder / place)

    @cached_property
    def store(self) -> "ArtifactPlace":
        """The store of the study's artifacts: its weights, and the teacher's logits.

        It is opened once: to connect to a bucket takes a while.

        Raises:
            StorageError: If its place cannot be opened, as for want of a package.
        """
        from plantnas.records.artifacts import open_artifacts

        return open_artifacts(self.artifacts_place)

    @property
    def files(self) -> list[Path]:
        """What holds the study on this machine: the database with SQLite's own, and the weights."""
        file = self.database.file
        databases = [] if file is None else [Path(f"{file}{end}") for end in SQLITE_ENDINGS]
        if self.find() is None or is_url(self.artifacts_place):
            return databases
        return [*databases, Path(self.artifacts_place)]

    def configure(self, configuration: Mapping[str, Any]) -> None:
        """Record another configuration of the study, as when it is to go further than it did."""
        with self.database.transaction() as connection:
            this = StudyRow.id == self._id(connection)
            connection.execute(update(StudyRow).where(this).values(configuration=configuration))

    def add(self, record: NetworkRecord, guard: Guard = no_guard) -> int:
        """Record a network with all that belongs to it, in one transaction.

        Args:
            record: The network; one with weights that are recorded already is left as it is.
            guard: Is asked in the transaction, and raises to refuse the network.

        Returns:
            Its id.

        Raises:
            StudyError: If there is no such study, or the network has no target in it.
            PlantingError: If it says that a group was planted which it does not have.
            StorageError: If the database refuses: a second teacher or seed, a second network of
                that trial and kind, a parent from elsewhere, an epoch that appears twice.
        """
        place = f"study {self.name!r}: {record.method} network: "
        with self.database.transaction(place) as connection:
            guard(connection)
            return self._add(connection, record)

    def add_all(
        self, networks: Sequence[NetworkRecord], parents: Sequence[int | None]
    ) -> list[int]:
        """Record networks of one training, all in one transaction; errors are as for `add`.

        Args:
            networks: A network behind its parent.
            parents: For each, the place of its parent among them; None: it has its record's.

        Returns:
            Their ids.
        """
        ids = list[int]()
        with self.database.transaction(f"study {self.name!r}: ") as connection:
            for record, parent in zip(networks, parents, strict=True):
                parent_id = record.parent_id if parent is None else ids[parent]
                ids.append(self._add(connection, replace(record, parent_id=parent_id)))
        return ids

    def networks(self) -> list[NetworkRecord]:
        """All networks of the study, oldest first, but for those of trials that failed."""
        with self.database.transaction() as connection:
            condition = NetworkRow.study_id == self._id(connection)
            # Asked once: as a part of the condition it would cost each of the queries seconds.
            if abandoned := [each.id for each in abandoned_networks(connection, self.name)]:
                condition &= NetworkRow.id.not_in(abandoned)
            networks = read_networks(connection, condition)
        ids = {record.id for record in networks}
        for record in networks:
            if record.parent_id is not None and record.parent_id not in ids:
                raise StorageError(
                    f"{self.database.url}: network {record.parent_id}, which network {record.id} "
                    "descends from, is not there: the database is damaged."
                )
        return networks

    def abandoned(self) -> list[int]:
        """The ids of the networks whose trial failed: they are in the tables, but no results."""
        with self.database.transaction() as connection:
            return [network.id for network in abandoned_networks(connection, self.name)]

    def network(self, network_id: int) -> NetworkRecord:
        """One network of the study.

        Raises:
            StudyError: If there is no such study, or no such network in it.
        """
        with self.database.transaction() as connection:
            self._check_networks(connection, {network_id})
            return read_networks(connection, NetworkRow.id == network_id)[0]

    def ancestors(self, record: NetworkRecord) -> list[dict[str, int]] | None:
        """The widths of the networks that one was planted from; None where its wiring is dense."""
        line = [record]
        while line[0].parent_id is not None:
            line.insert(0, self.network(line[0].parent_id))
        return self.record.ancestors(line)

    def trials_with_networks(self) -> set[int]:
        """The numbers of the trials that have written a network, failed ones too."""
        of_trials = (
            select(NetworkRow.trial_number)
            .join(StudyRow)
            .where(StudyRow.name == self.name, NetworkRow.method == "planting")
        )
        with self.database.transaction() as connection:
            numbers = connection.scalars(of_trials.where(NetworkRow.trial_number.is_not(None)))
            return {number for number in numbers if number is not None}

    def network_of_trial(self, trial_number: int) -> NetworkRecord | None:
        """The network that a trial made (the last one, if it made two kinds), or None."""
        with self.database.transaction() as connection:
            of_study = NetworkRow.study_id == self._id(connection)
            of_trial = NetworkRow.trial_number == trial_number
            networks = read_networks(connection, of_study & of_trial)
        return networks[-1] if networks else None

    def loss_curves(self, kind: str, step: int) -> dict[int, tuple[float, ...]]:
        """The validation losses after each epoch, by the numbers of a step's trials of one kind."""
        columns = (NetworkRow.trial_number, EpochRow.validation_loss)
        query = select(*columns).join(EpochRow, EpochRow.network_id == NetworkRow.id)
        with self.database.transaction() as connection:
            of_study = NetworkRow.study_id == self._id(connection)
            of_step = (NetworkRow.kind == kind) & (NetworkRow.step == step)
            in_order = query.order_by(NetworkRow.trial_number, EpochRow.epoch)
            rows = connection.execute(in_order.where(of_study, of_step)).all()
        return {
            number: tuple(row.validation_loss for row in epochs)
            for number, epochs in groupby(rows, key=lambda row: row.trial_number)
        }

    def add_evaluations(self, evaluations: Mapping[int, Evaluation]) -> None:
        """Add evaluations of networks that are recorded, by network id.

        An evaluation of the same network and split that exists is left as it is.

        Raises:
            StudyError: If there is no such study, or no such network in it.
        """
        if not evaluations:
            return
        rows = [{"network_id": key, **value._asdict()} for key, value in evaluations.items()]
        # The same SQL in both, but two functions; PostgreSQL's takes long to import.
        from sqlalchemy.dialects import postgresql, sqlite

        is_sqlite = self.database.engine.dialect.name == "sqlite"
        insert_into = sqlite.insert if is_sqlite else postgresql.insert
        statement = insert_into(EvaluationRow).on_conflict_do_nothing()
        with self.database.transaction() as connection:
            self._check_networks(connection, set(evaluations))
            connection.execute(statement, rows)

    @property
    def structure(self) -> "Structure":
        """The channel groups of the study's architecture at its own widths."""
        from plantnas.records.building import structure_of

        with self.database.transaction() as connection:
            growing = grown_groups(connection, self._id(connection))
        return structure_of(self.record, growing)

    def build(self, widths: Mapping[str, int], seed: int = 0) -> "nn.Module":
        """The study's architecture at some widths, with fresh weights that the seed draws."""
        from plantnas.records.building import network_at

        record = self.record
        return network_at(record.search_space, record.images, widths, seed)

    def load(self, record: NetworkRecord) -> "nn.Module":
        """The network of a record with its weights, as it runs, in eval mode, on the CPU.

        Raises:
            StudyError: Its weights were not kept.
            StorageError: Its weights are missing or damaged.
        """
        network = self.load_whole(record)
        ancestors = self.ancestors(record)
        if not ancestors:
            return network
        from plantnas.channels.wiring import wired

        structure = self.structure.with_widths(record.widths)
        return wired(network, self.example, ancestors, structure=structure)

    def load_whole(self, record: NetworkRecord) -> "nn.Module":
        """The same as an ordinary module, in which zeros stand for what its wiring leaves out."""
        if record.artifact_id is None or record.sha256 is None:
            raise StudyError(
                f"study {self.name!r}: the weights of network {record.id} were not kept."
            )
        from plantnas.records import building, weights

        network = building.network_of(record, self.record.search_space, self.images)
        return weights.filled(network, self.store, record.artifact_id, record.sha256)

    def load_ahead(self, ahead: AheadRecord) -> "nn.Module":
        """The network that was trained along with another one, as `load_whole` gives that."""
        from plantnas.records.weights import filled

        return filled(self.build(ahead.widths), self.store, ahead.artifact_id, ahead.sha256)

    def _add(self, connection: Connection, record: NetworkRecord) -> int:
        for group in record.planted.keys() - record.widths.keys():
            raise PlantingError(
                f"study {self.name!r}: planted {group!r} is not a group of the network. "
                + did_you_mean(group, record.widths)
            )
        row = network_row(record) | {"study_id": self._id(connection)}
        if recorded := id_of_recorded(connection, row, record.baseline):
            return recorded  # the answer to an earlier attempt was lost
        if record.baseline is not None:
            self._check_networks(connection, {record.baseline.target_id})
        key = connection.execute(insert(NetworkRow).values(row)).inserted_primary_key
        network_id: int = key[0]  # type: ignore[index]  # an insert of one row has a key
        for table, rows in rows_of_network(record).items():
            if rows:
                rows = [{"network_id": network_id, **row} for row in rows]
                connection.execute(insert(table), rows)
        return network_id

    def _id(self, connection: Connection) -> int:
        return self.database.study_id(connection, self.name)

    def _check_networks(self, connection: Connection, network_ids: set[int]) -> None:
        known = select(NetworkRow.id).where(NetworkRow.study_id == self._id(connection))
        asked = connection.scalars(known.where(NetworkRow.id.in_(network_ids)))
        for network_id in sorted(network_ids.difference(asked)):
            ids = connection.scalars(known).all()
            allowed = f"its networks are {min(ids)} to {max(ids)}" if ids else "it has none"
            raise StudyError(f"study {self.name!r} has no network {network_id}: {allowed}.")


def config_of(tree: dict[str, Any], name: str, where: str) -> StudyConfig:
    """The configuration of a study of that name, which may be any that Optuna allows.

    Raises:
        ConfigurationError: Something else than the name is wrong with it.
    """
    checked = validated(StudyConfig, tree | {"name": "any"}, where)
    return checked.model_copy(update={"name": name})


def load_network(storage: str, name: str, network_id: int, trust: bool = False) -> "nn.Module":
    """A network of a study with its trained weights, in eval mode, on the CPU.

    It takes normalised images, such as `plantnas.load_images` gives, and reproduces the recorded
    validation accuracy.

    Args:
        storage: URL of the study's database.
        name: Name of the study.
        network_id: Its id in the table `plantnas_networks` and in `networks_frame`.
        trust: Whether to import an architecture `module:function` that the database names and you
            have not: it runs code.

    Raises:
        StudyError: There is no such study or network.
        StorageError: The database cannot be opened, or the weights are missing or damaged.
    """
    check_place(storage, name)
    check_integer("network_id", network_id, most=2**63 - 1)
    check_given("trust", trust, bool, "True or False")
    records = StudyRecords(Database.to_read(storage, name), name)
    if trust:
        records.trust()
    return records.load(records.network(network_id))
