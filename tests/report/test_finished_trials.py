"""Every trial that is over is found once, and no dead worker's trial is believed for days."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from optuna.trial import FrozenTrial, TrialState

from plantnas.errors import StudyError
from plantnas.records.study import StudyRecords
from plantnas.report.finished_trials import (
    believed_durations,
    finished_trials,
    utc,
    wasted_seconds,
)
from plantnas.report.study_data import StudyData, study_data
from tests.conftest import StudyFolder
from tests.report.conftest import NOW, MakeBaseline, MakeStudy, trial


@pytest.fixture
def data(records: StudyRecords) -> StudyData:
    return study_data(records)


def of_step(step: int, each: FrozenTrial) -> FrozenTrial:
    each.user_attrs = {"kind": "screen", "step": step}
    return each


def durations(*trials: FrozenTrial) -> list[float]:
    now = NOW + timedelta(days=2)
    return [each.total_seconds() for each in believed_durations(trials, now).values()]


def test_trials_with_a_network_take_the_seconds_of_its_phases(data: StudyData) -> None:
    trials = [trial(number, TrialState.COMPLETE, 9.0) for number in range(4)]
    found = finished_trials(data._replace(trials=trials))
    assert [(each.number, each.outcome, each.seconds) for each in found] == [
        (number, "complete", 2.5) for number in range(4)
    ]


def test_they_are_in_the_order_of_their_ends(data: StudyData) -> None:
    trials = [trial(number, TrialState.COMPLETE, 9.0 - number) for number in range(4)]
    found = finished_trials(data._replace(trials=trials))
    assert [each.number for each in found] == [3, 2, 1, 0]


def test_trials_without_a_network_failed_or_were_refused(data: StudyData) -> None:
    trials = [
        trial(4, TrialState.FAIL, 30.0),
        trial(5, TrialState.PRUNED, 20.0),
        trial(6, TrialState.RUNNING, 10.0),
    ]
    found = finished_trials(data._replace(trials=trials))
    nothing = [(each.number, each.outcome, each.seconds) for each in found if not each.network]
    assert nothing == [(5, "refused", 20.0), (4, "failed", 30.0)]


def test_a_probe_is_complete_without_a_network_and_its_seconds_count(data: StudyData) -> None:
    probe = trial(4, TrialState.COMPLETE, 0.5)
    probe.user_attrs = {"kind": "probe", "step": 1}
    probed = data._replace(trials=[probe])
    (found,) = [each for each in finished_trials(probed) if not each.network]
    assert (found.number, found.outcome, found.seconds) == (4, "complete", 0.5)
    assert wasted_seconds(probed) == 0.5


def test_a_failed_trial_whose_network_was_recorded_counts_once(data: StudyData) -> None:
    found = finished_trials(data._replace(trials=[trial(0, TrialState.FAIL, 500.0)]))
    assert [(each.outcome, each.seconds) for each in found if each.number == 0] == [
        ("complete", 2.5)
    ]


def test_without_optunas_trials_the_networks_still_count(data: StudyData) -> None:
    assert [each.network for each in finished_trials(data)] == data.networks[2:]


def test_in_a_real_study_nothing_is_lost(finished: StudyFolder) -> None:
    data = study_data(finished.records)
    found = finished_trials(data)
    assert sorted(each.number for each in found) == [each.number for each in data.trials]
    durations = {each.number: each.duration for each in data.trials if each.duration}
    expected = sum(durations[each.number].total_seconds() for each in found if not each.network)
    assert wasted_seconds(data) == pytest.approx(expected)


def test_failed_and_refused_trials_without_a_network_are_wasted(
    compared_study: MakeStudy, baseline: MakeBaseline, wasted: Sequence[FrozenTrial]
) -> None:
    records = compared_study("made-up", [baseline("l1-kd", 6)], wasted=wasted)
    # The network of a failed trial is no result; of its 500 seconds, two minutes are believed.
    assert wasted_seconds(study_data(records)) == 30.0 + 20.0 + 120.0


def test_what_was_wasted_is_not_known_without_optunas_trials(data: StudyData) -> None:
    with pytest.raises(StudyError, match=r"study 'made-up': Optuna has no trials of it"):
        wasted_seconds(data)


def test_a_failed_trial_is_believed_for_twice_the_longest_of_its_step() -> None:
    trials = [
        of_step(1, trial(0, TrialState.COMPLETE, 10.0)),
        of_step(2, trial(1, TrialState.COMPLETE, 50.0)),
        of_step(1, trial(2, TrialState.FAIL, 60_000.0)),
        of_step(1, trial(3, TrialState.FAIL, 15.0)),
    ]
    assert durations(*trials) == [10.0, 50.0, 20.0, 15.0]


def test_the_first_trial_of_a_step_is_held_against_those_of_all_steps() -> None:
    trials = [
        of_step(1, trial(0, TrialState.COMPLETE, 10.0)),
        of_step(2, trial(1, TrialState.FAIL, 60_000.0)),
    ]
    assert durations(*trials) == [10.0, 20.0]
    assert durations(trials[1]) == [120.0]


def test_a_running_trial_is_believed_for_ten_times_the_longest() -> None:
    complete, running = trial(0, TrialState.COMPLETE, 10.0), trial(1, TrialState.RUNNING, 0.0)
    running.datetime_complete = None
    assert durations(complete, running) == [10.0, 100.0]
    soon = believed_durations([complete, running], NOW + timedelta(seconds=30))
    assert soon[1] == timedelta(seconds=30)


def test_a_moment_without_a_time_zone_is_local() -> None:
    assert utc(NOW.astimezone().replace(tzinfo=None)) == NOW
    assert utc(NOW) == NOW
    assert abs(utc(None) - datetime.now(UTC)) < timedelta(minutes=1)
