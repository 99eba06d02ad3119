"""A worker: joins a study from any machine, and runs its trials until there is none left to run.

What a trial does is in searching/objective.py; how workers are started is in the launchers.
"""

import logging
import shutil
import time
from pathlib import Path
from typing import Literal, NamedTuple

import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial, TrialState

from plantnas.config import Search, StudyConfig
from plantnas.config_files import with_overrides
from plantnas.errors import PlantnasError, Say, StudyError, first_line
from plantnas.listening import CallbackFailed
from plantnas.named import fault_of_the_users
from plantnas.place import Place, is_url
from plantnas.records.database import Database
from plantnas.records.optuna_private import (
    ask_on,
    heartbeats,
    in_optimize_loop,
    log_completed,
)
from plantnas.records.optuna_studies import check_study
from plantnas.records.optuna_tables import REASON_KEY
from plantnas.records.ownership import TrialTaken
from plantnas.records.patience import is_away
from plantnas.records.study import StudyRecords
from plantnas.searching.devices import chosen_devices
from plantnas.searching.interruption import (
    Interrupted,
    end_if_asked,
    ends_politely,
    give_up_if_asked,
    remembers_interrupts,
    wait,
)
from plantnas.searching.objective import PlantingObjective
from plantnas.searching.prepared import NOTHING, features_folder
from plantnas.searching.recording import versions
from plantnas.trials.lost import (
    fail_trials_of_dead_workers,
    fail_trials_without_heartbeats,
    put_back,
)
from plantnas.trials.storage import HEARTBEAT_SECONDS, storage_errors, study_folder
from plantnas.trials.study import is_complete, open_study, outlook, why_diverged
from plantnas.workers.limits import NO_LIMITS, Limits

FAILURES_IN_A_ROW = 3
"""A worker that fails so often in the same way has a fault of its own and ends."""

FIRST_PAUSE_SECONDS = 0.25
LONGEST_PAUSE_SECONDS = 1.0
"""A worker without work looks so often whether there is some again, or the study is complete."""

_log = logging.getLogger("plantnas")


def run_worker(
    place: Place,
    artifacts: str | None = None,
    devices: str = "cpu",
    data_root: str | None = None,
    say: Say = lambda message: None,
    limits: Limits = NO_LIMITS,
) -> optuna.Study:
    """Runs trials of a study that exists until it is complete, beside any number of other workers.

    If teacher and seed are not trained yet, this worker trains them, or waits for one that does.

    Args:
        place: Where the study is; its directory is a folder of this machine, for the teacher's
            logits and features of networks.
        artifacts: Where this machine finds the artifacts, if elsewhere than recorded: a folder, or
            a URL such as s3://bucket/prefix.
        devices: Where networks are trained, as `chosen_devices` has it: on the first of them.
        data_root: Folder of the data here, if it is another one than recorded.
        say: Is told what is prepared, and what differs from where the study was made.
        limits: When it begins no further trial.

    Raises:
        StudyError: There is no such study, or it is of another plantnas or a machine with folders
            that this one does not see.
        ConfigurationError: The study has settings that this plantnas does not know.
        DataError: The data here is not the study's.
        StorageError: The database or the artifacts cannot be used.
        PlantnasError: What the worker could not do, three times in a row.
        SystemExit: The process was asked to end by SIGTERM: exit code 143.
    """
    device, *_ = chosen_devices(devices)
    with storage_errors(place.url):
        config = _checked_config(place, artifacts, data_root, say)
        with study_folder(place.directory):
            study = open_study(config, place.url)
        objective = PlantingObjective(config, place.directory, device, artifacts)
        if optimize_until_complete(study, objective, say, limits):
            remove_features(place.directory)
            if (why := why_diverged(study)) is not None:
                say(why)
    return study


def optimize_until_complete(
    study: optuna.Study,
    objective: PlantingObjective,
    say: Say = lambda message: None,
    limits: Limits = NO_LIMITS,
) -> bool:
    """Runs trials until the study is complete, whoever runs the last of them, or its time is over.

    `study.optimize` of Optuna 5 ends with an AssertionError when it tells of a trial that another
    worker has failed meanwhile, and with the first failure of an objective. This loop goes on.

    A trial whose objective raises is failed, with the first line of why as its user attribute
    `reason`. On SIGTERM the trial ends with its epoch and is put back into the queue.

    Args:
        study: Optuna's.
        objective: What each trial does.
        say: Is told what is prepared before the first of them.
        limits: When no further trial is begun, and what is told of each that has ended.

    Returns:
        Whether the study is complete. It may look otherwise afterwards, for as long as another
        worker takes to find that nothing is left for a trial that it had begun too many.

    Raises:
        PlantnasError: What this worker could not do, three times in a row.
        SystemExit: The process was asked to end by SIGTERM: exit code 143.
    """
    objective.prepared(study, say)  # before there is a trial, which would wait for its parent
    failures = list[BaseException]()
    watch = _DeathWatch(study)
    with ends_politely(), remembers_interrupts(), in_optimize_loop(study):
        while (left := _wait_for_work(study, objective.config.search, watch, limits)) == "work":
            failure = _run_trial(study, objective, limits)
            end_if_asked()
            if failure is None:
                failures.clear()
                continue
            failures = [each for each in failures if type(each) is type(failure)] + [failure]
            if isinstance(failure, KeyboardInterrupt | CallbackFailed):
                raise failure
            if len(failures) == FAILURES_IN_A_ROW:
                if isinstance(failure, PlantnasError):
                    raise failure
                what = f"{FAILURES_IN_A_ROW} trials in a row failed: {_reason(failure)}"
                raise StudyError(what) from failure
    if left == "nothing":
        # A trial asks for the seed, if one plants something.
        objective.prepared(study).seed_before(NOTHING)
    return left == "nothing"


