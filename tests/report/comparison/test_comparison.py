"""Differences, hypervolumes and costs of several studies, of numbers whose answer is known."""

from __future__ import annotations

from math import isnan, log
from typing import TYPE_CHECKING

import numpy as np
import pytest

from plantnas.errors import StudyError
from plantnas.records.study import StudyRecords
from plantnas.report.comparison.comparison import (
    Comparison,
    MethodDifference,
    comparison,
    frame,
    pairs,
)

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

    from tests.report.conftest import MakeBaseline, MakeStudy


def compare(*studies: StudyRecords) -> Comparison:
    return comparison(studies, np.random.default_rng(0))


def difference(compared: Comparison, method: str, step: int | None) -> MethodDifference:
    chosen = [each for each in compared.differences if (each.method, each.step) == (method, step)]
    assert len(chosen) == 1
    return chosen[0]


def test_a_pair_is_planting_minus_the_mean_of_the_repetitions(
    compared_study: MakeStudy, baseline: MakeBaseline
) -> None:
    baselines = [baseline("l1-kd", 6, 0.75), baseline("l1-kd", 6, 0.79, repetition=1)]
    (pair,) = pairs(compare(compared_study("a", baselines)).entries)
    assert (pair.study, pair.method, pair.step, pair.cost) == ("a", "l1-kd", 2, 2000)
    assert pair.difference == pytest.approx(0.81 - 0.77)


def test_what_was_not_tested_is_in_no_pair(
    compared_study: MakeStudy, baseline: MakeBaseline
) -> None:
    compared = compare(compared_study("a", [baseline("l1-kd", 6)]))
    assert not pairs(compared.entries)
    assert not compared.differences


def test_differences_are_by_step_and_at_last_over_all(
    compared_study: MakeStudy, baseline: MakeBaseline
) -> None:
    baselines = [baseline(name, target, 0.7) for name in ("l1-kd", "scratch") for target in (4, 6)]
    compared = compare(compared_study("a", baselines))
    assert [(each.step, each.method) for each in compared.differences] == [
        (1, "l1-kd"),
        (1, "scratch"),
        (2, "l1-kd"),
        (2, "scratch"),
        (None, "l1-kd"),
        (None, "scratch"),
    ]
    assert difference(compared, "l1-kd", 2).accuracy.mean == pytest.approx(0.11)


def test_over_all_steps_a_study_is_one_pair(
    compared_study: MakeStudy, baseline: MakeBaseline
) -> None:
    studies = []
    for seed, lead in enumerate((0.02, 0.04, 0.06)):
        baselines = [baseline("l1-kd", 4, 0.70), baseline("l1-kd", 6, 0.80)]
        planted = (0.70 + lead, 0.80 + lead / 2)
        name = f"seed{seed}"
        studies.append(compared_study(name, baselines, planted=planted, random_seed=seed))
    accuracy = difference(compare(*studies), "l1-kd", None).accuracy
    assert accuracy.pairs == 3
    assert accuracy.mean == pytest.approx(0.03)
    assert [accuracy.low, accuracy.high] == pytest.approx([0.015, 0.045])


def test_times_are_those_of_the_planted_lineage_over_the_methods(
    compared_study: MakeStudy, baseline: MakeBaseline
) -> None:
    baselines = [
        baseline("l1-kd", 4, 0.7, seconds=2.5),
        baseline("l1-kd", 6, 0.7, seconds=5.0),
        baseline("scratch", 6, 0.7, seconds=5.0, uses_teacher=False),
    ]
    compared = compare(compared_study("a", baselines))
    assert difference(compared, "l1-kd", 1).time == 7.5 / 5.0
    assert difference(compared, "l1-kd", 2).time == 10.0 / 7.5
    assert difference(compared, "scratch", 2).time == 10.0 / 5.0


def test_all_sizes_together_share_their_ancestors_and_the_teacher(
    compared_study: MakeStudy, baseline: MakeBaseline
) -> None:
    baselines = [baseline("l1-kd", target, 0.7, seconds=5.0) for target in (4, 6)]
    overall = difference(compare(compared_study("a", baselines)), "l1-kd", None)
    assert overall.time == (7.5 + 2.5) / (10.0 + 2.5)
    assert overall.whole_time == (7.5 + 5.0 + 2.5) / (10.0 + 2.5)


def test_a_method_that_lacks_a_size_has_no_time_of_all_sizes(
    compared_study: MakeStudy, baseline: MakeBaseline
) -> None:
    baselines = [baseline("l1-kd", 4, 0.7), baseline("l1-kd", 6, 0.7), baseline("scratch", 6, 0.7)]
    compared = compare(compared_study("a", baselines))
    assert isnan(difference(compared, "scratch", 2).whole_time)


