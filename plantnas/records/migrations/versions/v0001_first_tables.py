"""The first tables: studies, networks, and the widths, evaluations, epochs and phases of these."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.schema import SchemaItem

revision = "0001"
down_revision = None

_ONE_A_STUDY = sa.text("method IN ('teacher', 'seed')")


def upgrade() -> None:
    """Create all tables."""
    op.create_table(
        "plantnas_studies",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("name", sa.String(512), nullable=False),
        sa.Column("optuna_study_id", sa.Integer),
        sa.Column("configuration", sa.JSON, nullable=False),
        sa.Column("configuration_hash", sa.String(64), nullable=False),
        sa.Column("artifacts", sa.String(4096), nullable=False),
        sa.Column("versions", sa.JSON, nullable=False),
        sa.Column("hardware", sa.JSON, nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("plantnas_studies_primary_key")),
        sa.UniqueConstraint("name", name=op.f("plantnas_studies_name_unique")),
    )
    _create_networks()
    _create_table_of_networks(
        "widths",
        sa.Column("group_name", sa.String(256), nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("width", sa.Integer, nullable=False),
        sa.Column("planted", sa.Integer, nullable=False),
    )
    _create_table_of_networks(
        "evaluations",
        sa.Column("split", sa.String(16), nullable=False),
        sa.Column("accuracy", sa.Double),
        sa.Column("loss", sa.Double),
        sa.Column("images", sa.Integer, nullable=False),
        sa.CheckConstraint(
            "split IN ('train', 'validation', 'test')",
            name=op.f("plantnas_evaluations_split_check"),
        ),
    )
    _create_table_of_networks(
        "epochs",
        sa.Column("epoch", sa.Integer, nullable=False),
        sa.Column("learning_rate", sa.Double),
        sa.Column("training_loss", sa.Double),
        sa.Column("validation_loss", sa.Double),
        sa.Column("validation_accuracy", sa.Double),
        sa.Column("seconds", sa.Double),
    )
    _create_table_of_networks(
        "phases",
        sa.Column("phase", sa.String(64), nullable=False),
        sa.Column("seconds", sa.Double),
    )


def _create_networks() -> None:
    name = "plantnas_networks"
    op.create_table(
        name,
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("study_id", sa.Integer, nullable=False),
        sa.Column("method", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(16)),
        sa.Column("trial_number", sa.Integer),
        sa.Column("parent_id", sa.Integer),
        sa.Column("step", sa.Integer),
        sa.Column("parameters", sa.BigInteger, nullable=False),
        sa.Column("macs", sa.BigInteger, nullable=False),
        sa.Column("artifact_id", sa.String(256)),
        sa.Column("sha256", sa.String(64)),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f(f"{name}_primary_key")),
        sa.ForeignKeyConstraint(
            ["study_id"],
            ["plantnas_studies.id"],
            name=op.f(f"{name}_study_id_foreign_key"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["study_id", "parent_id"],
            [f"{name}.study_id", f"{name}.id"],
            name=op.f(f"{name}_study_id_parent_id_foreign_key"),
        ),
        sa.UniqueConstraint("study_id", "id", name=op.f(f"{name}_study_id_id_unique")),
        sa.UniqueConstraint(
            "study_id",
            "trial_number",
            "kind",
            name=op.f(f"{name}_study_id_trial_number_kind_unique"),
        ),
        sa.CheckConstraint(
            "trial_number IS NULL OR kind IS NOT NULL",
            name=op.f(f"{name}_trial_has_kind_check"),
        ),
    )
    op.create_index(
        "plantnas_networks_one_teacher_one_seed",
        name,
        ["study_id", "method"],
        unique=True,
        sqlite_where=_ONE_A_STUDY,
        postgresql_where=_ONE_A_STUDY,
    )
    for columns in (["study_id", "method", "step"], ["study_id", "parent_id"]):
        op.create_index(op.f(f"{name}_{'_'.join(columns)}_index"), name, columns)


def _create_table_of_networks(name: str, key: sa.Column[Any], *others: SchemaItem) -> None:
    """A table whose rows belong to a network and are found by ``key`` within it."""
    name = f"plantnas_{name}"
    op.create_table(
        name,
        sa.Column("network_id", sa.Integer, nullable=False),
        key,
        *others,
        sa.PrimaryKeyConstraint("network_id", key.name, name=op.f(f"{name}_primary_key")),
        sa.ForeignKeyConstraint(
            ["network_id"],
            ["plantnas_networks.id"],
            name=op.f(f"{name}_network_id_foreign_key"),
            ondelete="CASCADE",
        ),
    )
