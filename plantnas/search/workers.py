"""Who runs a trial, and what becomes of the trials of workers that died."""

import os
import platform
from datetime import datetime, timedelta

import optuna
from optuna.trial import FrozenTrial, TrialState

WORKER_KEY = "worker"
"""The trial's user attribute that names its worker."""

UNSIGNED_SECONDS = 60
"""A worker signs a trial within milliseconds; after so long without a name, it died before."""


def this_worker() -> str:
    """This process, as trials name their worker: host:process:start of the process."""
    return f"{platform.node()}:{os.getpid()}:{_started(os.getpid())}"


def sign(study: optuna.Study, trial: FrozenTrial) -> None:
    """Write this process's name on a trial that begins: if it dies, the trial can be failed."""
    worker = this_worker()
    study._storage.set_trial_user_attr(trial._trial_id, WORKER_KEY, worker)
    trial.user_attrs = {**trial.user_attrs, WORKER_KEY: worker}


def fail_trials_of_dead_workers(study: optuna.Study) -> list[int]:
    """Fails the running trials whose worker was a process of this machine that has ended.

    Workers elsewhere are known by their heartbeat alone. The policy assigns the work again.

    Returns:
        The numbers of the failed trials.
    """
    running = study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
    dead = [trial.number for trial in running if _is_dead(trial)]
    for number in dead:
        study.tell(number, state=TrialState.FAIL, skip_if_finished=True)
    return dead


def _is_dead(trial: FrozenTrial) -> bool:
    worker: str = trial.user_attrs.get(WORKER_KEY, "")
    if not worker and trial.datetime_start is not None:
        return datetime.now() - trial.datetime_start > timedelta(seconds=UNSIGNED_SECONDS)
    host, _, process = worker.partition(":")
    if host != platform.node():
        return False
    number, _, started = process.partition(":")
    return _started(int(number)) != started


def _started(process: int) -> str:
    """When a process began, in clock ticks, so that a number given anew is no old worker's."""
    try:
        with open(f"/proc/{process}/stat") as file:
            fields = file.read().rpartition(")")[2].split()
    except OSError:
        return _alive_elsewhere(process)
    # A zombie has ended; only its parent has not asked for its exit code yet.
    return "" if fields[0] == "Z" else fields[19]


def _alive_elsewhere(process: int) -> str:
    """On systems without /proc: whether a process of that number exists."""
    if os.path.isdir("/proc/self"):
        return ""
    try:
        os.kill(process, 0)
    except OSError:
        return ""
    return "alive"
