"""Whether a network may be written, or is already, asked in the transaction that would write it.

How trials are signed is in trials/owners.py, failed where their worker died in trials/lost.py.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import Connection, select

from plantnas.errors import StorageError
from plantnas.records.optuna_tables import TRIALS, USER_ATTRIBUTES, WORKER_KEY
from plantnas.records.record import BaselineRun
from plantnas.records.tables import BaselineRow, NetworkRow

Guard = Callable[[Connection], None]
"""Is called in a transaction before its first write; it raises to refuse the write."""


class TrialTaken(StorageError):
    """A trial was taken from its worker, which was thought to be dead; its work is done again."""


def guard_of(trial_id: int, number: int, worker: str) -> Guard:
    """Refuses rows of a trial that is not running any more, or not by this worker.

    Until the transaction ends nobody can end the trial: PostgreSQL locks its row, SQLite all.

    Args:
        trial_id: Optuna's id of the trial.
        number: Its number, for the message.
        worker: The name that its worker must have.
    """
    rows = USER_ATTRIBUTES.c
    signed = select(rows.value_json).where(rows.trial_id == trial_id, rows.key == WORKER_KEY)
    current = select(TRIALS.c.state).where(TRIALS.c.trial_id == trial_id)

    def guard(connection: Connection) -> None:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        state = connection.scalar(current.with_for_update(key_share=True))  # FOR NO KEY UPDATE
        signature = connection.scalar(signed)
        owner = None if signature is None else json.loads(signature)
        if state != "RUNNING" or owner != worker:
            raise TrialTaken(
                f"trial {number}: is {state}, signed by {owner}, not running by "
                f"{worker}: its network is not recorded."
            )

    return guard


def no_guard(connection: Connection) -> None:
    """The guard of networks of no trial, which are never refused."""


def id_of_recorded(
    connection: Connection, columns: Mapping[str, Any], baseline: BaselineRun | None = None
) -> int | None:
    """The id of the network that has the row's weights, if an earlier attempt recorded it.

    Args:
        connection: The transaction that would write it.
        columns: Of the network.
        baseline: What it was made for: one trial's network may be the baseline of several targets.
    """
    if columns["artifact_id"] is None:
        return None
    keys = ("study_id", "method", "kind", "trial_number", "artifact_id")
    same = [getattr(NetworkRow, key) == columns[key] for key in keys]
    if baseline is not None:
        made_for = {"target_id": baseline.target_id, "repetition": baseline.repetition}
        same.append(NetworkRow.id.in_(select(BaselineRow.network_id).filter_by(**made_for)))
    return connection.scalar(select(NetworkRow.id).where(*same))
