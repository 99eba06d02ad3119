"""Trials whose worker was lost: how they are found, failed with their reason, and done again.

A worker of this machine is lost when its process has ended, one elsewhere when it gives no sign of
life any more. Who runs a trial is in owners.py, how a worker's own trial ends in workers/worker.py.
"""

import json
import platform
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.storages import BaseStorage, RDBStorage
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy import func, insert, select, update

from plantnas.records.optuna_private import (
    backend_of,
    stale_trial_ids,
    storage_of,
    trial_id_of,
)
from plantnas.records.optuna_tables import (
    ASSIGNMENT_KEY,
    FIRST_KEY,
    FIXED_PARAMS_KEY,
    HEARTBEATS,
    HISTORY_KEY,
    KIND_KEY,
    PARENT_KEY,
    REASON_KEY,
    STEP_KEY,
    TRIALS,
    UNSIGNED_KEY,
    USER_ATTRIBUTES,
    WORKER_KEY,
)
from plantnas.trials.assignments import assignment_of, is_assigned, is_signed
from plantnas.trials.clock import is_of_many, now
from plantnas.trials.owners import began

UNSIGNED = timedelta(seconds=60)
"""A worker signs a trial within milliseconds; after so long without a name, it died before.

Optuna commits a trial before the sampler is asked to sign it. A new trial could have its worker's
name from the first, as an attribute of a template, but one from the queue could not, and neither
could have a heartbeat. With a name and no heartbeat a trial is never stale to Optuna: if its worker
dies then, those on other machines would wait for ever, and not for a minute.
"""

ANY_CLOCK = timedelta(days=1)
"""What began so long ago by its worker's clock did by any other, in whatever time zone."""

RETRIES = 1
"""A planting whose worker dies is tried so often again; then the policy assigns its place anew."""

ENDED = "ended without a word"
SILENT = "gave no sign of life any more"
"""What a trial's reason says of its worker."""

_KEPT_USER_ATTRIBUTES = (KIND_KEY, STEP_KEY, PARENT_KEY)
_KEPT_SYSTEM_ATTRIBUTES = (ASSIGNMENT_KEY, FIXED_PARAMS_KEY, HISTORY_KEY, FIRST_KEY)


# Trials that are failed


def fail_trials_of_dead_workers(study: optuna.Study) -> list[int]:
    """Fails the running trials whose worker was a process of this machine that has ended.

    Workers elsewhere are known by their heartbeat alone. What the trials were to do is done again.

    Returns:
        The numbers of the failed trials.
    """
    _note_unsigned(study)
    return [trial.number for trial in trials_of_dead_workers(study) if fail(study, trial, ENDED)]


def trials_of_dead_workers(study: optuna.Study) -> list[FrozenTrial]:
    """The running trials whose worker was a process of this machine that has ended."""
    running = _running(study)
    unsigned = [trial for trial in running if not is_signed(trial)]
    dead = [trial for trial in running if is_signed(trial) and _has_ended(trial)]
    if unsigned:
        moment, longest = now(study), ANY_CLOCK if is_of_many(study) else UNSIGNED
        dead += [trial for trial in unsigned if _is_overdue(trial, moment, longest)]
    return sorted(dead, key=lambda trial: trial.number)


def fail_trials_without_heartbeats(study: optuna.Study) -> list[int]:
    """Fails the running trials whose worker has given no sign of life for too long, anywhere.

    As `optuna.storages.fail_stale_trials` does, but with a reason.

    Returns:
        The numbers of the failed trials.
    """
    stale = stale_trial_ids(study)
    silent = [trial for trial in _running(study) if trial_id_of(trial) in stale] if stale else []
    return [trial.number for trial in silent if fail(study, trial, SILENT)]


def fail(study: optuna.Study, trial: FrozenTrial, what: str) -> bool:
    """Fail a running trial and retry it if it was signed, unless it has ended.

    Args:
        study: Optuna's.
        trial: As it was found to be running.
        what: Its worker did, as in `ENDED`.

    Returns:
        Whether this call has failed it.
    """
    storage, trial_id = storage_of(study), trial_id_of(trial)
    if not fail_if_running(storage, trial_id, reason_of(trial, what)):
        return False
    if is_signed(trial):  # or else the policy has given its place away already
        retry(study, storage.get_trial(trial_id))
    return True


def reason_of(trial: FrozenTrial, what: str) -> str:
    """Why a trial is failed, with host and process of its worker."""
    worker: str = trial.user_attrs.get(WORKER_KEY, "")
    shown = ":".join(worker.split(":")[:2])
    return f"its worker {shown} {what}" if worker else f"a worker that did not sign it {what}"


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


def _fail(backend: RDBStorage, trial_id: int, reason: str) -> bool:
    of_trial, now = TRIALS.c.trial_id == trial_id, datetime.now(UTC).replace(tzinfo=None)
    # The condition is part of the write: who tells of the trial meanwhile is first, or late.
    running = update(TRIALS).where(of_trial, TRIALS.c.state == TrialState.RUNNING.name)
    rows = USER_ATTRIBUTES.c
    known = select(rows.key).where(rows.trial_id == trial_id, rows.key == REASON_KEY)
    row = {"trial_id": trial_id, "key": REASON_KEY, "value_json": json.dumps(reason)}
    with backend.engine.begin() as connection:
        failed = running.values(state=TrialState.FAIL.name, datetime_complete=now)
        if connection.execute(failed).rowcount == 0:
            return False
        if connection.scalar(known) is None:
            connection.execute(insert(USER_ATTRIBUTES).values(row))
    return True


