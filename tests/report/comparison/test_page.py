"""The plots show the right data, and the page holds everything once."""

from __future__ import annotations

from math import isnan
from typing import TYPE_CHECKING

import numpy as np
import pytest
from markupsafe import escape

from plantnas.baselines.methods import default_methods
from plantnas.errors import StorageError
from plantnas.measured import Metric
from plantnas.report.comparison.comparison import Comparison, comparison
from plantnas.report.comparison.page import (
    SPREAD_OF_METHODS,
    comparison_page,
    comparison_pareto_figure,
    comparison_pareto_info,
    hypervolume_figure,
    hypervolume_info,
    write_comparison_page,
)
from plantnas.report.comparison.statistics import Spread
from plantnas.report.comparison.verdict import NOTES, cost_rows, verdict, verdict_rows
from tests.browser import open_page

if TYPE_CHECKING:
    from pathlib import Path

    import plotly.graph_objects as go
    from playwright.sync_api import Browser

    from tests.report.conftest import MakeBaseline, MakeStudy


@pytest.fixture(scope="module")
def compared(compared_study: MakeStudy, baseline: MakeBaseline) -> Comparison:
    """Two studies with two methods at both sizes, and one at the larger size."""
    studies = []
    for seed in range(2):
        baselines = [
            *(baseline("l1-kd", target, 0.7 + 0.02 * seed) for target in (4, 6)),
            *(baseline("scratch", target, 0.6, seconds=1.0) for target in (4, 6)),
            baseline("fpgm-kd", 6, 0.5),
        ]
        name = f"seed{seed}"
        studies.append(compared_study(name, baselines, random_seed=seed))
    return comparison(studies, np.random.default_rng(0))


def trace(figure: go.Figure, name: str) -> go.Scatter:
    (found,) = [each for each in figure.data if each.name == name]
    return found


def test_every_method_has_a_point_at_each_of_its_sizes(compared: Comparison) -> None:
    points = comparison_pareto_info(compared).points
    assert [(point.step, point.method, point.cost) for point in points] == [
        (1, "l1-kd", 1010),
        (1, "planting", 1000),
        (1, "scratch", 1010),
        (2, "fpgm-kd", 2010),
        (2, "l1-kd", 2010),
        (2, "planting", 2000),
        (2, "scratch", 2010),
    ]


def test_a_point_is_the_mean_over_studies_with_its_deviation(compared: Comparison) -> None:
    point = comparison_pareto_info(compared).points[0]
    assert point.accuracy.mean == pytest.approx(0.71)
    assert point.accuracy.deviation == pytest.approx(0.02 / 2**0.5)
    assert point.networks == 2


def test_the_teacher_is_shown(compared: Comparison) -> None:
    info = comparison_pareto_info(compared)
    assert (info.teacher_cost, info.teacher_accuracy.mean) == (50_000, 0.94)
    assert trace(comparison_pareto_figure(info), "teacher").y == (94.0,)


def test_the_cost_may_be_macs(compared: Comparison) -> None:
    dearer = [entry._replace(macs=7 * entry.parameters) for entry in compared.entries]
    info = comparison_pareto_info(compared._replace(entries=dearer), "macs")
    assert info.points[0].cost == 7 * 1010
    assert info.teacher_cost == compared.references[0].macs
    assert comparison_pareto_figure(info).layout.xaxis.title.text == "MACs for an image"


def test_an_axis_has_the_metrics_own_scale(compared: Comparison) -> None:
    def top(compared: Comparison) -> tuple[str, float]:
        figure = comparison_pareto_figure(comparison_pareto_info(compared))
        return figure.layout.yaxis.title.text, max(max(trace.y) for trace in figure.data)

    title, highest = top(compared)
    assert title == "test accuracy (%)"
    words, highest_of_r2 = top(compared._replace(metric=Metric("r2")))
    assert words == "test R²"
    assert highest_of_r2 == pytest.approx(highest / 100)


def test_a_teacher_that_was_not_tested_is_not_shown(compared: Comparison) -> None:
    untested = [each._replace(test_accuracy=None) for each in compared.references]
    info = comparison_pareto_info(compared._replace(references=untested))
    assert isnan(info.teacher_accuracy.mean)
    assert "teacher" not in {each.name for each in comparison_pareto_figure(info).data}


def test_planting_is_joined_and_drawn_where_it_is(compared: Comparison) -> None:
    drawn = trace(comparison_pareto_figure(comparison_pareto_info(compared)), "planting")
    assert drawn.mode == "lines+markers"
    assert drawn.x == (1000, 2000)
    assert drawn.y == (71.0, 81.0)


