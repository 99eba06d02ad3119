"""What a worker does between trials: asks for the next one, tells how it ended, until none is left.

`study.optimize` of Optuna 5 ends with an AssertionError when it tells of a trial that another
worker has failed meanwhile, and with the first failure of an objective. This loop goes on.
What a trial does is in search/objective.py, who starts and watches workers in run.py.
"""

import logging
import time
from typing import NamedTuple

import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import TrialState

from plantnas.config import Search, StudyConfig
from plantnas.errors import PlantnasError, StudyError, first_line
from plantnas.records.optuna_private import heartbeats, in_optimize_loop, log_completed
from plantnas.records.optuna_tables import REASON_KEY
from plantnas.records.ownership import TrialTaken
from plantnas.records.patience import is_away
from plantnas.search.interruption import (
    Interrupted,
    end_if_asked,
    ends_politely,
    give_up_if_asked,
    wait,
)
from plantnas.search.objective import PlantingObjective
from plantnas.trials.owners import (
    fail_trials_of_dead_workers,
    fail_trials_without_heartbeats,
    put_back,
)
from plantnas.trials.storage import HEARTBEAT_SECONDS
from plantnas.trials.study import outlook

FAILURES_IN_A_ROW = 3
"""A worker that fails so often in the same way has a fault of its own and ends."""

FIRST_PAUSE_SECONDS = 0.25
LONGEST_PAUSE_SECONDS = 1.0
"""A worker without work looks so often whether there is some again, or the study is complete."""

_log = logging.getLogger("plantnas")


def optimize_until_complete(
    study: optuna.Study, objective: PlantingObjective, config: StudyConfig
) -> None:
    """Runs trials until the study is complete, whoever runs the last of them.

    A trial whose objective raises is failed, with the first line of why as its user attribute
    `reason`. On SIGTERM the trial ends with its epoch and is put back into the queue.

    Raises:
        PlantnasError: What this worker could not do, three times in a row.
        SystemExit: The process was asked to end by SIGTERM: exit code 143.
    """
    objective.prepared(study)  # before there is a trial, which would wait for its parent
    failures = list[BaseException]()
    watch = _DeathWatch(study)
    with ends_politely(), in_optimize_loop(study):
        while _wait_for_work(study, config.search, watch):
            failure = _run_trial(study, objective)
            end_if_asked()
            failures = _in_a_row(failures, failure)
            if len(failures) == FAILURES_IN_A_ROW or isinstance(failure, KeyboardInterrupt):
                raise _one_line(failures[-1])


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


def _wait_for_work(study: optuna.Study, search: Search, watch: _DeathWatch) -> bool:
    """Whether there is work for another trial, after a wait if those that run may leave some."""
    pause = FIRST_PAUSE_SECONDS
    while True:
        watch.look()
        ahead = outlook(study, search)
        if ahead != "wait":
            return ahead == "start"
        wait(pause)
        pause = min(2 * pause, LONGEST_PAUSE_SECONDS)


def _run_trial(study: optuna.Study, objective: PlantingObjective) -> BaseException | None:
    """Runs one trial; returns why it failed, if it did."""
    try:
        trial = study.ask()
        with heartbeats(study, trial):
            outcome = _outcome(objective, trial)
            _tell(study, trial, outcome)
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


def _tell(study: optuna.Study, trial: optuna.Trial, outcome: _Outcome) -> None:
    interrupted = isinstance(outcome.cause, Interrupted | KeyboardInterrupt)
    if outcome.cause is not None:
        why = "interrupted" if interrupted else _reason(outcome.cause)
        _log.warning("Trial %s failed: %s", trial.number, why, exc_info=_unknown(outcome.cause))
        trial.set_user_attr(REASON_KEY, why)
    told = study.tell(trial, outcome.values, outcome.state, skip_if_finished=True)
    if told.state == TrialState.COMPLETE:
        log_completed(study, told)
    if interrupted:
        put_back(study, told)


def _in_a_row(failures: list[BaseException], failure: BaseException | None) -> list[BaseException]:
    """The last failures of one kind without a success between them, with a new outcome."""
    if failure is None:
        return []
    return [each for each in failures if type(each) is type(failure)] + [failure]


def _one_line(failure: BaseException) -> BaseException:
    """What ends a worker: its own kind of error, or a KeyboardInterrupt."""
    if isinstance(failure, PlantnasError | KeyboardInterrupt):
        return failure
    error = StudyError(f"{FAILURES_IN_A_ROW} trials in a row failed: {_reason(failure)}")
    error.__cause__ = failure
    return error


def _reason(failure: BaseException) -> str:
    known = "" if isinstance(failure, PlantnasError) else f"{type(failure).__name__}: "
    return f"{known}{first_line(failure)}"


def _unknown(failure: BaseException) -> BaseException | None:
    """The failure, if its line alone would not tell where to look."""
    return None if isinstance(failure, PlantnasError | KeyboardInterrupt) else failure
