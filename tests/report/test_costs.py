"""What methods cost: every second that was spent is counted once."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from plantnas.records.study import StudyRecords
from plantnas.report.costs import SearchCost, method_costs

if TYPE_CHECKING:
    from tests.report.conftest import MakeBaseline, MakeStudy


def cost_of(
    method: str, records: StudyRecords, wasted: float = 0.0, study: str = "made-up"
) -> SearchCost:
    costs = method_costs(study, records.networks(), wasted)
    return next(cost for cost in costs if cost.method == method)


def test_the_networks_of_planting_are_its_targets_and_their_ancestors_once(
    compared_study: MakeStudy, baseline: MakeBaseline
) -> None:
    records = compared_study("made-up", [baseline("l1-kd", 4), baseline("l1-kd", 6)])
    cost = cost_of("planting", records)
    assert (cost.networks, cost.sizes) == (7.5, 2)


def test_the_search_of_planting_is_its_other_networks_and_what_was_wasted(
    compared_study: MakeStudy, baseline: MakeBaseline
) -> None:
    cost = cost_of("planting", compared_study("made-up", [baseline("l1-kd", 6)]), wasted=50.0)
    assert cost.search == 55.0


def test_nothing_of_the_whole_search_is_left_out(
    compared_study: MakeStudy, baseline: MakeBaseline
) -> None:
    records = compared_study("made-up", [baseline("l1-kd", 4)])
    networks = [network for network in records.networks() if not network.baseline]
    whole = sum(sum(network.seconds.values()) for network in networks)
    assert cost_of("planting", records, wasted=9.0).total == whole + 9.0


def test_the_search_of_a_baseline_is_its_networks_at_other_rates(
    compared_study: MakeStudy, baseline: MakeBaseline
) -> None:
    baselines = [
        baseline("l1-kd", 4, seconds=3.0, rate=0.02),
        baseline("l1-kd", 6, seconds=4.0, rate=0.02, validation=0.8),
        baseline("l1-kd", 6, seconds=5.0, rate=0.01),
    ]
    cost = cost_of("l1-kd", compared_study("made-up", baselines))
    assert cost == SearchCost("made-up", "l1-kd", 2, networks=7.0, search=5.0, teacher=2.5)
    assert (cost.alone, cost.total) == (9.5, 14.5)


def test_what_was_finished_of_a_size_that_is_not_compared_is_search(
    compared_study: MakeStudy, baseline: MakeBaseline
) -> None:
    finished = replace(baseline("family", 4, seconds=4.0), kind="finish")
    other = replace(baseline("family", 6, seconds=3.0), kind="finish")
    networks = [baseline("l1-kd", 4), finished, other]
    cost = cost_of("family", compared_study("made-up", networks))
    assert (cost.sizes, cost.networks, cost.search) == (1, 4.0, 3.0)


def test_finished_networks_count_for_each_size_at_its_own_rate(
    compared_study: MakeStudy, baseline: MakeBaseline
) -> None:
    made = [
        baseline("finish", 4, rate=0.02, seconds=3.0),
        baseline("finish", 6, rate=0.01, seconds=4.0, validation=0.8),
        baseline("finish", 6, rate=0.04, seconds=5.0),
    ]
    finished = [replace(each, kind="finish") for each in made]
    cost = cost_of("finish", compared_study("made-up", finished))
    assert (cost.sizes, cost.networks, cost.search) == (2, 7.0, 5.0)


def test_repetitions_count_with_their_mean(
    compared_study: MakeStudy, baseline: MakeBaseline
) -> None:
    baselines = [
        baseline("l1-kd", 6, seconds=seconds, repetition=number)
        for number, seconds in enumerate((3.0, 4.0, 8.0))
    ]
    assert cost_of("l1-kd", compared_study("made-up", baselines)).networks == 5.0


def test_the_search_of_a_plain_search_is_its_trials(
    compared_study: MakeStudy, baseline: MakeBaseline
) -> None:
    tried = replace(baseline("search-kd", 6, seconds=1.5), kind="trial", baseline=None)
    records = compared_study("made-up", [baseline("search-kd", 6), tried, tried])
    cost = cost_of("search-kd", records)
    assert (cost.networks, cost.search) == (4.0, 3.0)


def test_a_trial_that_was_taken_for_two_sizes_counts_once(
    compared_study: MakeStudy, baseline: MakeBaseline
) -> None:
    rows = [replace(baseline("search-kd", target), artifact_id="best") for target in (4, 6)]
    trials = [
        replace(rows[0], kind="trial", step=None, baseline=None, artifact_id=artifact_id)
        for artifact_id in ("best", "other")
    ]
    cost = cost_of("search-kd", compared_study("made-up", [*trials, *rows]))
    assert (cost.networks, cost.search, cost.sizes) == (4.0, 4.0, 2)


def test_a_method_without_the_teacher_does_not_pay_for_it(
    compared_study: MakeStudy, baseline: MakeBaseline
) -> None:
    records = compared_study("made-up", [baseline("scratch", 6, uses_teacher=False)])
    assert cost_of("scratch", records).teacher == 0.0
    assert cost_of("planting", records).teacher == 2.5
