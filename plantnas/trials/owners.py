"""Who runs a trial: how a worker is named, signs its trials, and is known to live.

What becomes of the trials of workers that died is in lost.py.
"""

import os
import platform

import optuna
from optuna.trial import FrozenTrial

from plantnas.records.optuna_private import record_heartbeat, storage_of, trial_id_of
from plantnas.records.optuna_tables import WORKER_KEY
from plantnas.records.ownership import Guard, guard_of


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
