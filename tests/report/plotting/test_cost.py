"""Every second is in one bar, and only once."""

from dataclasses import replace

import pytest
from optuna.trial import TrialState

from plantnas.records.database import Database
from plantnas.records.record import NetworkRecord
from plantnas.records.study import StudyRecords
from plantnas.report.finished_trials import finished_trials
from plantnas.report.plotting.cost import CostInfo, cost_figure, cost_info
from plantnas.report.study_data import StudyData, study_data
from tests.conftest import StudyFolder
from tests.report.conftest import FINISHED, MakeBaseline, MakeStudy, study_record, trial


@pytest.fixture
def data(records: StudyRecords) -> StudyData:
    complete = [trial(number, TrialState.COMPLETE, 30.0) for number in range(4)]
    nothing = [trial(4, TrialState.FAIL, 30.0), trial(5, TrialState.PRUNED, 20.0)]
    return study_data(records)._replace(trials=[*complete, *nothing])


def rows_of(info: CostInfo) -> list[tuple[str, bool, float, int]]:
    return [(row.name, row.is_tuning, row.total, row.networks) for row in info.rows]


def seconds_of(networks: list[NetworkRecord]) -> float:
    return sum(sum(network.seconds.values()) for network in networks)


def test_the_rows_follow_the_study(data: StudyData) -> None:
    assert rows_of(cost_info(data)) == [
        ("teacher", False, 2.5, 1),
        ("seed", False, 2.5, 1),
        ("step 1 screening", False, 2.5, 1),
        ("step 1 growing", False, 5.0, 2),
        ("step 2 growing", False, 2.5, 1),
        ("failed trials", False, 30.0, 1),
        ("refused trials", False, 20.0, 1),
    ]


def test_probes_have_a_row_of_their_own(data: StudyData) -> None:
    probe = trial(9, TrialState.COMPLETE, 0.5)
    probe.user_attrs = {"kind": "probe", "step": 1}
    rows = rows_of(cost_info(data._replace(trials=[*data.trials, probe])))
    assert rows[5] == ("probes", False, 0.5, 1)


def test_finished_networks_have_a_row_behind_the_search(data: StudyData) -> None:
    rows = rows_of(cost_info(data._replace(networks=[*data.networks, FINISHED])))
    assert rows[-1] == ("finished", False, 2.5, 1)


def test_the_total_is_all_networks_and_all_trials_without_one(finished: StudyFolder) -> None:
    data = study_data(finished.records)
    wasted = sum(trial.seconds for trial in finished_trials(data) if not trial.network)
    assert cost_info(data).total == pytest.approx(seconds_of(data.networks) + wasted)


def test_a_method_has_its_networks_at_the_chosen_rate_and_the_rest(
    compared_study: MakeStudy, baseline: MakeBaseline
) -> None:
    baselines = [
        baseline("l1-kd", 4, rate=0.02, seconds=3.0),
        baseline("l1-kd", 6, rate=0.02, seconds=4.0, validation=0.8),
        baseline("l1-kd", 6, rate=0.01, seconds=5.0),
    ]
    info = cost_info(study_data(compared_study("some", baselines)))
    assert rows_of(info)[-2:] == [("l1-kd", False, 7.0, 2), ("l1-kd", True, 5.0, 1)]


def test_a_searchs_trial_that_was_taken_for_two_sizes_counts_once(
    compared_study: MakeStudy, baseline: MakeBaseline
) -> None:
    rows = [replace(baseline("search-kd", target), artifact_id="best") for target in (4, 6)]
    trials = [
        replace(rows[0], kind="trial", step=None, baseline=None, artifact_id=artifact_id)
        for artifact_id in ("best", "other")
    ]
    info = cost_info(study_data(compared_study("some", [*trials, *rows])))
    assert rows_of(info)[-2:] == [("search-kd", False, 4.0, 1), ("search-kd", True, 4.0, 1)]


def test_the_largest_phases_have_names_and_the_rest_is_together(data: StudyData) -> None:
    seconds = {"training": 9.0, "prefix": 4.0, "evaluation": 3.0, "planting": 0.5, "more": 0.25}
    teacher = replace(data.networks[0], seconds=seconds)
    info = cost_info(data._replace(networks=[teacher, *data.networks[1:]]))
    assert info.phases == [
        "training",
        "evaluation",
        "prefix",
        "other phases",
        "trials without a network",
    ]
    assert info.rows[0].phases["other phases"] == 0.75


def test_there_is_a_trace_for_each_phase_and_the_totals_stand_at_the_ends(
    data: StudyData,
) -> None:
    figure = cost_figure(cost_info(data))
    *bars, totals = figure.data
    assert [trace.name for trace in bars] == ["training", "evaluation", "trials without a network"]
    assert totals.text[0].strip() == "2.5 s"
    assert figure.layout.barmode == "stack"


def test_the_share_of_the_whole_is_in_the_hover(data: StudyData) -> None:
    hover = cost_figure(cost_info(data)).data[0].hovertext[3]
    assert "training 4.0 s, 80.0 % of this bar" in hover
    assert "bar 5.0 s, 7.7 % of the study" in hover


def test_hours_are_shown_as_hours(data: StudyData) -> None:
    teacher = replace(data.networks[0], seconds={"training": 4 * 3600.0})
    figure = cost_figure(cost_info(data._replace(networks=[teacher])))
    assert "hours" in figure.layout.xaxis.title.text
    assert figure.data[0].x[0] == 4.0


def test_a_methods_name_is_text_and_broken_for_phones(data: StudyData) -> None:
    info = cost_info(data)
    row = info.rows[0]._replace(name="<b>-iterative-global-magic-kd")
    label = cost_figure(info._replace(rows=[row])).layout.yaxis.ticktext[0]
    assert label == "&lt;b&gt;-iterative-<br>global-magic-kd"


def test_a_study_without_networks_has_a_plot_that_says_so(database: Database) -> None:
    database.add_study(study_record("empty"))
    info = cost_info(study_data(StudyRecords(database, "empty")))
    assert (info.rows, info.total) == ([], 0)
    assert "nothing has been trained" in cost_figure(info).layout.annotations[0].text