def _fail_in_two_steps(storage: BaseStorage, trial_id: int, reason: str) -> bool:
    """Fails a trial in a storage of one process, or a journal: nobody looks between the steps."""
    with suppress(UpdateFinishedTrialError):
        trial = storage.get_trial(trial_id)
        if trial.state != TrialState.RUNNING:
            return False
        if REASON_KEY not in trial.user_attrs:
            storage.set_trial_user_attr(trial_id, REASON_KEY, reason)
        return storage.set_trial_state_values(trial_id, TrialState.FAIL)
    return False


# Trials that are done again


def retry(study: optuna.Study, trial: FrozenTrial) -> None:
    """Puts the planting of a trial whose worker died back into the queue, if it was tried once.

    Unlike Optuna's own callback it leaves out what the dead worker wrote: with its name, the next
    worker's trial would be taken for the dead one's.
    """
    history = [*trial.system_attrs.get(HISTORY_KEY, ()), trial.number]
    if len(history) <= RETRIES:
        put_back(study, trial, {HISTORY_KEY: history, FIRST_KEY: history[0]})


def put_back(
    study: optuna.Study, trial: FrozenTrial, notes: Mapping[str, Any] | None = None
) -> None:
    """Queues a failed proposal again: its assignment and the parameters that it has got so far.

    A trial that repeats another one's planting the policy assigns again by itself. To queue it too
    would train the planting twice, if another worker asks before it stands in the queue.
    """
    assignment = assignment_of(trial) if is_assigned(trial) else None
    if assignment is None or not assignment.proposes:
        return
    system = {key: trial.system_attrs.get(key) for key in _KEPT_SYSTEM_ATTRIBUTES}
    user = {key: trial.user_attrs.get(key) for key in _KEPT_USER_ATTRIBUTES}
    study.add_trial(
        optuna.create_trial(
            state=TrialState.WAITING,
            params=trial.params,
            distributions=trial.distributions,
            user_attrs=_present(user),
            system_attrs=_present(system) | dict(notes or {}),
        )
    )


def _present(attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in attributes.items() if value is not None}


# Workers that have ended, or say nothing


def _running(study: optuna.Study) -> list[FrozenTrial]:
    return study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))


def _note_unsigned(study: optuna.Study) -> None:
    """Notes by the database's clock since when trials are known to run without being signed."""
    new = [each for each in _running(study) if not is_signed(each) and not _noted(each)]
    if not new or not is_of_many(study):
        return
    moment = now(study).timestamp()
    for trial in new:
        with suppress(UpdateFinishedTrialError):
            storage_of(study).set_trial_system_attr(trial_id_of(trial), UNSIGNED_KEY, moment)


def _noted(trial: FrozenTrial) -> float:
    """Since when a trial is known to run without being signed; 0 if nobody has looked."""
    noted = trial.system_attrs.get(UNSIGNED_KEY)
    return noted if isinstance(noted, float) else 0.0


def _is_overdue(trial: FrozenTrial, moment: datetime, longest: timedelta) -> bool:
    """Whether a live worker would have signed a trial long since.

    Args:
        trial: A running one that nobody has signed.
        moment: It is now.
        longest: What began so long ago by its worker's clock is overdue.
    """
    noted, begun = _noted(trial), trial.datetime_start
    if noted and moment.timestamp() - noted > UNSIGNED.total_seconds():
        return True
    return begun is not None and moment - begun.astimezone() > longest


def _has_ended(trial: FrozenTrial) -> bool:
    """Whether the worker that signed a trial was a process of this machine that has ended."""
    worker: str = trial.user_attrs[WORKER_KEY]
    host, _, process = worker.partition(":")
    if host != platform.node():
        return False
    number, _, started = process.partition(":")
    return began(int(number)) != started


class Heartbeats:
    """Since when the heartbeat of each running trial is the same, by this process's own clock.

    Optuna compares a heartbeat with the database's clock. If that is set back, the last heartbeat
    of a worker that died lies in the future, and its trial would be believed to run until then.
    """

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
            if known is None or known[0] != heartbeat:
                known = heartbeat, now
            self._seen[trial_id] = known
        return {trial_id: since for trial_id, (_, since) in self._seen.items()}


def silent_for(backend: RDBStorage, study_id: int, seconds: float) -> set[int]:
    """The running trials without a heartbeat for so long by the database's clock, by Optuna's id.

    For those who look once. Those who look again and again are told by `Heartbeats` too.
    """
    with backend.engine.begin() as connection:
        now = connection.scalar(select(func.now()))
    if now is None:
        return set()
    naive = now.replace(tzinfo=None)  # as PostgreSQL keeps the heartbeats
    current = heartbeats_of(backend, study_id)
    return {key for key, beat in current.items() if (naive - beat).total_seconds() > seconds}


def heartbeats_of(backend: RDBStorage, study_id: int) -> dict[int, datetime]:
    """The last heartbeats of a study's running trials, by Optuna's id of the trial."""
    query = select(HEARTBEATS).join(TRIALS, TRIALS.c.trial_id == HEARTBEATS.c.trial_id)
    running = (TRIALS.c.study_id == study_id) & (TRIALS.c.state == TrialState.RUNNING.name)
    with backend.engine.begin() as connection:
        rows = connection.execute(query.where(running)).all()
    return {row.trial_id: row.heartbeat for row in rows}
