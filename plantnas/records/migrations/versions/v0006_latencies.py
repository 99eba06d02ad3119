"""The table of measured latencies, which the workers of a study share."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Create the table; no other one changes."""
    name = "plantnas_latencies"
    op.create_table(
        name,
        sa.Column("study_id", sa.Integer, nullable=False),
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("milliseconds", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("study_id", "key", name=op.f(f"{name}_primary_key")),
        sa.ForeignKeyConstraint(
            ["study_id"],
            ["plantnas_studies.id"],
            name=op.f(f"{name}_study_id_foreign_key"),
            ondelete="CASCADE",
        ),
    )
