"""The Pareto plot shows the right data; the figure only draws it."""

from dataclasses import replace

import pytest

from plantnas.errors import ConfigurationError, PlantnasError
from plantnas.measured import Evaluation
from plantnas.records.database import Database
from plantnas.records.study import StudyRecords
from plantnas.report.plotting.pareto import ParetoInfo, pareto_figure, pareto_info
from plantnas.report.study_data import StudyData, study_data
from tests.conftest import StudyFolder
from tests.report.conftest import FINISHED, MakeBaseline, MakeStudy, study_record


@pytest.fixture
def data(records: StudyRecords) -> StudyData:
    return study_data(records)


@pytest.fixture
def info(data: StudyData) -> ParetoInfo:
    return pareto_info(data)


def test_every_network_is_a_point(info: ParetoInfo) -> None:
    assert [(point.method, point.kind, point.cost, point.accuracy) for point in info.points] == [
        ("teacher", None, 50_000, 0.95),
        ("seed", None, 500, 0.60),
        ("planting", "screen", 900, 0.65),
        ("planting", "grow", 1_000, 0.70),
        ("planting", "grow", 1_500, 0.68),
        ("planting", "grow", 2_000, 0.80),
    ]


def test_the_dominated_network_is_not_on_the_front(info: ParetoInfo) -> None:
    assert [point.on_front for point in info.points] == [True, True, False, True, False, True]


def test_the_family_is_the_lineage_of_the_most_accurate_planted_network(info: ParetoInfo) -> None:
    assert [point.cost for point in info.family] == [500, 1_000, 2_000]


def test_a_finished_network_is_a_point_of_its_own_method(data: StudyData) -> None:
    finished = replace(FINISHED, id=7)
    info = pareto_info(data._replace(networks=[*data.networks, finished]))
    point = info.points[-1]
    assert (point.method, point.on_front) == ("finish", True)
    assert "widths of network 6, trained whole" in point.hover
    assert "finish" in {trace.name for trace in pareto_figure(info).data}


def test_macs_are_shown_instead_of_parameters(data: StudyData) -> None:
    info = pareto_info(data, cost="macs")
    assert [point.cost for point in info.family] == [5_000, 10_000, 20_000]
    assert pareto_figure(info).layout.xaxis.title.text == "MACs for an image"


def test_latency_is_measured_of_all_but_screened_plantings(finished: StudyFolder) -> None:
    data = study_data(finished.records)
    info = pareto_info(data, cost="latency")
    assert len(info.points) == sum(network.kind != "screen" for network in data.networks)
    assert all(0 < point.cost < 1000 for point in info.points)


def test_latency_is_measured_as_is_asked(finished: StudyFolder) -> None:
    data = study_data(finished.records)
    seed = [network for network in data.networks if network.method == "seed"]
    few, many = (
        pareto_info(data._replace(networks=seed), cost="latency", latency={"batch_size": size})
        for size in (1, 256)
    )
    assert many.title == "milliseconds for 256 images, one thread of this machine"
    assert many.points[0].cost > 2 * few.points[0].cost


def test_it_is_measured_as_the_study_would_unless_asked_otherwise(finished: StudyFolder) -> None:
    folder = finished.with_settings(search__latency__batch_size=3)
    data = study_data(finished.records)
    configuration = data.study.configuration | folder.config.model_dump()
    study = replace(data.study, configuration=configuration)
    data = data._replace(study=study, networks=data.networks[:1])
    assert pareto_info(data, cost="latency").title.startswith("milliseconds for 3 images,")


@pytest.mark.parametrize(
    ("cost", "latency", "message"),
    [
        ("macs", {"batch_size": 2}, "^batch_size: says how latency is measured, but the cost is"),
        ("latency", {"device": "cuda:99"}, "'cuda:99': this machine does not have it"),
        ("latency", {"backend": "jax"}, "backend: 'jax'"),
        ("latency", {"batch_size": 0}, "batch_size: 0"),
        ("latency", {"rounds": 3}, "rounds"),
    ],
)
def test_what_cannot_be_measured_is_refused_in_a_line(
    finished: StudyFolder, cost: str, latency: dict[str, object], message: str
) -> None:
    with pytest.raises(PlantnasError, match=message):
        pareto_info(study_data(finished.records), cost=cost, latency=latency)


