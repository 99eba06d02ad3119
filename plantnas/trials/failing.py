"""Fails a trial that somebody else runs, with its reason, in one transaction.

Whose trials are failed, and why, is in owners.py; how a worker's own trial ends in workers/loop.py.
"""

import json
from contextlib import suppress
from datetime import datetime
from typing import Any

from optuna.exceptions import UpdateFinishedTrialError
from optuna.storages import BaseStorage, RDBStorage
from optuna.storages._rdb.models import TrialModel, TrialUserAttributeModel
from optuna.storages._rdb.storage import _create_scoped_session
from optuna.trial import TrialState
from sqlalchemy import select, update
from sqlalchemy.orm import Session

REASON_KEY = "reason"
"""The trial's user attribute that says why it left no network."""


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


def backend_of(storage: BaseStorage) -> BaseStorage:
    """The storage itself, which Optuna wraps in a cache."""
    backend: BaseStorage = getattr(storage, "_backend", storage)
    return backend


def _fail(storage: RDBStorage, trial_id: int, reason: str) -> bool:
    running = (TrialModel.trial_id == trial_id) & (TrialModel.state == TrialState.RUNNING)
    with _create_scoped_session(storage.scoped_session) as session:
        # The condition is part of the write: who tells of the trial meanwhile is first, or late.
        fail: Any = update(TrialModel).where(running).values(state=TrialState.FAIL)
        done: Any = session.execute(fail)
        if done.rowcount == 0:
            return False
        trial = session.get_one(TrialModel, trial_id)
        trial.datetime_complete = datetime.now()
        _add_reason(session, trial_id, reason)
    return True


def _add_reason(session: Session, trial_id: int, reason: str) -> None:
    row = TrialUserAttributeModel
    known = select(row.key).where(row.trial_id == trial_id, row.key == REASON_KEY)
    if session.scalar(known) is None:
        session.add(row(trial_id=trial_id, key=REASON_KEY, value_json=json.dumps(reason)))


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
