"""Every plot by its name, and the page that holds one."""

import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import plotly.io as pio
import pytest
from PIL import Image

from plantnas.errors import ConfigurationError, StorageError, StudyError
from plantnas.records.database import Database
from plantnas.records.study import StudyRecords
from plantnas.report.names import PLOTS
from plantnas.report.plots import checked_plot, pareto, write_figure
from plantnas.report.plotting.pareto import pareto_figure, pareto_info
from plantnas.report.study_data import study_data
from tests.conftest import StudyFolder
from tests.report.conftest import study_record


def test_a_figure_is_made_from_a_url(records: StudyRecords, url: str) -> None:
    expected = pareto_figure(pareto_info(study_data(records)))
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
    write_figure(pareto(url, "made-up"), page)
    text = page.read_text()
    parser = Loaded()
    parser.feed(text)
    assert parser.places == []
    assert "<html>" in text
    assert "network 4" in text


@pytest.mark.parametrize("name", list(PLOTS))
def test_every_plot_of_a_finished_study_shows_something(name: str, finished: StudyFolder) -> None:
    figure = PLOTS.find(name)(finished.url, finished.config.name)
    assert len(figure.data) > 0
    assert finished.config.name in figure.layout.title.text


@pytest.mark.parametrize("name", list(PLOTS))
def test_every_plot_of_a_study_without_networks_says_why_it_is_empty(
    name: str, database: Database
) -> None:
    database.add_study(study_record("empty"))
    figure = PLOTS.find(name)(database, "empty")
    assert any(note.text for note in figure.layout.annotations)


@pytest.mark.parametrize("name", list(PLOTS))
def test_every_plot_of_a_study_that_has_just_begun_is_drawn(
    name: str, prepared: StudyFolder
) -> None:
    PLOTS.find(name)(prepared.url, prepared.config.name).to_json()


def test_a_figure_is_written_as_plotlys_json(url: str, database: Database, tmp_path: Path) -> None:
    figure = pareto(url, "made-up")
    write_figure(figure, tmp_path / "figure.json")
    assert pio.read_json(tmp_path / "figure.json").to_dict() == figure.to_dict()


def test_a_figure_is_drawn_as_a_picture_of_the_wanted_width(
    url: str, database: Database, tmp_path: Path
) -> None:
    if shutil.which("chromium") is None and shutil.which("google-chrome") is None:
        pytest.skip("no Chromium or Chrome is on this machine to draw a picture with")
    write_figure(pareto(url, "made-up"), tmp_path / "figure.png", width=400)
    assert Image.open(tmp_path / "figure.png").width == 400


@pytest.mark.parametrize("name", ["figure.gif", "figure"])
def test_a_file_of_another_kind_is_refused(
    url: str, database: Database, tmp_path: Path, name: str
) -> None:
    with pytest.raises(ConfigurationError, match=rf"{name}: ends in none of .html, .json"):
        write_figure(pareto(url, "made-up"), tmp_path / name)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("paretto", {}, "plot: 'paretto' is unknown. Did you mean 'pareto'?"),
        ("cost", {"split": "test"}, "plot 'cost': has no split. It has no options."),
        (
            "pareto",
            {"network_id": 1},
            "plot 'pareto': has no network_id. It has split, cost, latency.",
        ),
        ("pareto", {"split": "train"}, "split 'train': is not allowed. Allowed: validation, test."),
        (
            "pareto",
            {"cost": "flops"},
            "cost 'flops': is not allowed. Allowed: activation_memory, bytes, bytes_float16, "
            "bytes_int8, latency, macs, parameters.",
        ),
    ],
)
def test_a_plot_or_an_option_that_does_not_exist_is_refused(
    name: str, options: dict[str, object], message: str
) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(message)):
        checked_plot(name, options)


OWN = """
import plotly.graph_objects as go
from tests.report.conftest import study_record

def sizes(recorded):
    return go.Figure(go.Bar(y=[network.parameters for network in recorded.networks]))

def nothing(recorded):
    return len(recorded.networks)
"""


def test_a_plot_of_the_users_is_drawn_from_all_that_is_recorded(
    folder: Path, finished: StudyFolder
) -> None:
    (folder / "of_mine.py").write_text(OWN)
    figure = checked_plot("of_mine:sizes", {})(finished.url, "tiny")
    assert len(figure.data[0].y) == len(finished.records.networks())


def test_what_draws_no_figure_is_refused(folder: Path, finished: StudyFolder) -> None:
    (folder / "of_mine.py").write_text(OWN)
    with pytest.raises(ConfigurationError, match="'of_mine:nothing' is not a function of a plantn"):
        checked_plot("of_mine:nothing", {})(finished.url, "tiny")


def test_a_page_that_cannot_be_written_is_one_line(
    url: str, database: Database, tmp_path: Path
) -> None:
    (tmp_path / "none").touch()
    with pytest.raises(StorageError, match=r"page.html: cannot be written: ") as error:
        write_figure(pareto(url, "made-up"), tmp_path / "none" / "page.html")
    assert "\n" not in str(error.value)
