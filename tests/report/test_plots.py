"""Every plot by its name, and the page that holds one."""

import json
from html.parser import HTMLParser
from pathlib import Path

import pytest

from plantnas.errors import StorageError, StudyError
from plantnas.records.database import Database
from plantnas.report.plots import pareto, write_page
from plantnas.report.plotting.pareto import pareto_figure, pareto_info
from plantnas.report.study_data import study_data


def test_a_figure_is_made_from_a_url(database: Database, url: str) -> None:
    expected = pareto_figure(pareto_info(study_data(database, "made-up")))
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


def test_the_page_loads_nothing_from_elsewhere(
    url: str, database: Database, tmp_path: Path
) -> None:
    page = tmp_path / "page.html"
    write_page(pareto(url, "made-up"), page)
    text = page.read_text()
    parser = Loaded()
    parser.feed(text)
    assert parser.places == []
    assert "<html>" in text
    assert "network 4" in text


def test_a_page_that_cannot_be_written_is_one_line(
    url: str, database: Database, tmp_path: Path
) -> None:
    with pytest.raises(StorageError, match=r"page.html: cannot be written: No such file") as error:
        write_page(pareto(url, "made-up"), tmp_path / "none" / "page.html")
    assert "\n" not in str(error.value)
