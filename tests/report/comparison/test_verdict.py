"""Sentences and tables say what the comparison found, also where planting loses."""

from __future__ import annotations

import re
from math import nan
from typing import TYPE_CHECKING

import numpy as np
import pytest

from plantnas.measured import Evaluation, Metric
from plantnas.report.comparison.comparison import Comparison, MethodDifference, comparison
from plantnas.report.comparison.statistics import Difference
from plantnas.report.comparison.verdict import (
    COST_COLUMNS,
    COST_TITLE,
    NOTES,
    VERDICT_COLUMNS,
    accuracy_spread,
    comparison_cost_table,
    cost_rows,
    sentences,
    small_rows,
    small_table,
    small_title,
    verdict,
    verdict_rows,
    verdict_table,
    verdict_title,
)

if TYPE_CHECKING:
    from tests.report.conftest import MakeBaseline, MakeStudy


def sentence(
    *accuracy: float,
    pairs: int = 3,
    step: int | None = 1,
    parameters: float = 20_100,
    time: float = 0.6,
    whole_time: float = 1.9,
) -> str:
    """What is said of a mean and an interval, in per cent."""
    mean, low, high = (each / 100 for each in (*accuracy, nan, nan)[:3])
    measured = Difference(mean, nan, low, high, pairs)
    found = MethodDifference("group-norm-kd", step, parameters, measured, time, whole_time)
    (said,) = sentences(Comparison([], [], [], [found], []))
    return said


def test_titles_say_which_cost_is_equal() -> None:
    of_macs = Comparison([], [], [], [], [], cost_name="macs")
    assert verdict_title(of_macs) == "Planting and baselines of equal MACs for an image"
    assert small_title(of_macs).startswith("Nearest to 7% of the teacher's MACs for an image,")


def test_the_notes_say_what_the_search_by_planting_is() -> None:
    assert "planting's probes, screens and failed trials" in NOTES[1]


def test_a_sentence_is_of_what_accuracy_is_traded_for() -> None:
    measured = Difference(0.01, nan, nan, nan, 1)
    found = MethodDifference("l1-kd", 1, 0.153, measured, nan, nan)
    (said,) = sentences(Comparison([], [], [], [found], [], cost_name="latency"))
    assert said.startswith("at 0.153 milliseconds planting is")


def test_a_sentence_says_where_planting_is_better() -> None:
    assert sentence(0.4, 0.1, 0.7) == (
        "at 20.1 k parameters planting is 0.40 points better than group-norm-kd "
        "(95 %: 0.10 to 0.70; 3 pairs) at 0.6x its training time "
        "(1.9x for all sizes with search and tuning)"
    )


def test_a_sentence_says_where_planting_is_worse() -> None:
    assert "planting is 0.35 points worse than group-norm-kd (95 %: 0.20 to 0.50; 3 pairs)" in (
        sentence(-0.35, -0.5, -0.2)
    )


def test_an_interval_that_holds_zero_is_no_clear_difference() -> None:
    assert (
        "no clear difference between planting and group-norm-kd "
        "(0.10 points worse, 95 %: -0.30 to +0.20; 3 pairs)"
    ) in sentence(-0.1, -0.3, 0.2)


@pytest.mark.parametrize(("pairs", "said"), [(1, "1 pair"), (2, "2 pairs")])
def test_few_pairs_have_no_interval(pairs: int, said: str) -> None:
    expected = f"planting is 0.40 points better than group-norm-kd ({said}: no interval) at 0.6x"
    assert expected in sentence(0.4, pairs=pairs)


def test_all_sizes_have_a_sentence_of_their_own() -> None:
    said = sentence(0.4, 0.1, 0.7, step=None)
    assert said.startswith("over all sizes planting is 0.40 points better")
    assert said.endswith("at 0.6x its training time (1.9x with search and tuning)")


def test_what_is_not_known_of_the_time_is_not_said() -> None:
    assert sentence(0.4, 0.1, 0.7, whole_time=nan).endswith("at 0.6x its training time")
    assert sentence(0.4, 0.1, 0.7, time=nan, whole_time=nan).endswith("3 pairs)")


@pytest.mark.parametrize(
    ("parameters", "said"), [(912.4, "912"), (20_140, "20.1 k"), (1_234_000, "1.23 M")]
)
def test_parameters_are_said_in_round_numbers(parameters: float, said: str) -> None:
    assert sentence(0.4, parameters=parameters, pairs=1).startswith(f"at {said} parameters ")


def test_a_tiny_ratio_is_not_said_to_be_nothing() -> None:
    assert "at 0.03x its" in sentence(0.4, pairs=1, time=0.031)


@pytest.fixture(scope="module")
def compared(compared_study: MakeStudy, baseline: MakeBaseline) -> Comparison:
    """Three studies: planting is 2, 4 and 6 points better than l1-kd, and worse than scratch."""
    studies = []
    for seed, lead in enumerate((0.02, 0.04, 0.06)):
        baselines = [
            baseline("l1-kd", 6, 0.80 - lead, seconds=1000.0 + seed),
            baseline("l1-kd", 6, rate=0.02, validation=0.1, seconds=7.0),
            baseline("scratch", 6, 0.90, uses_teacher=False, rate=0.01 * (1 + seed % 2)),
            baseline("untested", 6),
        ]
        name = f"seed{seed}"
        records = compared_study(name, baselines, planted=(0.7, 0.80), random_seed=seed)
        studies.append(records)
    return comparison(studies, np.random.default_rng(0))


def test_the_most_accurate_method_of_a_step_is_first(compared: Comparison) -> None:
    methods = [row[1] for row in verdict_rows(compared)]
    assert methods == ["scratch", "planting", "l1-kd", "untested"]


