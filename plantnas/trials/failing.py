"""Fails a trial that somebody else runs, with its reason, in one transaction.

Whose trials are failed, and why, is in owners.py; how a worker's own trial ends in workers/loop.py.
"""

import json
from contextlib import suppress
from datetime import UTC, datetime

from optuna.exceptions import UpdateFinishedTrialError
from optuna.storages import BaseStorage, RDBStorage
from optuna.trial import TrialState
from sqlalchemy import insert, select, update

from plantnas.records.optuna_private import backend_of
from plantnas.records.optuna_tables import REASON_KEY, TRIALS, USER_ATTRIBUTES


def fail_if_running(storage: BaseStorage, trial_id: int, reason: str) -> bool:
    """Fail a trial and say why, unless it has ended; a reason that it has already is kept.

    By Optuna's own methods the reason would come before the state: a trial that ends well at the
    same moment would have it for ever.

    Args:
        storage: Optuna's, of any kind.
        trial_id: Optuna's id of the trial.
        reason: One line.

    Returns:
        Whether this call has failed it.
    """
    backend = backend_of(storage)
    if not isinstance(backend, RDBStorage):
        return _fail_in_two_steps(storage, trial_id, reason)
    patience = getattr(backend, "patience", None)
    if patience is None:
        return _fail(backend, trial_id, reason)
    failed: bool = patience.wait_for(lambda: _fail(backend, trial_id, reason))
    return failed


def _fail(storage: RDBStorage, trial_id: int, reason: str) -> bool:
    of_trial, now = TRIALS.c.trial_id == trial_id, datetime.now(UTC).replace(tzinfo=None)
    # The condition is part of the write: who tells of the trial meanwhile is first, or late.
    running = update(TRIALS).where(of_trial, TRIALS.c.state == TrialState.RUNNING)
    rows = USER_ATTRIBUTES.c
    known = select(rows.key).where(rows.trial_id == trial_id, rows.key == REASON_KEY)
    row = {"trial_id": trial_id, "key": REASON_KEY, "value_json": json.dumps(reason)}
    with storage.engine.begin() as connection:
        failed = running.values(state=TrialState.FAIL, datetime_complete=now)
        if connection.execute(failed).rowcount == 0:
            return False
        if connection.scalar(known) is None:
            connection.execute(insert(USER_ATTRIBUTES).values(row))
    return True


def _fail_in_two_steps(storage: BaseStorage, trial_id: int, reason: str) -> bool:
    """For storages of one process, and journals: nobody else looks between the steps."""
    with suppress(UpdateFinishedTrialError):
        trial = storage.get_trial(trial_id)
        if trial.state != TrialState.RUNNING:
            return False
        if REASON_KEY not in trial.user_attrs:
            storage.set_trial_user_attr(trial_id, REASON_KEY, reason)
        return storage.set_trial_state_values(trial_id, TrialState.FAIL)
    return False
