"""The table of what networks cost, beside their parameters and MACs."""

import json
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Create the table; of a study with another cost than these two, its trials know what."""
    name = "plantnas_costs"
    op.create_table(
        name,
        sa.Column("network_id", sa.Integer, nullable=False),
        sa.Column("cost", sa.String(256), nullable=False),
        sa.Column("value", sa.Double, nullable=True),
        sa.PrimaryKeyConstraint("network_id", "cost", name=op.f(f"{name}_primary_key")),
        sa.ForeignKeyConstraint(
            ["network_id"],
            ["plantnas_networks.id"],
            name=op.f(f"{name}_network_id_foreign_key"),
            ondelete="CASCADE",
        ),
    )
    connection = op.get_bind()
    studies = connection.execute(
        sa.text("SELECT id, optuna_study_id, configuration FROM plantnas_studies")
    )
    for study_id, optuna_study_id, configuration in studies.all():
        cost = _cost(configuration)
        if cost in ("parameters", "macs") or optuna_study_id is None:
            continue
        this = {"cost": cost, "study": study_id, "optuna": optuna_study_id}
        connection.execute(sa.text(OF_TRIALS), this)
        connection.execute(sa.text(OF_FIRST), this)


OF_TRIALS = """
INSERT INTO plantnas_costs (network_id, cost, value)
SELECT networks.id, :cost, trial_values.value
FROM plantnas_networks AS networks
JOIN trials ON trials.number = networks.trial_number AND trials.study_id = :optuna
JOIN trial_values ON trial_values.trial_id = trials.trial_id AND trial_values.objective = 1
WHERE networks.study_id = :study AND networks.method = 'planting'
"""
OF_FIRST = """
INSERT INTO plantnas_costs (network_id, cost, value)
SELECT networks.id, :cost, CAST(attributes.value_json AS DOUBLE PRECISION)
FROM plantnas_networks AS networks
JOIN study_user_attributes AS attributes
  ON attributes.study_id = :optuna AND attributes.key = networks.method || '_cost'
WHERE networks.study_id = :study AND networks.method IN ('seed', 'teacher')
"""


def _cost(configuration: Any) -> str:
    """The name of a study's cost, by its configuration, which SQLite has as a text."""
    tree = json.loads(configuration) if isinstance(configuration, str) else configuration
    name: str = tree.get("search", {}).get("cost", "parameters")
    return name
