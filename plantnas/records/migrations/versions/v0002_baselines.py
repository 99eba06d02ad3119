"""The table of baselines: how each was made, and which planted network it is compared to."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Create the table; no other one changes."""
    name = "plantnas_baselines"
    op.create_table(
        name,
        sa.Column("network_id", sa.Integer, nullable=False),
        sa.Column("target_id", sa.Integer, nullable=False),
        sa.Column("repetition", sa.Integer, nullable=False),
        sa.Column("learning_rate", sa.Double, nullable=False),
        sa.Column("budget_epochs", sa.Integer, nullable=False),
        sa.Column("uses_teacher", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("network_id", name=op.f(f"{name}_primary_key")),
        *(
            sa.ForeignKeyConstraint(
                [column],
                ["plantnas_networks.id"],
                name=op.f(f"{name}_{column}_foreign_key"),
                ondelete="CASCADE",
            )
            for column in ("network_id", "target_id")
        ),
    )
    op.create_index(op.f(f"{name}_target_id_index"), name, ["target_id"])
