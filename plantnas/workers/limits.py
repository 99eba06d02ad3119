"""When a worker ends before its study is complete, and what is told of each trial that has ended.

The loop of trials that asks is in worker.py.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import optuna
from optuna.trial import FrozenTrial

from plantnas.errors import ArgumentError, ConfigurationError
from plantnas.named import raised
from plantnas.records.optuna_private import was_stopped

Callback = Callable[[optuna.Study, FrozenTrial], object]
"""Is called with the study and each trial that has ended, as those of `study.optimize` are."""


@dataclass(frozen=True)
class Limits:
    """What ends a worker's trials early.

    Attributes:
        deadline: Of `time.monotonic`; no trial begins after it. None: there is none.
        callbacks: Are called after each trial; one may end it all by `study.stop()`.
    """

    deadline: float | None = None
    callbacks: Sequence[Callback] = ()

    def are_reached(self, study: optuna.Study) -> bool:
        """Whether no further trial is to begin."""
        return self.is_over() or was_stopped(study)

    def is_over(self) -> bool:
        """Whether the time is over."""
        return self.deadline is not None and time.monotonic() >= self.deadline

    def tell(self, study: optuna.Study, trial: FrozenTrial) -> None:
        """Calls the callbacks with a trial that has ended.

        Raises:
            ConfigurationError: In place of what one raises, with its line.
        """
        for callback in self.callbacks:
            try:
                callback(study, trial)
            except Exception as error:  # whatever the user's code does
                name = getattr(callback, "__name__", type(callback).__name__)
                raise ConfigurationError(
                    f"callbacks: {name}: {raised(error)}, of trial {trial.number}, which is kept."
                ) from error


NO_LIMITS = Limits()


class EndedTrials:
    """The trials that other processes have ended, each told once, in the order of their numbers."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._told = set[int]()

    def pass_over(self, study: optuna.Study) -> None:
        """Those that have ended by now are not told."""
        self._told = {trial.number for trial in self._ended(study)}

    def tell(self, study: optuna.Study) -> None:
        """Tells of those that have ended since the last time."""
        if not self._limits.callbacks:
            return
        for trial in self._ended(study):
            if trial.number not in self._told:
                self._told.add(trial.number)
                self._limits.tell(study, trial)

    def _ended(self, study: optuna.Study) -> list[FrozenTrial]:
        return [each for each in study.get_trials(deepcopy=False) if each.state.is_finished()]


def deadline_in(timeout: float | None) -> float | None:
    """The deadline so many seconds from now; None without a limit.

    Raises:
        ArgumentError: It is not a number.
    """
    if timeout is not None and math.isnan(timeout):
        raise ArgumentError("timeout: is nan, where a number of seconds is needed.")
    return None if timeout is None else time.monotonic() + timeout
