"""The SQL tables of a study, as SQLAlchemy classes. Nothing here opens a database.

They live beside Optuna's tables and carry the prefix ``plantnas_``. SQLite and PostgreSQL both
understand every type and constraint; a change here needs a revision in ``migrations/versions``.
"""

import math
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    DateTime,
    Dialect,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    MetaData,
    String,
    TypeDecorator,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Measurement(TypeDecorator[float]):
    """A float whose NaN is NULL in SQL: SQLite has no NaN, and a diverged loss must be recorded."""

    impl = Double
    cache_ok = True

    def process_bind_param(self, value: float | None, dialect: Dialect) -> float | None:
        """NaN becomes NULL."""
        return None if value is None or math.isnan(value) else float(value)

    def process_result_value(self, value: float | None, dialect: Dialect) -> float:
        """NULL becomes NaN."""
        return math.nan if value is None else value


class UtcDateTime(TypeDecorator[datetime]):
    """A moment in UTC that is read back with its time zone, which SQLite would drop."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, moment: datetime | None, dialect: Dialect) -> datetime | None:
        """Any time zone becomes UTC; a moment without one is local time."""
        return moment and moment.astimezone(UTC)

    def process_result_value(self, moment: datetime | None, dialect: Dialect) -> datetime | None:
        """What SQLite returns without a time zone is UTC."""
        return moment and (moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC))


class Table(DeclarativeBase):
    """Base class of the tables; constraints have names, so that a later migration can drop them."""

    metadata = MetaData(
        naming_convention={
            "ix": "%(table_name)s_%(column_0_N_name)s_index",
            "uq": "%(table_name)s_%(column_0_N_name)s_unique",
            "ck": "%(table_name)s_%(constraint_name)s_check",
            "fk": "%(table_name)s_%(column_0_N_name)s_foreign_key",
            "pk": "%(table_name)s_primary_key",
        }
    )
    type_annotation_map = {  # noqa: RUF012 (SQLAlchemy's own name and form)
        dict[str, Any]: JSON,
        float: Measurement,
        datetime: UtcDateTime,
    }


class StudyRow(Table):
    """A study: what it was asked (configuration), and what it ran on."""

    __tablename__ = "plantnas_studies"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(512), unique=True)
    optuna_study_id: Mapped[int | None]
    configuration: Mapped[dict[str, Any]]
    configuration_hash: Mapped[str] = mapped_column(String(64))
    artifacts: Mapped[str] = mapped_column(String(4096))
    versions: Mapped[dict[str, Any]]
    hardware: Mapped[dict[str, Any]]
    created: Mapped[datetime]


class LatencyRow(Table):
    """What was measured of a network's latency in a study, or of the reference's."""

    __tablename__ = "plantnas_latencies"

    study_id: Mapped[int] = mapped_column(
        ForeignKey(StudyRow.id, ondelete="CASCADE"), primary_key=True
    )
    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    milliseconds: Mapped[float]


_ONE_A_STUDY = text("method IN ('teacher', 'seed')")


class NetworkRow(Table):
    """A trained network; ``parent_id`` is the one of the same study that it was planted from.

    A finished network's is the one that it has its widths from.
    """

    __tablename__ = "plantnas_networks"
    __table_args__ = (
        ForeignKeyConstraint(
            ["study_id", "parent_id"], ["plantnas_networks.study_id", "plantnas_networks.id"]
        ),
        UniqueConstraint("study_id", "id"),  # what the key above refers to
        UniqueConstraint("study_id", "trial_number", "kind"),
        # NULLs are distinct in a unique constraint, so without a kind it would not hold.
        CheckConstraint("trial_number IS NULL OR kind IS NOT NULL", name="trial_has_kind"),
        Index(
            "plantnas_networks_one_teacher_one_seed",
            "study_id",
            "method",
            unique=True,
            sqlite_where=_ONE_A_STUDY,
            postgresql_where=_ONE_A_STUDY,
        ),
        Index(None, "study_id", "method", "step"),
        Index(None, "study_id", "parent_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    study_id: Mapped[int] = mapped_column(ForeignKey(StudyRow.id, ondelete="CASCADE"))
    method: Mapped[str] = mapped_column(String(64))
    kind: Mapped[str | None] = mapped_column(String(16))
    trial_number: Mapped[int | None]
    parent_id: Mapped[int | None]
    step: Mapped[int | None]
    parameters: Mapped[int] = mapped_column(BigInteger)
    macs: Mapped[int] = mapped_column(BigInteger)
    artifact_id: Mapped[str | None] = mapped_column(String(256))
    sha256: Mapped[str | None] = mapped_column(String(64))
    created: Mapped[datetime]


class OfNetwork:
    """The column that ties a row to its network; with the network, its rows are deleted."""

    network_id: Mapped[int] = mapped_column(
        ForeignKey(NetworkRow.id, ondelete="CASCADE"), primary_key=True, sort_order=-1
    )


class WidthRow(OfNetwork, Table):
    """The width of one channel group, and how many of its channels the last planting added."""

    __tablename__ = "plantnas_widths"

    group_name: Mapped[str] = mapped_column(String(256), primary_key=True)
    position: Mapped[int]  # of the group in the network, from its input
    width: Mapped[int]
    planted: Mapped[int]


class EvaluationRow(OfNetwork, Table):
    """Accuracy (0 to 1) and loss of a network on one split, over so many images.

    Of a study that maximises something else, the accuracy is that. What else was measured is in the
    metrics, by name.
    """

    __tablename__ = "plantnas_evaluations"
    __table_args__ = (CheckConstraint("split IN ('train', 'validation', 'test')", name="split"),)

    split: Mapped[str] = mapped_column(String(16), primary_key=True)
    accuracy: Mapped[float | None]
    loss: Mapped[float | None]
    images: Mapped[int]
    metrics: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))


class EpochRow(OfNetwork, Table):
    """One epoch of a network's own training; the epochs of its ancestors are theirs."""

    __tablename__ = "plantnas_epochs"

    epoch: Mapped[int] = mapped_column(primary_key=True)
    learning_rate: Mapped[float | None]
    training_loss: Mapped[float | None]
    validation_loss: Mapped[float | None]
    validation_accuracy: Mapped[float | None]
    seconds: Mapped[float | None]


