"""Networks whose trial failed, and which artifacts the others need.

Their worker was killed, or was taken for dead, after it had written the network and before it told
that the trial is complete. Another trial makes the same network again, so these are no results:
`StudyRecords.networks` leaves them out. What is removed of them, and when, is in
trials/cleaning.py.
"""

from typing import NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    delete,
    false,
    inspect,
    literal_column,
    select,
)

from plantnas.records.tables import NetworkRow, StudyRow

# None of the inner queries looks at the outer row: each is asked once, not once a network.
_ABANDONED = """(
    plantnas_networks.method = 'planting'
    AND plantnas_networks.trial_number IS NOT NULL
    AND (plantnas_networks.study_id, plantnas_networks.trial_number) IN (
        SELECT plantnas_studies.id, trials.number FROM trials
        JOIN studies ON studies.study_id = trials.study_id
        JOIN plantnas_studies ON plantnas_studies.name = studies.study_name
        WHERE trials.state = 'FAIL'
    )
    AND plantnas_networks.id NOT IN (
        SELECT parent_id FROM plantnas_networks WHERE parent_id IS NOT NULL
    )
    AND plantnas_networks.id NOT IN (SELECT target_id FROM plantnas_baselines)
)"""


class AbandonedNetwork(NamedTuple):
    """A network of a trial that failed."""

    id: int
    trial_number: int


def is_abandoned(connection: Connection) -> ColumnElement[bool]:
    """Of the table of networks: those whose trial failed, and that nothing else refers to.

    No network that another one descends from, or that a baseline is compared to, is among them.
    """
    return literal_column(_ABANDONED) if inspect(connection).has_table("trials") else false()


def abandoned_networks(connection: Connection, name: str) -> list[AbandonedNetwork]:
    """Those of a study, oldest first."""
    query = select(NetworkRow.id, NetworkRow.trial_number).join(StudyRow)
    wanted = query.where(StudyRow.name == name, is_abandoned(connection))
    rows = connection.execute(wanted.order_by(NetworkRow.id))
    return [AbandonedNetwork(row.id, row.trial_number or 0) for row in rows]


def remove_abandoned(connection: Connection, network_id: int) -> bool:
    """Remove a network with its rows in all tables, if it is still abandoned; says whether."""
    this = (NetworkRow.id == network_id) & is_abandoned(connection)
    return connection.execute(delete(NetworkRow).where(this)).rowcount > 0


def needed_artifacts(connection: Connection) -> set[str]:
    """The artifacts of all networks of all studies that are not abandoned."""
    query = select(NetworkRow.artifact_id).where(~is_abandoned(connection))
    return {artifact_id for artifact_id in connection.scalars(query) if artifact_id}
