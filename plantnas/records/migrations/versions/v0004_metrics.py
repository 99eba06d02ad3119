"""What was measured of a network on a split, beside what its study maximises."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add a column, which evaluations that there are have no value of."""
    op.add_column("plantnas_evaluations", sa.Column("metrics", sa.JSON, nullable=True))