def test_a_row_says_accuracy_difference_cost_and_rate(compared: Comparison) -> None:
    row = dict(zip(VERDICT_COLUMNS, verdict_rows(compared)[2], strict=True))
    assert row == {
        "step": "2",
        "method": "l1-kd",
        "parameters": "2,010",
        "MACs": "20,100",
        "test %": "76.00 ± 2.00",
        "planting is better by": "+4.00 (+2.00 to +6.00)",
        "seconds": "1,001.0",
        "with teacher": "1,003.5",
        "learning rate": "0.01",
    }


def test_planting_is_not_compared_to_itself(compared: Comparison) -> None:
    row = dict(zip(VERDICT_COLUMNS, verdict_rows(compared)[1], strict=True))
    assert (row["planting is better by"], row["learning rate"]) == ("", "")
    assert (row["seconds"], row["with teacher"]) == ("7.5", "10.0")


def test_rates_that_differ_between_studies_are_all_said(compared: Comparison) -> None:
    assert verdict_rows(compared)[0][-1] == "0.01, 0.02"


def test_what_was_not_tested_has_a_row_without_accuracy(compared: Comparison) -> None:
    assert verdict_rows(compared)[-1][4:6] == ("", "")


def test_sizes_of_one_step_count_with_their_mean(compared: Comparison) -> None:
    entry = compared.entries[0]._replace(test_accuracy=0.6)
    entries = [entry, entry._replace(test_accuracy=0.8), entry._replace(study="other")]
    measured = accuracy_spread(entries)
    assert [measured.mean, measured.deviation] == pytest.approx([0.65, 0.05 * 2**0.5])


def test_the_costs_are_means_over_studies_the_cheapest_first(compared: Comparison) -> None:
    assert cost_rows(compared) == [
        ("scratch", "1", "4.0", "0.0", "0.0", "4.0"),
        ("untested", "1", "4.0", "0.0", "2.5", "6.5"),
        ("planting", "1", "7.5", "5.0", "2.5", "15.0"),
        ("l1-kd", "1", "1,001.0", "7.0", "2.5", "1,010.5"),
    ]


def test_the_tables_hold_the_rows(compared: Comparison) -> None:
    for table, columns, rows in (
        (verdict_table(compared), VERDICT_COLUMNS, verdict_rows(compared)),
        (comparison_cost_table(compared), COST_COLUMNS, cost_rows(compared)),
    ):
        assert tuple(column.header for column in table.columns) == columns
        cells = zip(*(column.cells for column in table.columns), strict=True)
        assert list(cells) == rows


def test_every_method_and_size_has_a_sentence(compared: Comparison) -> None:
    said = sentences(compared)
    assert len(said) == len(compared.differences) == 4
    assert said[0].startswith("at 2.0 k parameters planting is 4.00 points better than l1-kd")
    assert said[1].startswith("at 2.0 k parameters planting is 10.00 points worse than scratch")


def test_a_page_has_sentences_that_begin_and_end_as_such(compared: Comparison) -> None:
    found = verdict(compared)
    assert [text.partition(" planting")[0] for text in found.overall] == ["Over all sizes"] * 2
    assert {text.partition(" planting")[0] for text in found.by_size} == {"At 2.0 k parameters"}
    assert {text[-1] for text in (*found.overall, *found.by_size)} == {"."}


def test_a_page_has_no_table_without_rows(compared: Comparison) -> None:
    assert small_rows(compared) == []
    assert [table.title for table in verdict(compared).tables] == [
        "Planting and baselines of equal parameters",
        COST_TITLE,
    ]


def test_the_papers_claim_has_a_row_for_the_teacher_and_each_method(
    compared_study: MakeStudy, baseline: MakeBaseline
) -> None:
    records = compared_study("one", [baseline("l1-kd", 6, 0.8)])
    rated = {1: 0.99, 6: 0.83}
    records.add_evaluations(
        {key: Evaluation("train", value, 0.1, 100) for key, value in rated.items()}
    )
    compared = comparison([records], np.random.default_rng(0))
    assert small_rows(compared) == [
        ("teacher", "100.0", "94.00", "0.00", "4.00"),
        ("planting", "4.0", "81.00", "13.00", "3.00"),
    ]
    assert small_table(compared).row_count == 2


def test_a_comparison_speaks_of_what_its_studies_maximise(compared: Comparison) -> None:
    of_f1 = verdict(compared._replace(metric=Metric("f1")))
    assert "test F1" in of_f1.tables[0].columns
    assert of_f1.notes[0].startswith("Test F1 is mean")
    assert "accuracy" not in " ".join(of_f1.notes)


def test_what_is_no_share_is_shown_as_it_is_and_without_points(compared: Comparison) -> None:
    of_r2, of_accuracy = compared._replace(metric=Metric("r2")), verdict(compared)
    found = verdict(of_r2)
    said = " ".join((*found.overall, *found.by_size, *found.notes))
    assert "point" not in said
    assert "planting is 0.1000 worse than scratch" in said
    assert "planting is 10.00 points worse than scratch" in " ".join(of_accuracy.overall)
    column = found.tables[0].columns.index("test R²")
    for ours, theirs in zip(found.tables[0].rows, of_accuracy.tables[0].rows, strict=True):
        numbers, hundredfold = (
            [
                float(each)
                for cell in row[column : column + 2]
                for each in re.findall(r"[\d.]+", cell)
            ]
            for row in (ours, theirs)
        )
        assert hundredfold == pytest.approx([100 * each for each in numbers])
