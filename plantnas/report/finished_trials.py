"""The search's trials that are over, with their networks, in the order in which they ended.

What all of a study took is summed in costs.py; how trials are shown is in plotting/.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from optuna.trial import FrozenTrial, TrialState

from plantnas.errors import StudyError
from plantnas.records.optuna_tables import (
    KIND_KEY,
    STATES,
    STEP_KEY,
    WITHOUT_NETWORK,
    Outcome,
)
from plantnas.records.record import NetworkRecord
from plantnas.report.entries import seconds_of
from plantnas.report.front import PLANTING
from plantnas.report.study_data import StudyData

BELIEVED = {TrialState.FAIL: 2, TrialState.RUNNING: 10}
"""So many times as long as the longest complete trial of its step, one may be believed to have run.

The end of a killed worker's trial is when that was noticed: at the next run, maybe days later.
"""


class FinishedTrial(NamedTuple):
    """A trial that is over.

    Attributes:
        number: Optuna's.
        outcome: "complete" if it left a network or was a probe, else "failed" or "refused".
        network: The planted network, if it left one.
        seconds: The phases of its network; without one, from its start to its end, as far as that
            is believed.
        end: When, in UTC.
    """

    number: int
    outcome: Outcome
    network: NetworkRecord | None
    seconds: float
    end: datetime


def finished_trials(recorded: StudyData) -> list[FinishedTrial]:
    """Those that left a network, the others that have ended, the first to end first.

    A network counts as soon as it is recorded, unless its trial fails before Optuna was told:
    `StudyRecords.networks` leaves that out. Where Optuna does not know the study any more, the
    trials without a network are missing.
    """
    trials, found = recorded.trials, list[FinishedTrial]()
    planted = [record for record in recorded.networks if record.method == PLANTING]
    ends = {trial.number: trial.datetime_complete for trial in trials}
    for record in planted:
        number, seconds = record.trial_number or 0, seconds_of([record])
        end = utc(ends.get(number) or record.created)
        found.append(FinishedTrial(number, "complete", record, seconds, end))
    left_a_network = {record.trial_number for record in planted}
    believed = believed_durations(trials, utc(None))
    for trial in trials:
        is_over = trial.state.name in WITHOUT_NETWORK or is_complete_probe(trial)
        if is_over and trial.number not in left_a_network:
            outcome, end = STATES[trial.state.name].shown, utc(trial.datetime_complete)
            seconds = believed.get(trial.number, timedelta()).total_seconds()
            found.append(FinishedTrial(trial.number, outcome, None, seconds, end))
    return sorted(found, key=lambda trial: (trial.end, trial.number))


def wasted_seconds(recorded: StudyData) -> float:
    """Seconds of the search's probes, failed and refused trials, unless their network is recorded.

    Raises:
        StudyError: Optuna does not know the study, or nothing of it.
    """
    if not recorded.trials:
        raise StudyError(
            f"study {recorded.name!r}: Optuna has no trials of it, so that the cost of its search "
            "is not known."
        )
    return seconds_in_vain(finished_trials(recorded))


def seconds_in_vain(finished: Iterable[FinishedTrial]) -> float:
    """Seconds of those that left no network."""
    return sum(trial.seconds for trial in finished if trial.network is None)


def is_complete_probe(trial: FrozenTrial) -> bool:
    """Whether the trial ranked a planting without training, so that it is complete without one."""
    is_probe = trial.user_attrs.get(KIND_KEY) == "probe"
    return is_probe and trial.state == TrialState.COMPLETE


def believed_durations(trials: Sequence[FrozenTrial], now: datetime) -> dict[int, timedelta]:
    """How long each trial that has begun ran, by number; a running one runs until now.

    That of a failed or running trial whose worker may have been dead is cut off; see ``BELIEVED``.
    """
    durations, longest = dict[int, timedelta](), dict[Any, timedelta]()
    begun = [trial for trial in trials if trial.datetime_start]
    for trial in begun:
        end = utc(trial.datetime_complete) if trial.datetime_complete else now
        durations[trial.number] = max(timedelta(), end - utc(trial.datetime_start))
        if trial.state == TrialState.COMPLETE:
            for key in (_work(trial), "any"):
                longest[key] = max(longest.get(key, timedelta()), durations[trial.number])
    for trial in begun:
        if trial.state in BELIEVED:
            usual = longest.get(_work(trial)) or longest.get("any") or timedelta(minutes=1)
            durations[trial.number] = min(durations[trial.number], BELIEVED[trial.state] * usual)
    return durations


def utc(moment: datetime | None) -> datetime:
    """A moment in UTC; one without a time zone is local, as Optuna gives it; None is now."""
    return (moment or datetime.now(UTC)).astimezone(UTC)


def _work(trial: FrozenTrial) -> tuple[Any, Any]:
    return trial.user_attrs.get(KIND_KEY), trial.user_attrs.get(STEP_KEY)
