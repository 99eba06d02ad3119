"""Who runs a trial, and what becomes of the trials of workers that died.

Their heartbeats are in storage.py, the loop that runs trials in workers/loop.py, and how a trial is
failed with its reason at once in failing.py.
"""

import os
import platform
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from plantnas.records.optuna_private import (
    record_heartbeat,
    stale_trial_ids,
    storage_of,
    trial_id_of,
)
from plantnas.records.optuna_tables import (
    ASSIGNMENT_KEY,
    FIRST_KEY,
    FIXED_PARAMS_KEY,
    HISTORY_KEY,
    KIND_KEY,
    PARENT_KEY,
    STEP_KEY,
    WORKER_KEY,
)
from plantnas.records.ownership import Guard, guard_of
from plantnas.trials.assignments import assignment_of, is_assigned
from plantnas.trials.failing import fail_if_running

UNSIGNED_SECONDS = 60
"""A worker signs a trial within milliseconds; after so long without a name, it died before."""

RETRIES = 1
"""A planting whose worker dies is tried so often again; then the policy assigns its place anew."""

ENDED = "ended without a word"
SILENT = "gave no sign of life any more"
"""What a trial's reason says of its worker."""

_KEPT_USER_ATTRIBUTES = (KIND_KEY, STEP_KEY, PARENT_KEY)
_KEPT_SYSTEM_ATTRIBUTES = (ASSIGNMENT_KEY, FIXED_PARAMS_KEY, HISTORY_KEY, FIRST_KEY)


def this_worker() -> str:
    """This process, as trials name their worker: host:process:start of the process."""
    return f"{platform.node()}:{os.getpid()}:{began(os.getpid())}"


def began(process: int) -> str:
    """When a process of this machine began, in clock ticks; empty if it has ended.

    So a number that was given anew is no old worker's. On systems without /proc it is "alive".
    """
    try:
        with open(f"/proc/{process}/stat") as file:
            fields = file.read().rpartition(")")[2].split()
    except OSError:
        return "" if os.path.isdir("/proc/self") or not _exists(process) else "alive"
    # A zombie has ended; only its parent has not asked for its exit code yet.
    return "" if fields[0] == "Z" else fields[19]


def _exists(process: int) -> bool:
    try:
        os.kill(process, 0)
    except PermissionError:
        return True  # another user's
    except OSError:
        return False
    return True


def sign(study: optuna.Study, trial: FrozenTrial) -> None:
    """Write this process's name on a trial that begins: if it dies, the trial can be failed."""
    worker = this_worker()
    record_heartbeat(study, trial)  # whoever has signed is found if it dies
    storage_of(study).set_trial_user_attr(trial_id_of(trial), WORKER_KEY, worker)
    trial.user_attrs = {**trial.user_attrs, WORKER_KEY: worker}


def owned(trial: optuna.Trial) -> Guard:
    """Lets rows of the trial be written while it runs and is signed by this worker."""
    return guard_of(trial_id_of(trial), trial.number, this_worker())


def fail_trials_of_dead_workers(study: optuna.Study) -> list[int]:
    """Fails the running trials whose worker was a process of this machine that has ended.

    Workers elsewhere are known by their heartbeat alone. What the trials were to do is done again.

    Returns:
        The numbers of the failed trials.
    """
    return [trial.number for trial in trials_of_dead_workers(study) if fail(study, trial, ENDED)]


def trials_of_dead_workers(study: optuna.Study) -> list[FrozenTrial]:
    """The running trials whose worker was a process of this machine that has ended."""
    return [trial for trial in _running(study) if _is_dead(trial)]


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
    """Fail a running trial and retry it, unless it has ended or somebody else was first.

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
    retry(study, storage.get_trial(trial_id))
    return True


def reason_of(trial: FrozenTrial, what: str) -> str:
    """Why a trial is failed, with host and process of its worker."""
    worker: str = trial.user_attrs.get(WORKER_KEY, "")
    shown = ":".join(worker.split(":")[:2])
    return f"its worker {shown} {what}" if worker else f"a worker that did not sign it {what}"


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
    """Queues a failed screen again: its assignment and the parameters that it has got so far.

    What else a trial may be, the policy assigns again by itself, a grow with the same planting. To
    queue it too would grow it twice, if another worker asks before it stands in the queue.
    """
    assignment = assignment_of(trial) if is_assigned(trial) else None
    if assignment is None or assignment.kind == "grow":
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


def _running(study: optuna.Study) -> list[FrozenTrial]:
    return study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))


def _is_dead(trial: FrozenTrial) -> bool:
    worker: str = trial.user_attrs.get(WORKER_KEY, "")
    if not worker and trial.datetime_start is not None:
        return datetime.now() - trial.datetime_start > timedelta(seconds=UNSIGNED_SECONDS)
    host, _, process = worker.partition(":")
    if host != platform.node():
        return False
    number, _, started = process.partition(":")
    return began(int(number)) != started
