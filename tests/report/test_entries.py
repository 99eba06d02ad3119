"""Which networks are compared, at which learning rate, and what is known of each."""

from __future__ import annotations

from dataclasses import replace
from math import nan
from typing import TYPE_CHECKING

import pytest

from plantnas.records.study import StudyRecords
from plantnas.report.entries import Entry, chosen_rates, compared_entries, compared_networks
from tests.report.conftest import FINISHED

if TYPE_CHECKING:
    from plantnas.records.record import NetworkRecord
    from tests.report.conftest import MakeBaseline, MakeStudy


def entries_of(records: StudyRecords) -> list[Entry]:
    return compared_entries(records.name, records.networks())


def test_the_chosen_rate_is_that_of_the_best_validation_accuracy(baseline: MakeBaseline) -> None:
    networks = [
        baseline("l1-kd", 4, rate=0.01, validation=0.7, test=0.9),
        baseline("l1-kd", 4, rate=0.02, validation=0.8, test=0.1),
        baseline("scratch", 4, rate=0.01, validation=0.9),
        baseline("scratch", 4, rate=0.02, validation=0.8),
    ]
    assert chosen_rates(networks) == {"l1-kd": 0.02, "scratch": 0.01}


def test_a_rate_is_judged_by_the_mean_of_its_repetitions(baseline: MakeBaseline) -> None:
    networks = [
        baseline("l1-kd", 4, rate=0.01, validation=0.7),
        baseline("l1-kd", 4, rate=0.01, validation=0.7, repetition=1),
        baseline("l1-kd", 4, rate=0.02, validation=0.8),
        baseline("l1-kd", 4, rate=0.02, validation=0.5, repetition=1),
    ]
    assert chosen_rates(networks) == {"l1-kd": 0.01}


@pytest.mark.parametrize("other", [0.6, nan])
def test_of_equal_accuracies_the_lower_loss_is_chosen(baseline: MakeBaseline, other: float) -> None:
    better, worse = (
        baseline("l1-kd", 4, rate=rate, loss=loss) for rate, loss in ((0.02, 0.5), (0.01, other))
    )
    assert chosen_rates([better, worse]) == chosen_rates([worse, better]) == {"l1-kd": 0.02}


def test_the_rate_is_chosen_at_the_target_with_the_most_rates(baseline: MakeBaseline) -> None:
    networks = [
        baseline("l1-kd", 4, rate=0.01, validation=0.9),
        baseline("l1-kd", 6, rate=0.01, validation=0.7),
        baseline("l1-kd", 6, rate=0.02, validation=0.8),
    ]
    assert chosen_rates(networks) == {"l1-kd": 0.02}


def test_networks_that_are_no_baselines_have_no_chosen_rate(
    networks: list[NetworkRecord],
) -> None:
    assert chosen_rates(networks) == {}


def family(baseline: MakeBaseline) -> list[NetworkRecord]:
    """The seed and the first planted network, finished together."""
    record = replace(baseline("family", 4), kind="finish")
    run = record.baseline
    assert run is not None
    return [replace(record, baseline=replace(run, target_id=target)) for target in (2, 4)]


def test_finished_networks_add_no_size_to_those_that_baselines_have(
    compared_study: MakeStudy, baseline: MakeBaseline
) -> None:
    entries = entries_of(compared_study("made-up", [baseline("l1-kd", 4), *family(baseline)]))
    compared = [(entry.method, entry.target_id) for entry in entries]
    assert compared == [("planting", 4), ("l1-kd", 4), ("family", 4)]


def test_without_baselines_finished_networks_are_compared_at_all_their_sizes(
    compared_study: MakeStudy, baseline: MakeBaseline
) -> None:
    entries = entries_of(compared_study("made-up", family(baseline)))
    assert {entry.target_id for entry in entries if entry.method == "planting"} == {2, 4}


def test_finished_networks_are_compared_at_the_rate_of_their_own_size(
    compared_study: MakeStudy, baseline: MakeBaseline
) -> None:
    made = [
        baseline("finish", 4, rate=0.02),
        baseline("finish", 6, rate=0.01, validation=0.8),
        baseline("finish", 6, rate=0.04, validation=0.7),
    ]
    finished = [replace(each, kind="finish") for each in made]
    entries = entries_of(compared_study("made-up", finished))
    compared = [(e.target_id, e.learning_rate) for e in entries if e.method == "finish"]
    assert compared == [(4, 0.02), (6, 0.01)]


