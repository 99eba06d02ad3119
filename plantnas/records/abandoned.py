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
    and_,
    delete,
    false,
    inspect,
    select,
    tuple_,
)
from sqlalchemy.orm import aliased

from plantnas.records.optuna_tables import STUDIES, TRIALS
from plantnas.records.tables import AheadRow, BaselineRow, NetworkRow, StudyRow


class AbandonedNetwork(NamedTuple):
    """A network of a trial that failed."""

    id: int
    trial_number: int


def is_abandoned(connection: Connection) -> ColumnElement[bool]:
    """The condition that a network's trial failed, and that nothing else refers to the network.

    No network that another one descends from, or that a baseline is compared to, is among them.
    """
    if not inspect(connection).has_table(TRIALS.name):
        return false()
    # By aliases, so that no inner query looks at the outer row: each is asked once.
    study, other = aliased(StudyRow), aliased(NetworkRow)
    failed = (
        select(study.id, TRIALS.c.number)
        .join(STUDIES, STUDIES.c.study_name == study.name)
        .join(TRIALS, TRIALS.c.study_id == STUDIES.c.study_id)
        .where(TRIALS.c.state == "FAIL")
    )
    return and_(
        NetworkRow.method == "planting",
        NetworkRow.trial_number.is_not(None),
        tuple_(NetworkRow.study_id, NetworkRow.trial_number).in_(failed),
        NetworkRow.id.not_in(select(other.parent_id).where(other.parent_id.is_not(None))),
        NetworkRow.id.not_in(select(BaselineRow.target_id)),
    )


def abandoned_networks(connection: Connection, name: str) -> list[AbandonedNetwork]:
    """The abandoned networks of a study, oldest first."""
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
    is_needed, ahead = ~is_abandoned(connection), AheadRow.artifact_id
    queries = (
        select(NetworkRow.artifact_id).where(is_needed),
        select(ahead).join(NetworkRow, NetworkRow.id == AheadRow.network_id).where(is_needed),
    )
    found = {artifact_id for query in queries for artifact_id in connection.scalars(query)}
    return {artifact_id for artifact_id in found if artifact_id}