def test_only_networks_evaluated_on_the_split_are_shown(records: StudyRecords) -> None:
    records.add_evaluations({6: Evaluation("test", 0.75, 0.6, 50)})
    info = pareto_info(study_data(records), split="test")
    assert [(point.cost, point.accuracy) for point in info.points] == [(2_000, 0.75)]
    assert [point.cost for point in info.family] == [2_000]


def test_baselines_are_shown_at_their_chosen_rates_with_their_own_markers(
    compared_study: MakeStudy, baseline: MakeBaseline
) -> None:
    poor = baseline("l1-kd", 4, rate=0.1, validation=0.3)
    good = baseline("l1-kd", 4, rate=0.01, validation=0.7)
    info = pareto_info(study_data(compared_study("some", [poor, good])))
    shown = [point for point in info.points if point.method == "l1-kd"]
    assert [point.accuracy for point in shown] == [0.7]
    traces = {trace.name: trace.marker.symbol for trace in pareto_figure(info).data}
    assert traces["l1-kd"] != traces["grown planting"]


def test_what_a_search_of_a_baseline_tried_is_left_out(records: StudyRecords) -> None:
    before = pareto_info(study_data(records))
    tried = replace(records.networks()[-1], method="search-kd", kind="trial")
    records.add(replace(tried, id=None, trial_number=None, parent_id=None))
    assert pareto_info(study_data(records)) == before


def test_a_points_hover_says_what_was_planted(info: ParetoInfo) -> None:
    for part in (
        "network 4",
        "step 1, trial 1, grow",
        "1,000 parameters",
        "stem 4 (+2)",
        "70.00 %",
    ):
        assert part in info.points[3].hover


def test_the_figure_has_a_trace_for_each_series_and_one_for_the_family(info: ParetoInfo) -> None:
    figure = pareto_figure(info)
    assert {trace.name: len(trace.x) for trace in figure.data} == {
        "screened planting": 1,
        "grown planting": 2,
        "grown, dominated": 1,
        "seed": 1,
        "teacher": 1,
        "lineage of the best": 3,
    }
    assert figure.layout.xaxis.type == "log"


def test_dominated_networks_are_fainter(info: ParetoInfo) -> None:
    opacities = {trace.name: trace.marker.opacity for trace in pareto_figure(info).data}
    assert opacities["grown, dominated"] < (opacities["grown planting"] or 1.0)


def test_a_study_without_networks_has_a_plot_that_says_so(database: Database) -> None:
    database.add_study(study_record("empty"))
    info = pareto_info(study_data(StudyRecords(database, "empty")))
    assert info.points == info.family == []
    assert "no network" in pareto_figure(info).layout.annotations[0].text


def of_a_users_cost(data: StudyData) -> StudyData:
    configuration = {**data.study.configuration, "search": {"cost": "mine:<cost>"}}
    networks = [
        replace(each, cost_name="mine:<cost>", costs={"mine:<cost>": 0.25 * (each.id or 0)})
        for each in data.networks
    ]
    return data._replace(study=replace(data.study, configuration=configuration), networks=networks)


def test_the_axis_is_the_studys_cost_and_its_function_is_not_imported(data: StudyData) -> None:
    info = pareto_info(of_a_users_cost(data))
    assert [point.cost for point in info.points] == [0.25, 0.5, 0.75, 1, 1.25, 1.5]
    assert pareto_figure(info).layout.xaxis.title.text == "mine:&lt;cost&gt;"
    assert "0.25 mine:&lt;cost&gt;" in info.points[0].hover


def test_a_cost_that_no_network_has_is_told_with_those_that_there_are(data: StudyData) -> None:
    with pytest.raises(ConfigurationError, match=r"It has parameters, macs, mine:<cost>\.$"):
        pareto_info(of_a_users_cost(data), cost="bytes")
