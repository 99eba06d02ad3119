"""The paper's claim is measured at the planted network that is nearest to its share."""

from dataclasses import replace

import numpy as np
import pytest

from plantnas.measured import Evaluation
from plantnas.records.study import StudyRecords
from plantnas.report.comparison.comparison import Comparison, comparison
from plantnas.report.comparison.small_networks import SmallNetwork, small_networks
from tests.report.conftest import MakeBaseline, MakeStudy

GENERATOR = np.random.default_rng(0)


@pytest.fixture(scope="module")
def compared(compared_study: MakeStudy, baseline: MakeBaseline) -> Comparison:
    """A study and another one, with training accuracies; the baseline of the sixth network.

    Parameters are 50 000, 1 000 (2 %) and 2 000 (4 %).
    """
    studies = list[StudyRecords]()
    for name, accuracy in (("one", 0.82), ("two", 0.84)):
        beside = [
            replace(each, evaluations=(*each.evaluations, Evaluation("train", 0.9, 0.1, 100)))
            for each in (baseline("l1-kd", 4, 0.7), baseline("l1-kd", 6, accuracy))
        ]
        records = compared_study(name, beside, planted=(0.71, 0.81), random_seed=len(studies))
        trained = {1: 0.99, 4: 0.72, 6: 0.83}
        records.add_evaluations(
            {key: Evaluation("train", value, 0.1, 100) for key, value in trained.items()}
        )
        studies.append(records)
    return comparison(studies, GENERATOR)


def by_method(compared: Comparison, share: float) -> dict[str, SmallNetwork]:
    return {each.method: each for each in small_networks(compared, share)}


def test_the_network_nearest_to_the_share_is_taken(compared: Comparison) -> None:
    assert by_method(compared, 0.07)["planting"].share == pytest.approx(0.04)
    assert by_method(compared, 0.001)["planting"].share == pytest.approx(0.02)


def test_methods_are_measured_at_that_networks_size(compared: Comparison) -> None:
    found = by_method(compared, 0.07)["l1-kd"]
    assert found.test_accuracy.mean == pytest.approx(0.83)
    assert found.share == pytest.approx(2_010 / 50_000)


def test_the_distance_to_the_teacher_is_in_test_accuracy(compared: Comparison) -> None:
    assert by_method(compared, 0.07)["planting"].behind_teacher.mean == pytest.approx(0.94 - 0.81)


def test_the_gap_is_training_minus_validation(compared: Comparison) -> None:
    gaps = {name: found.gap.mean for name, found in by_method(compared, 0.07).items()}
    assert gaps == pytest.approx({"teacher": 0.04, "planting": 0.03, "l1-kd": 0.2})


def test_the_teacher_comes_first_and_then_planting(compared: Comparison) -> None:
    assert list(by_method(compared, 0.07)) == ["teacher", "planting", "l1-kd"]


def test_a_method_that_lacks_the_network_in_a_study_is_left_out(compared: Comparison) -> None:
    fewer = [entry for entry in compared.entries if (entry.study, entry.method) != ("two", "l1-kd")]
    assert list(by_method(compared._replace(entries=fewer), 0.07)) == ["teacher", "planting"]


def test_nothing_is_said_without_training_accuracies(
    compared_study: MakeStudy, baseline: MakeBaseline
) -> None:
    records = compared_study("one", [baseline("l1-kd", 6, 0.8)])
    assert small_networks(comparison([records], GENERATOR)) == []
