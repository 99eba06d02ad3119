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
        outcome: "complete" if it left a network, else "failed" or "refused".
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
    """Those that left a network, and those that failed or were refused, the first to end first.

    A network counts as soon as it is recorded, unless its trial fails before Optuna was told:
    `StudyRecords.networks` leaves that out. Where Optuna does not know the study any more, the
    trials without a network are missing.
    """
    planted = [network for network in recorded.networks if network.method == PLANTING]
    left_networks = {network.trial_number for network in planted}
    ends = {trial.number: trial.datetime_complete for trial in recorded.trials}
    believed = believed_durations(recorded.trials, utc(None))
    found = [
        *(_with_network(network, ends.get(network.trial_number or 0)) for network in planted),
        *(
            _without_network(trial, believed.get(trial.number, timedelta()))
            for trial in recorded.trials
            if trial.state in WITHOUT_NETWORK and trial.number not in left_networks
        ),
    ]
    return sorted(found, key=lambda trial: (trial.end, trial.number))


def wasted_seconds(recorded: StudyData) -> float:
    """Of the search's failed and refused trials, but those whose network was recorded all the same.

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
    """Of those that left no network."""
    return sum(trial.seconds for trial in finished if trial.network is None)


def believed_durations(trials: Sequence[FrozenTrial], now: datetime) -> dict[int, timedelta]:
    """How long each trial that has begun ran, by number; a running one runs until now.

    That of a failed or running trial whose worker may have been dead is cut off; see ``BELIEVED``.
    """
    durations, longest = dict[int, timedelta](), dict[Any, timedelta]()
    begun = [trial for trial in trials if trial.datetime_start]
    for trial in begun:
        durations[trial.number] = _duration(trial, now)
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


def _with_network(record: NetworkRecord, end: datetime | None) -> FinishedTrial:
    seconds = seconds_of([record])
    number = record.trial_number or 0
    return FinishedTrial(number, "complete", record, seconds, utc(end or record.created))


def _without_network(trial: FrozenTrial, believed: timedelta) -> FinishedTrial:
    outcome, end = STATES[trial.state].shown, utc(trial.datetime_complete)
    return FinishedTrial(trial.number, outcome, None, believed.total_seconds(), end)


def _work(trial: FrozenTrial) -> tuple[Any, Any]:
    return trial.user_attrs.get(KIND_KEY), trial.user_attrs.get(STEP_KEY)


def _duration(trial: FrozenTrial, now: datetime) -> timedelta:
    end = utc(trial.datetime_complete) if trial.datetime_complete else now
    return max(timedelta(), end - utc(trial.datetime_start))
