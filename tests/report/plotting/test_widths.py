"""The plot of widths adds up to the network, and is true of groups wider than the teacher's."""

from dataclasses import replace

import pytest

from plantnas.errors import StudyError
from plantnas.records.study import StudyRecords
from plantnas.report.plotting.widths import (
    WidthsInfo,
    widths_figure,
    widths_info,
)
from plantnas.report.study_data import StudyData, study_data
from tests.conftest import StudyFolder
from tests.report.conftest import NETWORKS, study_record

STUDY = study_record("made-up")
INFO = WidthsInfo(
    name="made-up",
    network_id=7,
    groups=["stem", "head"],
    planted=[{"stem": 2, "head": 8}, {"stem": 0, "head": 4}, {"stem": 8, "head": 4}],
    teacher={"stem": 8, "head": 64},
)


@pytest.fixture
def data(records: StudyRecords) -> StudyData:
    return study_data(records)


def trace(info: WidthsInfo, name: str):
    return next(each for each in widths_figure(info).data if each.name == name)


def test_the_lineage_is_that_of_the_most_accurate_planted_network(data: StudyData) -> None:
    assert widths_info(data).network_id == 6


def test_each_step_has_what_it_planted(data: StudyData) -> None:
    assert widths_info(data).planted == [
        {"stem": 4, "head": 8},
        {"stem": 2, "head": 0},
        {"stem": 0, "head": 4},
    ]


def test_another_network_can_be_asked_for(data: StudyData) -> None:
    info = widths_info(data, 5)
    assert (info.network_id, len(info.planted)) == (5, 2)


def test_a_screened_network_has_a_lineage_too(data: StudyData) -> None:
    info = widths_info(data, 3)
    assert (info.network_id, len(info.planted)) == (3, 2)


@pytest.mark.parametrize("number", [1, 2, 99])
def test_a_network_that_was_not_planted_is_refused(data: StudyData, number: int) -> None:
    with pytest.raises(StudyError, match=rf"network {number} .*allowed: 4, 5, 6, any screened"):
        widths_info(data, number)


def test_nothing_is_allowed_before_a_network_is_planted() -> None:
    with pytest.raises(StudyError, match="allowed: none yet"):
        widths_info(StudyData(STUDY, [replace(NETWORKS[1], id=1)], []), 1)


def test_a_real_studys_bars_add_up_to_the_networks_widths(finished: StudyFolder) -> None:
    data = study_data(finished.records)
    info = widths_info(data)
    last = next(each for each in data.networks if each.id == info.network_id)
    assert info.widths == last.widths
    assert list(info.widths) == list(last.widths)


def test_bars_are_stacked_in_shares_of_the_teachers_widths() -> None:
    last = trace(INFO, "step 2")
    assert (last.base, last.x) == ((25.0, 18.75), (100.0, 6.25))


def test_a_group_wider_than_the_teacher_goes_beyond_100_per_cent() -> None:
    assert trace(INFO, "step 2").base[0] + trace(INFO, "step 2").x[0] == 125
    assert trace(INFO, "teacher").x == (100.0, 100.0)
    assert widths_figure(INFO).layout.xaxis.range[1] > 125


def test_a_bar_says_the_channels_that_were_planted() -> None:
    assert trace(INFO, "step 1").text == ("+4",)
    assert trace(INFO, "seed").text == ("2", "8")


def test_the_hover_says_what_was_there_before() -> None:
    assert "8 + 4 = 12 channels" in trace(INFO, "step 1").hovertext[0]


def test_widths_and_the_teachers_are_written_behind_the_bars() -> None:
    texts = widths_figure(INFO).data[-1]
    assert texts.text == (" 10 of 8", " 16 of 64")


def test_the_input_is_at_the_top() -> None:
    axis = widths_figure(INFO).layout.yaxis
    assert axis.ticktext == ("stem", "head")
    assert axis.range[0] > axis.range[1]


def test_without_a_teacher_the_bars_are_channels() -> None:
    info = INFO._replace(teacher={})
    assert trace(info, "step 2").x == (8, 4)
    assert widths_figure(info).layout.xaxis.title.text == "channels"


def test_a_teacher_without_one_of_the_groups_is_compared_in_channels() -> None:
    info = INFO._replace(teacher={"head": 64})
    assert trace(info, "teacher").x == (64,)


def test_each_step_is_in_the_legend_once() -> None:
    named = [each.name for each in widths_figure(INFO).data if each.showlegend is not False]
    assert named == ["seed", "step 1", "step 2", "teacher"]


def test_a_groups_name_is_no_markup() -> None:
    info = WidthsInfo("<i>", 1, ["<b>&"], [{"<b>&": 2}], {})
    figure = widths_figure(info)
    assert figure.layout.yaxis.ticktext == ("&lt;b&gt;&amp;",)
    assert "&lt;b&gt;&amp;" in figure.data[0].hovertext[0]
    assert figure.layout.title.text.startswith("&lt;i&gt;")


def test_sixty_groups_have_a_row_each() -> None:
    groups = [f"layer.{number}" for number in range(60)]
    info = WidthsInfo("made-up", 1, groups, [dict.fromkeys(groups, 2)], {})
    assert widths_figure(info).layout.height > 60 * 20


def test_a_study_without_a_planted_network_has_a_plot_that_says_so() -> None:
    seed = replace(NETWORKS[1], id=1)
    figure = widths_figure(widths_info(StudyData(STUDY, [seed], [])))
    assert "planted" in figure.layout.annotations[0].text