def many_methods(compared: Comparison) -> Comparison:
    """The comparison with all baselines that are made unless told, each at both sizes."""
    theirs = [entry for entry in compared.entries if entry.method == "l1-kd"]
    planted = [entry for entry in compared.entries if entry.method == "planting"]
    copies = [entry._replace(method=name) for name in default_methods() for entry in theirs]
    return compared._replace(entries=planted + copies)


def test_methods_of_one_size_are_drawn_side_by_side(compared: Comparison) -> None:
    figure = comparison_pareto_figure(comparison_pareto_info(many_methods(compared)))
    drawn = [each.x[0] for each in figure.data if each.name != "teacher"]
    assert len(set(drawn)) == len(drawn) == len(default_methods()) + 1
    assert max(drawn) / min(drawn) < SPREAD_OF_METHODS


def test_no_two_methods_look_alike(compared: Comparison) -> None:
    figure = comparison_pareto_figure(comparison_pareto_info(many_methods(compared)))
    looks = {(each.marker.color, each.marker.symbol, each.marker.angle) for each in figure.data}
    assert len(looks) == len(default_methods()) + 2


def test_a_method_looks_the_same_in_both_plots(compared: Comparison) -> None:
    pareto = comparison_pareto_figure(comparison_pareto_info(compared))
    volumes = hypervolume_figure(hypervolume_info(compared))
    for name in ("l1-kd", "scratch"):
        assert trace(pareto, name).marker == trace(volumes, name).marker


def test_planting_is_shown_with_and_without_its_search(compared: Comparison) -> None:
    seconds = {point.name: point.seconds for point in hypervolume_info(compared).points}
    assert seconds == {
        "planting, whole search": Spread(15.0, 0.0),
        "planting, lineage alone": Spread(10.0, 0.0),
        "l1-kd": Spread(10.5, 0.0),
        "scratch": Spread(4.5, 0.0),
    }


def test_the_hypervolume_is_the_mean_over_studies(compared: Comparison) -> None:
    expected = [area.hypervolume for area in compared.areas if area.method == "l1-kd"]
    points = {point.name: point for point in hypervolume_info(compared).points}
    assert points["l1-kd"].hypervolume.mean == pytest.approx(sum(expected) / 2)


def test_a_single_study_has_plots_without_error_bars(
    compared_study: MakeStudy, baseline: MakeBaseline
) -> None:
    records = compared_study("a", [baseline("l1-kd", 6, 0.7)])
    compared = comparison([records], np.random.default_rng(0))
    assert isnan(comparison_pareto_info(compared).points[0].accuracy.deviation)
    assert "NaN" not in hypervolume_figure(hypervolume_info(compared)).to_json()


def test_the_page_says_what_the_verdict_says(compared: Comparison) -> None:
    page, said = comparison_page(compared), verdict(compared)
    assert len(said.overall) == 3
    assert len(said.by_size) == 5
    for text in (*said.overall, *said.by_size, *NOTES):
        assert f">{escape(text)}</" in page
    for row in (*verdict_rows(compared), *cost_rows(compared)):
        assert all(f">{escape(cell)}</td>" in page for cell in row)


def test_the_page_has_plotlys_script_once_and_loads_nothing(compared: Comparison) -> None:
    page = comparison_page(compared)
    assert page.count("plotly.js v") == 1
    assert page.count("data-figure=") == 3
    assert "<script src" not in page
    assert page.count("<link") == page.count('<link rel="icon" href="data:,">') == 1


@pytest.mark.parametrize("width", [1280, 400])
def test_a_browser_draws_all_plots_and_asks_for_nothing_else(
    compared: Comparison, browser: Browser, tmp_path: Path, width: int
) -> None:
    write_comparison_page(compared, tmp_path / "comparison.html")
    opened = open_page(browser, tmp_path / "comparison.html", width)
    assert opened.page.locator(".figure .scatterlayer").count() == 3
    assert opened.page.evaluate("document.documentElement.scrollWidth") == width
    assert opened.errors == []
    assert opened.requests == [opened.page.url]
    opened.page.close()


def test_text_of_the_page_is_escaped(compared: Comparison) -> None:
    entries = [entry._replace(study="<b>a</b>") for entry in compared.entries]
    page = comparison_page(compared._replace(entries=entries))
    assert "<b>a</b>" not in page
    assert "Studies: &lt;b&gt;a&lt;/b&gt;" in page


def test_the_page_is_written(compared: Comparison, tmp_path: Path) -> None:
    path = tmp_path / "new" / "comparison.html"
    write_comparison_page(compared, path)
    assert path.read_text() == comparison_page(compared)


def test_a_page_that_cannot_be_written_is_one_line(compared: Comparison, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match=r"c.html: cannot be written: ") as error:
        write_comparison_page(compared, tmp_path / "file" / "c.html")
    assert "\n" not in str(error.value)