def remove_features(directory: Path) -> None:
    """Remove the features of a study that is complete: no trial needs them any more.

    A worker elsewhere on this machine that has them mapped does not notice.
    """
    shutil.rmtree(features_folder(directory), ignore_errors=True)


def _checked_config(
    place: Place, artifacts: str | None, data_root: str | None, say: Say
) -> StudyConfig:
    """What a study was made with, if this machine can take part in it.

    Raises:
        StudyError: It is not there, or was made with another major version of plantnas, or its
            artifacts are in a folder that this machine lacks.
    """
    check_study(place.name, place.url)
    records = StudyRecords(Database.to_read(place.url, place.name, artifacts), place.name)
    recorded = records.record.versions
    for library, here in versions().items():
        there = recorded.get(library, "an unknown version")
        if there == here:
            continue
        difference = f"study {place.name!r} was made with {library} {there}, here is {here}"
        if library == "plantnas" and _major(there) != _major(here):
            raise StudyError(f"{difference}: install plantnas {_major(there)}.")
        say(f"{difference}.")
    where = records.artifacts_place
    if not is_url(where) and not Path(where).is_dir():
        raise StudyError(
            f"study {place.name!r}: its artifacts are in {where}, which this machine does not "
            "have: say where they are by --artifacts."
        )
    config = with_overrides(records.config, {"data.root": data_root})
    records.database.close()
    return config


def _major(version: str) -> str:
    return version.partition(".")[0]


class _DeathWatch:
    """Fails the trials of workers that died, so often as workers say that they live."""

    def __init__(self, study: optuna.Study) -> None:
        self._study = study
        self._next = 0.0

    def look(self) -> None:
        """Fail them, unless that was done a moment ago: to look costs a few queries."""
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + HEARTBEAT_SECONDS
        fail_trials_of_dead_workers(self._study)
        fail_trials_without_heartbeats(self._study)


class _Outcome(NamedTuple):
    """How a trial ended: with values, or in a state, which may have a cause."""

    values: tuple[float, float] | None = None
    state: TrialState | None = None
    cause: BaseException | None = None


def _wait_for_work(
    study: optuna.Study, search: Search, watch: _DeathWatch, limits: Limits
) -> Literal["work", "nothing", "no time"]:
    """What is left: work for another trial, after a wait if those that run may leave some."""
    pause = FIRST_PAUSE_SECONDS
    while True:
        if limits.are_reached(study):
            return "nothing" if is_complete(study, search) else "no time"
        watch.look()
        ahead = outlook(study, search)
        if ahead != "wait":
            return "work" if ahead == "start" else "nothing"
        wait(pause)
        pause = min(2 * pause, LONGEST_PAUSE_SECONDS)


def _run_trial(
    study: optuna.Study, objective: PlantingObjective, limits: Limits
) -> BaseException | None:
    """Runs one trial; returns why it failed, if it did."""
    try:
        trial = ask_on(study)
        with heartbeats(study, trial):
            outcome = _outcome(objective, trial)
            told = _tell(study, trial, outcome)
        limits.tell(study, told)
    except (TrialTaken, UpdateFinishedTrialError) as error:
        _log.warning("%s This worker goes on with the next trial.", error)
        return None
    return outcome.cause


def _outcome(objective: PlantingObjective, trial: optuna.Trial) -> _Outcome:
    """Runs the objective. A trial that is not this worker's any more is nothing to tell of."""
    try:
        give_up_if_asked()
        return _Outcome(objective(trial))
    except optuna.TrialPruned:
        return _Outcome(state=TrialState.PRUNED)
    except (TrialTaken, UpdateFinishedTrialError):
        raise
    except (Exception, KeyboardInterrupt) as error:
        if is_away(error):
            raise  # nobody could be told
        return _Outcome(state=TrialState.FAIL, cause=error)


def _tell(study: optuna.Study, trial: optuna.Trial, outcome: _Outcome) -> FrozenTrial:
    """Ends the trial in the study, and returns it as it ended."""
    interrupted = isinstance(outcome.cause, Interrupted | KeyboardInterrupt)
    if outcome.cause is not None:
        why = "interrupted" if interrupted else _reason(outcome.cause)
        # Of what is not known, the line alone would not tell where to look.
        is_known = isinstance(outcome.cause, PlantnasError | KeyboardInterrupt)
        trace = None if is_known else outcome.cause
        _log.warning("Trial %s failed: %s", trial.number, why, exc_info=trace)
        trial.set_user_attr(REASON_KEY, why)
    told = study.tell(trial, outcome.values, outcome.state, skip_if_finished=True)
    if told.state == TrialState.COMPLETE:
        log_completed(study, told)
    if interrupted:
        put_back(study, told)
    return told


def _reason(failure: BaseException) -> str:
    if isinstance(failure, PlantnasError):
        return first_line(failure)
    if (fault := fault_of_the_users(failure)) is not None:
        return f"code of yours {fault}"
    return f"{type(failure).__name__}: {first_line(failure)}"
