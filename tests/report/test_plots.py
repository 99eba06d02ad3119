"""Plots show the right data; the figure only draws it."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest

from plantnas.errors import StorageError, StudyError
from plantnas.records.database import Database, Evaluation, StudyRecord
from plantnas.report.plots import pareto, pareto_figure, pareto_info, write_page


def test_every_network_is_a_point_of_its_series(database: Database) -> None:
    points = pareto_info(database, "made-up").points
    assert [(point.series, point.parameters, point.accuracy) for point in points] == [
        ("teacher", 50_000, 0.95),
        ("seed", 500, 0.60),
        ("screened planting", 900, 0.65),
        ("grown planting", 1_000, 0.70),
        ("grown planting", 1_500, 0.68),
        ("grown planting", 2_000, 0.80),
    ]


def test_the_family_is_the_lineage_of_the_most_accurate_planted_network(
    database: Database,
) -> None:
    family = pareto_info(database, "made-up").family
    assert [point.parameters for point in family] == [500, 1_000, 2_000]


def test_only_networks_evaluated_on_the_split_are_shown(database: Database) -> None:
    database.add_evaluations("made-up", {6: Evaluation("test", 0.75, 0.6, 50)})
    info = pareto_info(database, "made-up", split="test")
    assert [(point.parameters, point.accuracy) for point in info.points] == [(2_000, 0.75)]
    assert [point.parameters for point in info.family] == [2_000]


def test_baselines_are_not_in_the_plot_of_the_search(database: Database) -> None:
    before = pareto_info(database, "made-up")
    made = replace(database.networks("made-up")[-1], method="l1-kd", kind="baseline")
    database.add_network("made-up", replace(made, id=None, trial_number=None, parent_id=None))
    assert pareto_info(database, "made-up") == before


def test_a_points_hover_says_what_was_planted(database: Database) -> None:
    hover = pareto_info(database, "made-up").points[3].hover
    for part in (
        "network 4",
        "step 1, trial 1, grow",
        "1,000 parameters",
        "stem 4 (+2)",
        "70.00 %",
    ):
        assert part in hover


def test_the_figure_has_a_trace_for_each_series_and_one_for_the_family(
    database: Database,
) -> None:
    figure = pareto_figure(pareto_info(database, "made-up"))
    sizes = {trace.name: len(trace.x) for trace in figure.data}
    assert sizes == {
        "screened planting": 1,
        "grown planting": 3,
        "seed": 1,
        "teacher": 1,
        figure.data[-1].name: 3,
    }
    assert figure.layout.xaxis.type == "log"


def test_the_legend_has_no_entry_twice(database: Database) -> None:
    figure = pareto_figure(pareto_info(database, "made-up"))
    names = [trace.name for trace in figure.data if trace.showlegend is not False]
    assert len(names) == len(set(names))
    assert all(names)


def test_a_study_without_networks_has_an_empty_plot(database: Database) -> None:
    database.add_study(StudyRecord("empty", None, {}, "", "weights", {}, {}, datetime.now(UTC)))
    info = pareto_info(database, "empty")
    assert info.points == info.family == []
    pareto_figure(info)


def test_a_figure_is_made_from_a_url(database: Database, url: str) -> None:
    expected = pareto_figure(pareto_info(database, "made-up"))
    assert json.loads(pareto(url, "made-up").to_json()) == json.loads(expected.to_json())


def test_an_unknown_study_is_refused(url: str, database: Database) -> None:
    with pytest.raises(StudyError, match=r"Did you mean 'made-up'\?"):
        pareto(url, "made-down")


class Loaded(HTMLParser):
    """What a page loads from elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.places: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        place = named.get("src") or (named.get("href") if tag == "link" else None)
        self.places += [place] if place else []


def test_the_page_loads_nothing_from_elsewhere(database: Database, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    write_page(pareto_figure(pareto_info(database, "made-up")), page)
    text = page.read_text()
    parser = Loaded()
    parser.feed(text)
    assert parser.places == []
    assert "<html>" in text
    assert "network 4" in text


def test_a_page_that_cannot_be_written_is_one_line(database: Database, tmp_path: Path) -> None:
    figure = pareto_figure(pareto_info(database, "made-up"))
    with pytest.raises(StorageError, match=r"page.html: cannot be written: No such file") as error:
        write_page(figure, tmp_path / "none" / "page.html")
    assert "\n" not in str(error.value)
