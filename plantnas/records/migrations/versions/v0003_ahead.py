"""The table of networks that were trained along with a narrower one, for the next planting."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Create the table; no other one changes."""
    name = "plantnas_ahead"
    op.create_table(
        name,
        sa.Column("network_id", sa.Integer, nullable=False),
        sa.Column("artifact_id", sa.String(256), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("widths", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("network_id", name=op.f(f"{name}_primary_key")),
        sa.ForeignKeyConstraint(
            ["network_id"],
            ["plantnas_networks.id"],
            name=op.f(f"{name}_network_id_foreign_key"),
            ondelete="CASCADE",
        ),
    )
