"""The page is complete, needs nothing else, and takes all that a study says as text."""

from __future__ import annotations

import re
from dataclasses import replace
from html import escape
from html.parser import HTMLParser
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from plantnas.errors import StorageError
from plantnas.report.headline import headline
from plantnas.report.page.page import beside_baselines, write_report
from plantnas.report.study_data import StudyData, study_data
from tests.report.page.conftest import EVIL, page_of

if TYPE_CHECKING:
    from pathlib import Path

    from optuna.trial import FrozenTrial

    from tests.conftest import StudyFolder
    from tests.report.conftest import MakeBaseline, MakeStudy


class Outline(HTMLParser):
    """The ids, links inside the page, headings and addresses of a page, and its texts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.headings: list[int] = []
        self.loaded: list[str] = []
        self.tags: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        self.tags.append(tag)
        self.ids += [named["id"] or ""] if "id" in named else []
        addresses = [named[key] or "" for key in ("href", "src", "srcset") if key in named]
        self.links += [each.removeprefix("#") for each in addresses if each.startswith("#")]
        self.loaded += [each for each in addresses if not each.startswith("#")]
        self.headings += [int(tag[1])] if re.fullmatch(r"h[1-6]", tag) else []


@pytest.fixture(scope="module")
def data(finished: StudyFolder) -> StudyData:
    return study_data(finished.records)


@pytest.fixture(scope="module")
def page(data: StudyData) -> str:
    return page_of(data)


@pytest.fixture(scope="module")
def evil(data: StudyData) -> str:
    """The page of the study with markup as its name, in those of its groups and its settings."""
    configuration = {**data.study.configuration, EVIL: EVIL}
    study = replace(data.study, name=EVIL, configuration=configuration)
    networks = [
        replace(network, widths=marked(network.widths), planted=marked(network.planted))
        for network in data.networks
    ]
    return page_of(data._replace(study=study, networks=networks))


def marked(widths: dict[str, int]) -> dict[str, int]:
    return {f"{EVIL}{group}": width for group, width in widths.items()}


@pytest.fixture(scope="module")
def compared(
    compared_study: MakeStudy, baseline: MakeBaseline, wasted: list[FrozenTrial]
) -> StudyData:
    baselines = [baseline("l1-kd", target, 0.7) for target in (4, 6)]
    return study_data(compared_study("compared", baselines, wasted=wasted))


def test_the_page_loads_nothing(page: str) -> None:
    assert Outline(page).loaded == ["data:,"]


def test_plotly_is_in_the_page_once(page: str) -> None:
    assert page.count("* plotly.js v") == 1


def test_the_page_is_smaller_than_six_megabytes(page: str) -> None:
    assert len(page.encode()) < 6_000_000


def test_every_link_of_the_page_has_its_place(page: str) -> None:
    outline = Outline(page)
    assert set(outline.links) <= set(outline.ids)


def test_no_two_places_have_the_same_name(page: str) -> None:
    ids = Outline(page).ids
    assert len(ids) == len(set(ids))


def test_the_navigation_leads_to_every_section(page: str) -> None:
    sections = ["pick", "costs", "layers", "trust", "made"]
    assert Outline(page).links[: len(sections)] == sections


def test_headings_are_nested_without_a_gap(page: str) -> None:
    levels = Outline(page).headings
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_the_headline_is_on_the_page(page: str, data: StudyData) -> None:
    text = escape(headline(data.networks)).replace(" %", "\N{NO-BREAK SPACE}%")
    assert text.replace("&#x27;", "&#39;") in page


def test_a_study_that_runs_says_so(data: StudyData) -> None:
    study = replace(data.study, configuration={"search": {"steps": 9}})
    assert "Not finished." in page_of(data._replace(study=study))


def test_a_study_that_is_complete_does_not(page: str) -> None:
    assert "Not finished." not in page


def test_names_are_text_and_never_markup(evil: str, page: str) -> None:
    assert Outline(evil).tags == Outline(page).tags


def test_names_are_shown_as_they_are(evil: str) -> None:
    shown = EVIL.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    assert f"<h1>{shown.replace(chr(34), '&#34;').replace(chr(39), '&#39;')}</h1>" in evil


def test_a_study_without_anything_has_a_page(data: StudyData) -> None:
    page = page_of(data._replace(networks=[], trials=[]))
    assert "No network is recorded yet." in page


def test_a_study_without_baselines_has_no_such_section(data: StudyData, page: str) -> None:
    assert beside_baselines(data) is None
    assert "beside" not in Outline(page).ids


def test_sentences_about_all_sizes_come_first(compared: StudyData) -> None:
    beside = beside_baselines(compared)
    assert beside is not None
    assert [text.partition(" planting")[0] for text in beside.overall] == ["Over all sizes"]
    assert len(beside.by_size) == 2


def test_baselines_are_on_the_page(compared: StudyData) -> None:
    page = page_of(compared)
    assert "Over all sizes planting is 6.00 points better than l1-kd" in page
    assert page.count("baseline of") == 2


def test_a_comparison_that_is_refused_says_why(compared: StudyData) -> None:
    beside = beside_baselines(compared._replace(trials=[]))
    assert beside is not None
    assert beside.problem.startswith("study 'compared': Optuna has no trials of it")


def test_the_page_is_written_to_its_file(data: StudyData, tmp_path: Path) -> None:
    write_report(data, tmp_path / "report.html")
    assert f"<h1>{data.name}</h1>" in (tmp_path / "report.html").read_text()


def test_no_plot_of_a_study_fails(data: StudyData, tmp_path: Path) -> None:
    assert write_report(data, tmp_path / "report.html") == []


def test_a_page_that_cannot_be_written_is_one_line(data: StudyData, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="cannot be written"):
        write_report(data, tmp_path)