def test_wasted_trials_are_a_cost_of_planting(
    compared_study: MakeStudy, baseline: MakeBaseline, wasted: list[FrozenTrial]
) -> None:
    compared = compare(compared_study("a", [baseline("l1-kd", 6)], wasted=wasted))
    assert [cost.search for cost in compared.costs] == [2.5 + 170.0, 0.0]


def test_the_hypervolumes_of_a_study_have_one_corner(
    compared_study: MakeStudy, baseline: MakeBaseline
) -> None:
    baselines = [baseline("l1-kd", 4, 0.51), baseline("l1-kd", 6, 0.61)]
    compared = compare(compared_study("a", baselines))
    areas = {area.method: area.hypervolume for area in compared.areas}
    corner = 0.51 - 0.1 * (0.81 - 0.51), log(50_000)
    for method, networks in {
        "planting": ((0.71, 1000), (0.81, 2000)),
        "l1-kd": ((0.51, 1010), (0.61, 2010)),
    }.items():
        (low, small), (high, large) = networks
        expected = (low - corner[0]) * (corner[1] - log(small))
        expected += (high - low) * (corner[1] - log(large))
        assert areas[method] == pytest.approx(expected)


def test_a_method_that_lacks_a_size_has_no_hypervolume(
    compared_study: MakeStudy, baseline: MakeBaseline
) -> None:
    baselines = [baseline("l1-kd", 4, 0.5), baseline("l1-kd", 6, 0.6), baseline("scratch", 6, 0.7)]
    compared = compare(compared_study("a", baselines))
    assert [area.method for area in compared.areas] == ["planting", "l1-kd"]


def test_studies_may_differ_in_seed_name_places_and_memory(
    compared_study: MakeStudy, baseline: MakeBaseline
) -> None:
    first = compared_study("a", [baseline("l1-kd", 6, 0.7)])
    others = {"random_seed": 1, "memory_gigabytes": 4.0, "data.root": "elsewhere"}
    second = compared_study("b", [baseline("l1-kd", 6, 0.7)], **others)
    assert {entry.study for entry in compare(first, second).entries} == {"a", "b"}


def test_studies_that_were_asked_something_else_are_refused_by_their_keys(
    compared_study: MakeStudy, baseline: MakeBaseline
) -> None:
    first = compared_study("a", [baseline("l1-kd", 6, 0.7)])
    others = {"search.steps": 5, "planting.epochs": 7, "random_seed": 1}
    second = compared_study("b", [baseline("l1-kd", 6, 0.7)], **others)
    with pytest.raises(StudyError, match=r"differ in planting\.epochs, search\.steps;") as error:
        compare(first, second)
    assert "\n" not in str(error.value)
    assert "studies 'a' and 'b'" in str(error.value)


def test_a_study_without_baselines_is_refused(compared_study: MakeStudy) -> None:
    with pytest.raises(StudyError, match=r"'a': has no baselines; run plantnas baselines a first"):
        compare(compared_study("a", []))


def test_a_study_that_is_given_twice_is_refused(
    compared_study: MakeStudy, baseline: MakeBaseline
) -> None:
    records = compared_study("a", [baseline("l1-kd", 6, 0.7)])
    with pytest.raises(StudyError, match=r"study 'a': is given 2 times"):
        compare(records, records)


def test_studies_of_one_name_are_told_apart_by_their_databases(
    compared_study: MakeStudy, baseline: MakeBaseline
) -> None:
    baselines = [baseline("l1-kd", 6, 0.7)]
    studies = [compared_study("a", baselines) for _ in range(2)]
    compared = compare(*studies)
    names = {entry.study for entry in compared.entries}
    assert names == {f"a in {records.database.url}" for records in studies}
    assert difference(compared, "l1-kd", 2).accuracy.pairs == 2


def test_the_frame_has_a_row_for_each_entry(
    compared_study: MakeStudy, baseline: MakeBaseline
) -> None:
    baselines = [baseline("l1-kd", 6, 0.7, rate=0.02), baseline("scratch", 6)]
    table = frame(compare(compared_study("a", baselines)))
    assert list(table["method"]) == ["planting", "l1-kd", "scratch"]
    assert list(table["step"]) == [2, 2, 2]
    assert list(table["own_seconds"]) == [7.5, 4.0, 4.0]
    assert list(table["test_accuracy"].isna()) == [False, False, True]
    assert list(table["learning_rate"].isna()) == [True, False, False]