def test_a_baseline_without_its_methods_chosen_rate_is_not_compared(
    compared_study: MakeStudy, baseline: MakeBaseline
) -> None:
    made = [baseline("l1-kd", 4, rate=0.02), baseline("l1-kd", 6, rate=0.01)]
    entries = entries_of(compared_study("made-up", made))
    assert [(e.target_id, e.learning_rate) for e in entries if e.method == "l1-kd"] == [(6, 0.01)]


def test_planted_targets_and_baselines_at_the_chosen_rate_are_compared(
    compared_study: MakeStudy, baseline: MakeBaseline
) -> None:
    baselines = [
        baseline("l1-kd", 6, rate=0.01, validation=0.7),
        baseline("l1-kd", 6, rate=0.02, validation=0.8),
        baseline("l1-kd", 4, rate=0.02),
        baseline("l1-kd", 4, rate=0.02, repetition=1),
    ]
    entries = entries_of(compared_study("made-up", baselines))
    assert [(e.method, e.network_id, e.target_id, e.step, e.repetition) for e in entries] == [
        ("planting", 4, 4, 1, 0),
        ("planting", 6, 6, 2, 0),
        ("l1-kd", 8, 6, 2, 0),
        ("l1-kd", 9, 4, 1, 0),
        ("l1-kd", 10, 4, 1, 1),
    ]


def test_a_planted_network_that_no_baseline_points_at_is_not_compared(
    compared_study: MakeStudy, baseline: MakeBaseline
) -> None:
    records = compared_study("made-up", [baseline("l1-kd", 6)])
    assert [entry.network_id for entry in entries_of(records)] == [6, 7]


def test_a_finished_network_is_not_compared(
    compared_study: MakeStudy, baseline: MakeBaseline
) -> None:
    records = compared_study("made-up", [baseline("l1-kd", 6)])
    before = entries_of(records)
    records.add(FINISHED)
    assert entries_of(records) == before


def test_a_planted_network_takes_the_seconds_and_epochs_of_its_whole_lineage(
    compared_study: MakeStudy, baseline: MakeBaseline
) -> None:
    records = compared_study("made-up", [baseline("l1-kd", 6)])
    planted = entries_of(records)[0]
    assert (planted.own_seconds, planted.epochs) == (7.5, 6)
    assert planted.teacher_seconds == 2.5
    assert planted.learning_rate is None


def test_a_baseline_takes_its_own_seconds_and_epochs(
    compared_study: MakeStudy, baseline: MakeBaseline
) -> None:
    records = compared_study("made-up", [baseline("l1-kd", 6, seconds=4.0, rate=0.02)])
    entry = entries_of(records)[1]
    assert (entry.own_seconds, entry.epochs, entry.learning_rate) == (4.0, 3, 0.02)


def test_only_a_method_that_needs_the_teacher_takes_its_seconds(
    compared_study: MakeStudy, baseline: MakeBaseline
) -> None:
    baselines = [baseline("l1-kd", 6), baseline("scratch", 6, uses_teacher=False)]
    seconds = {
        entry.method: (entry.teacher_seconds, entry.seconds)
        for entry in entries_of(compared_study("made-up", baselines))
    }
    assert seconds["l1-kd"] == (2.5, 6.5)
    assert seconds["scratch"] == (0.0, 4.0)


def test_an_accuracy_that_was_not_measured_is_none(
    compared_study: MakeStudy, baseline: MakeBaseline
) -> None:
    records = compared_study("made-up", [baseline("l1-kd", 6, 0.75), baseline("scratch", 6)])
    entries: dict[str, Entry] = {e.method: e for e in entries_of(records)}
    assert entries["planting"].test_accuracy == 0.81
    assert entries["l1-kd"].test_accuracy == 0.75
    assert entries["scratch"].test_accuracy is None
    assert entries["scratch"].validation_accuracy == 0.7
    assert entries["scratch"].train_accuracy is None


def test_what_is_compared_are_the_networks_of_the_entries(
    compared_study: MakeStudy, baseline: MakeBaseline
) -> None:
    baselines = [baseline("l1-kd", 6, rate=rate, validation=rate) for rate in (0.01, 0.02)]
    networks = compared_study("made-up", baselines).networks()
    assert [network.id for network in compared_networks(networks)] == [6, 8]


def test_a_study_without_baselines_has_no_entries(compared_study: MakeStudy) -> None:
    assert entries_of(compared_study("made-up", [])) == []