class PhaseRow(OfNetwork, Table):
    """The seconds of one phase of making a network: prefix, training, evaluation, ..."""

    __tablename__ = "plantnas_phases"

    phase: Mapped[str] = mapped_column(String(64), primary_key=True)
    seconds: Mapped[float | None]


class CostRow(OfNetwork, Table):
    """What a network costs beside its parameters and MACs, by the name of the cost."""

    __tablename__ = "plantnas_costs"

    cost: Mapped[str] = mapped_column(String(256), primary_key=True)
    value: Mapped[float | None]


class BaselineRow(OfNetwork, Table):
    """How a baseline was made, and the planted network of its size that it is compared to."""

    __tablename__ = "plantnas_baselines"
    __table_args__ = (Index(None, "target_id"),)

    # Without the target there is nothing to compare. PostgreSQL would also refuse to delete a study
    # that has baselines if this key did not cascade as the other one does.
    target_id: Mapped[int] = mapped_column(ForeignKey(NetworkRow.id, ondelete="CASCADE"))
    repetition: Mapped[int]
    learning_rate: Mapped[float]
    budget_epochs: Mapped[int]
    uses_teacher: Mapped[bool]


class AheadRow(OfNetwork, Table):
    """The wider network that was trained along with a network: the next planting goes on from it.

    It is no result of its own, and has neither metrics nor a row among the networks.
    """

    __tablename__ = "plantnas_ahead"

    artifact_id: Mapped[str] = mapped_column(String(256))
    sha256: Mapped[str] = mapped_column(String(64))
    widths: Mapped[dict[str, Any]]
