"""Finds workers that went silent by this process's own clock, whatever the database's says.

Optuna compares a heartbeat with the database's clock. If that is set back, the last heartbeat of a
worker that died lies in the future, and its trial would be believed to run until then.
Who fails the trials is in owners.py.
"""

from collections.abc import Mapping
from datetime import datetime

from optuna.storages import RDBStorage
from optuna.trial import TrialState
from sqlalchemy import func, select

from plantnas.records.optuna_tables import HEARTBEATS, TRIALS


class Heartbeats:
    """Since when the heartbeat of each running trial is the same, as this process saw it."""

    def __init__(self) -> None:
        self._seen: dict[int, tuple[datetime, float]] = {}

    def note(self, current: Mapping[int, datetime], now: float) -> dict[int, float]:
        """Note the heartbeats that the running trials have now.

        Args:
            current: By Optuna's id of the trial.
            now: `time.monotonic()`.

        Returns:
            By trial, since which moment its heartbeat has been the same.
        """
        before, self._seen = self._seen, {}
        for trial_id, heartbeat in current.items():
            known = before.get(trial_id)
            same = known is not None and known[0] == heartbeat
            self._seen[trial_id] = known if known is not None and same else (heartbeat, now)
        return {trial_id: since for trial_id, (_, since) in self._seen.items()}


def silent_for(storage: RDBStorage, study_id: int, seconds: float) -> set[int]:
    """The running trials without a heartbeat for so long by the database's clock, by Optuna's id.

    For those who look once. Those who look again and again are told by `Heartbeats` too.
    """
    with storage.engine.begin() as connection:
        now = connection.scalar(select(func.now()))
    if now is None:
        return set()
    naive = now.replace(tzinfo=None)  # as PostgreSQL keeps the heartbeats
    current = heartbeats_of(storage, study_id)
    return {key for key, beat in current.items() if (naive - beat).total_seconds() > seconds}


def heartbeats_of(storage: RDBStorage, study_id: int) -> dict[int, datetime]:
    """The last heartbeats of a study's running trials, by Optuna's id of the trial."""
    query = select(HEARTBEATS).join(TRIALS, TRIALS.c.trial_id == HEARTBEATS.c.trial_id)
    running = (TRIALS.c.study_id == study_id) & (TRIALS.c.state == TrialState.RUNNING)
    with storage.engine.begin() as connection:
        rows = connection.execute(query.where(running)).all()
    return {row.trial_id: row.heartbeat for row in rows}
