"""Whether a network may be written, or is already, asked in the transaction that would write it.

How trials are signed, and failed where their worker died, is in trials/owners.py.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import Connection, select, text

from plantnas.errors import StorageError
from plantnas.records.record import BaselineRun
from plantnas.records.tables import BaselineRow, NetworkRow

Guard = Callable[[Connection], None]
"""Is called in a transaction before its first write; it raises to refuse the write."""

_STATE = "SELECT state FROM trials WHERE trial_id = :trial"
_SIGNATURE = "SELECT value_json FROM trial_user_attributes WHERE trial_id = :trial AND key = :key"


class TrialTaken(StorageError):
    """A trial was taken from its worker, which was thought to be dead; its work is done again."""


def guard_of(trial_id: int, number: int, key: str, worker: str) -> Guard:
    """Refuses rows of a trial that is not running any more, or not by this worker.

    Until the transaction ends nobody can end the trial: PostgreSQL locks its row, SQLite all.

    Args:
        trial_id: Optuna's id of the trial.
        number: Its number, for the message.
        key: The user attribute with the name of its worker.
        worker: The name that it must have.
    """

    def guard(connection: Connection) -> None:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            state = connection.scalar(text(_STATE), {"trial": trial_id})
        else:
            state = connection.scalar(text(f"{_STATE} FOR NO KEY UPDATE"), {"trial": trial_id})
        signature = connection.scalar(text(_SIGNATURE), {"trial": trial_id, "key": key})
        owner = None if signature is None else json.loads(signature)
        if state != "RUNNING" or owner != worker:
            raise TrialTaken(
                f"trial {number}: is {state}, signed by {owner}, not running by {worker}: its "
                "network is not recorded."
            )

    return guard


def no_guard(connection: Connection) -> None:
    """For networks of no trial."""


def id_of_recorded(
    connection: Connection, row: Mapping[str, Any], baseline: BaselineRun | None = None
) -> int | None:
    """The id of the network that has the row's weights, if an earlier attempt recorded it.

    Args:
        connection: The transaction that would write it.
        row: Of the network.
        baseline: What it was made for: one trial's network may be the baseline of several targets.
    """
    if row["artifact_id"] is None:
        return None
    keys = ("study_id", "method", "kind", "trial_number", "artifact_id")
    same = [getattr(NetworkRow, key) == row[key] for key in keys]
    if baseline is not None:
        made_for = {"target_id": baseline.target_id, "repetition": baseline.repetition}
        same.append(NetworkRow.id.in_(select(BaselineRow.network_id).filter_by(**made_for)))
    return connection.scalar(select(NetworkRow.id).where(*same))
