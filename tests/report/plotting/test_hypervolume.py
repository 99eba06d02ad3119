"""The curve rises when a better network can be chosen, and counts every second of training."""

import pytest
from optuna.trial import TrialState

from plantnas.hypervolume import Point, hypervolume, worst_corner
from plantnas.records.database import Database
from plantnas.records.study import StudyRecords
from plantnas.report.plotting.hypervolume import (
    HypervolumeInfo,
    hypervolume_figure,
    hypervolume_info,
)
from plantnas.report.plotting.styles import marker
from plantnas.report.study_data import StudyData, study_data
from tests.conftest import StudyFolder
from tests.report.conftest import MakeBaseline, MakeStudy, study_record, trial

FOUND = (Point(0.60, 500), Point(0.70, 1_000), Point(0.68, 1_500), Point(0.80, 2_000))


@pytest.fixture
def data(records: StudyRecords) -> StudyData:
    """A study whose trials 0 to 3 left networks, and whose trial 4 failed after 30 seconds."""
    trials = [trial(number, TrialState.COMPLETE, 1.0 + number) for number in range(4)]
    data = study_data(records)
    return data._replace(trials=[*trials, trial(4, TrialState.FAIL, 7.0)])


@pytest.fixture(scope="module")
def compared(compared_study: MakeStudy, baseline: MakeBaseline) -> HypervolumeInfo:
    """With a method that has both sizes, the smaller one twice, and one that lacks a size."""
    whole = [
        baseline("l1-kd", 4, validation=0.70),
        baseline("l1-kd", 4, validation=0.74, repetition=1),
        baseline("l1-kd", 6, validation=0.82),
    ]
    partly = baseline("scratch", 6, validation=0.9, uses_teacher=False)
    return hypervolume_info(study_data(compared_study("some", [*whole, partly])))


def test_the_curve_is_of_seed_and_grown_networks_so_far(data: StudyData) -> None:
    corner = worst_corner(FOUND, 50_000)
    areas = [hypervolume(FOUND[:count], corner) for count in (1, 1, 2, 3, 4, 4)]
    points = hypervolume_info(data).points
    assert [point.hypervolume for point in points] == pytest.approx(areas)
    assert [point.trials for point in points] == [0, 1, 2, 3, 4, 5]


def test_a_screened_or_dominated_network_adds_nothing(data: StudyData) -> None:
    points = hypervolume_info(data).points
    assert points[0].hypervolume == points[1].hypervolume
    assert points[2].hypervolume == points[3].hypervolume < points[4].hypervolume


def test_seconds_count_teacher_seed_and_trials_without_a_network(data: StudyData) -> None:
    points = hypervolume_info(data).points
    assert [point.seconds for point in points] == [5.0, 7.5, 10.0, 12.5, 15.0, 22.0]


def test_a_real_studys_last_point_has_all_trials_and_all_networks(finished: StudyFolder) -> None:
    data = study_data(finished.records)
    last = hypervolume_info(data).points[-1]
    assert last.trials == len(data.trials)
    assert last.seconds >= sum(sum(network.seconds.values()) for network in data.networks)


def test_without_baselines_there_are_no_methods(data: StudyData) -> None:
    assert hypervolume_info(data).methods == []


def test_only_methods_with_all_sizes_are_shown(compared: HypervolumeInfo) -> None:
    assert [method.method for method in compared.methods] == ["planting", "l1-kd"]


def test_a_methods_hypervolume_is_of_validation_and_from_the_corner_of_the_curve(
    compared: HypervolumeInfo,
) -> None:
    theirs = [Point(0.72, 1_010), Point(0.82, 2_010)]
    corner = worst_corner([*FOUND, *theirs], 50_000)
    planting, pruned = (method.hypervolume for method in compared.methods)
    assert pruned == pytest.approx(hypervolume(theirs, corner))
    assert planting == pytest.approx(hypervolume([FOUND[1], FOUND[3]], corner))
    assert compared.points[-1].hypervolume == pytest.approx(hypervolume(FOUND, corner))


def test_planting_at_the_compared_sizes_took_as_long_as_the_whole_search(
    compared: HypervolumeInfo,
) -> None:
    assert compared.methods[0].seconds == compared.points[-1].seconds


def test_the_seconds_of_a_method_are_those_of_all_its_sizes_and_the_teacher(
    compared: HypervolumeInfo,
) -> None:
    assert compared.methods[1].seconds == 4.0 + 4.0 + 2.5


def test_the_curve_is_drawn_as_steps_in_both_panels(data: StudyData) -> None:
    figure = hypervolume_figure(hypervolume_info(data))
    assert [trace.line.shape for trace in figure.data] == ["hv", "hv"]
    assert [trace.xaxis for trace in figure.data] == ["x", "x2"]
    assert "seconds" in figure.layout.xaxis2.title.text


def test_a_method_has_its_marker_and_a_dashed_line_to_the_end(compared: HypervolumeInfo) -> None:
    line, start = (each for each in hypervolume_figure(compared).data if each.name == "l1-kd")
    assert line.line.dash == "dash"
    assert line.x[0] == start.x[0] == 10.5
    assert line.x[1] > compared.points[-1].seconds
    assert start.marker.symbol == marker("l1-kd")["symbol"]


def test_the_legend_has_each_name_once(compared: HypervolumeInfo) -> None:
    traces = hypervolume_figure(compared).data
    named = [trace.name for trace in traces if trace.showlegend is not False]
    assert named == ["all that the search found", "planting, compared sizes", "l1-kd"]


def test_a_study_without_networks_has_a_plot_that_says_so(database: Database) -> None:
    database.add_study(study_record("empty"))
    info = hypervolume_info(study_data(StudyRecords(database, "empty")))
    assert info.points == []
    texts = [note.text for note in hypervolume_figure(info).layout.annotations]
    assert any("been evaluated yet" in text for text in texts)
