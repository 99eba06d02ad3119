"""Every plot of the report page is drawn or says why it is not."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import plotly.graph_objects as go
import pytest

from plantnas.errors import StudyError
from plantnas.records.study import StudyRecords
from plantnas.report.page.plots import PAGE_PLOTS, PagePlot, drawn, drawn_plots
from plantnas.report.study_data import StudyData, study_data
from tests.report.page.conftest import NOW

if TYPE_CHECKING:
    pass


@pytest.fixture
def data(records: StudyRecords) -> StudyData:
    return study_data(records)


def refused(data: StudyData, now: datetime) -> go.Figure:
    raise StudyError("study 'made-up': has nothing to show.")


def broken(data: StudyData, now: datetime) -> go.Figure:
    raise ValueError("no such step")


def test_every_plot_of_a_finished_study_is_drawn(data: StudyData) -> None:
    assert [each.name for each in drawn_plots(data, NOW).values() if each.is_defect] == []


def test_a_study_without_networks_has_no_plot_that_fails(data: StudyData) -> None:
    empty = data._replace(networks=[], trials=[])
    assert [each.problem for each in drawn_plots(empty, NOW).values() if each.is_defect] == []


def test_plots_have_names_of_their_own() -> None:
    assert len({plot.name for plot in PAGE_PLOTS}) == len(PAGE_PLOTS) == 8


def test_a_plot_that_is_refused_says_why(data: StudyData) -> None:
    plot = PagePlot("refused", "Refused", "Words.", refused)
    assert drawn(plot, data, NOW).problem == "study 'made-up': has nothing to show."


def test_a_caption_leaves_out_the_name_of_the_study(data: StudyData) -> None:
    figure = go.Figure(layout_title_text="made-up: all of it")
    plot = PagePlot("any", "Any", "Words.", lambda data, now: figure)
    assert drawn(plot, data, NOW).caption == "all of it"


def test_what_a_study_lacks_is_no_defect(data: StudyData) -> None:
    assert not drawn(PagePlot("refused", "Refused", "Words.", refused), data, NOW).is_defect


def test_a_plot_that_fails_is_a_defect_and_named(data: StudyData) -> None:
    failed = drawn(PagePlot("broken", "Broken", "Words.", broken), data, NOW)
    assert failed.is_defect
    assert failed.problem.startswith("This plot failed: ValueError: no such step.")
