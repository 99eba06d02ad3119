"""The commands that show a study, and one line for each mistake."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.request import urlopen

import pandas as pd
import pytest

from plantnas.report.frames.frames import networks_frame
from plantnas.report.names import FORMATS, FRAMES, PLOTS
from tests.cli.conftest import assert_one_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from plantnas.named import Table
    from tests.conftest import Ended, StudyFolder

    Show = Callable[..., Ended]


@pytest.fixture
def show(plantnas: Callable[..., Ended], finished: StudyFolder, tmp_path: Path) -> Show:
    """Runs a command on a copy of the finished study."""
    folder = finished.copy(tmp_path / "study")

    def run(*words: object) -> Ended:
        return plantnas(*words, "--directory", folder.directory)

    return run


def test_the_status_of_a_study_has_its_headline(show: Show) -> None:
    ended = show("status", "tiny")
    assert (ended.exit_code, ended.stderr) == (0, "")
    for part in ("Steps", "step 2, grow", "Pareto front", "% of the teacher's parameters"):
        assert part in ended.stdout


def test_watching_ends_with_the_study(show: Show) -> None:
    assert show("status", "tiny", "--watch").exit_code == 0


def test_watching_a_study_goes_on_until_it_is_complete(
    plantnas: Callable[..., Ended], begun: StudyFolder, tmp_path: Path
) -> None:
    folder = begun.copy(tmp_path / "study")
    running = threading.Thread(target=folder.run)
    running.start()
    words = ("status", "short", "--directory", folder.directory, "--watch", "--every", 0.5)
    ended = plantnas(*words)
    running.join()
    assert ended.exit_code == 0
    assert "step 2, grow" in ended.stdout


@pytest.mark.parametrize(
    ("command", "names"), [("plot", PLOTS), ("table", FRAMES), ("table", FORMATS)]
)
def test_the_help_has_every_name(
    plantnas: Callable[..., Ended], command: str, names: Table[object]
) -> None:
    shown = " ".join(plantnas(command, "--help").stdout.replace("│", " ").split())
    assert f"{', '.join(names)}, or a module:function of yours" in shown


@pytest.mark.parametrize("name", list(PLOTS))
def test_a_plot_is_a_page_named_after_itself_and_its_study(show: Show, name: str) -> None:
    ended = show("plot", name, "tiny")
    assert ended.exit_code == 0, ended
    assert f"Written: tiny-{name}.html" in ended.stdout
    assert "Plotly.newPlot" in Path(f"tiny-{name}.html").read_text()


def test_the_options_of_a_plot_are_its_own(show: Show) -> None:
    show("plot", "pareto", "tiny", "--split", "test", "--cost", "macs", "--out", "figure.json")
    layout = json.loads(Path("figure.json").read_text())["layout"]
    assert layout["yaxis"]["title"]["text"] == "test accuracy (%)"
    assert layout["xaxis"]["title"]["text"] == "MACs for an image"


def test_a_report_is_in_the_studys_folder_and_made_anew(show: Show, tmp_path: Path) -> None:
    page = tmp_path / "study" / "report.html"
    for _ in range(2):
        ended = show("report", "tiny")
        assert ended.exit_code == 0, ended
    assert f"Written: {page}" in ended.stdout
    assert page.stat().st_size < 6_000_000


def test_a_table_is_printed_for_other_programs(show: Show) -> None:
    assert show("table", "tiny", "--what", "widths").stdout.startswith("network_id,group_name")
    records = json.loads(show("table", "tiny", "--format", "json").stdout)
    assert records[0]["method"] == "teacher"


def test_a_table_is_written_to_a_file(show: Show, finished: StudyFolder) -> None:
    assert show("table", "tiny", "--out", "networks.parquet").exit_code == 0
    expected = networks_frame(finished.url, "tiny")
    pd.testing.assert_frame_equal(pd.read_parquet("networks.parquet"), expected)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("plot", "paretto", "tiny"), "plot: 'paretto' is unknown. Did you mean 'pareto'?"),
        (("plot", "cost", "tiny", "--split", "test"), "plot 'cost': has no split."),
        (("plot", "pareto", "tiny", "--split", "train"), "Allowed: validation, test."),
        (("plot", "widths", "tiny", "--network", 99), "99"),
        (("plot", "cost", "tiny", "--out", "cost.gif"), "cost.gif: ends in none of .html"),
        (("plot", "cost", "tiny", "--out", "none/cost.html"), "there is no folder none"),
        (("report", "tiny", "--out", "none/page.html"), "there is no folder none"),
        (("table", "tiny", "--what", "network"), "table: 'network' is unknown. Did you mean"),
        (("table", "tiny", "--format", "xlsx"), "format: 'xlsx' is unknown."),
        (("table", "tiny", "--format", "parquet"), "--out"),
    ],
)
def test_a_mistake_is_one_line_and_writes_nothing(
    show: Show, words: tuple[object, ...], message: str
) -> None:
    assert_one_line(show(*words), message)
    assert list(Path.cwd().iterdir()) == []


@pytest.mark.parametrize(
    "words", [("plot", "cost", "tiny"), ("report", "tiny"), ("table", "tiny")], ids=lambda w: w[0]
)
def test_a_file_that_exists_is_replaced_only_if_it_may_be(
    show: Show, words: tuple[str, ...]
) -> None:
    Path("file.html").write_text("mine")
    out = ("--out", "file.html", *(("--format", "csv") if words[0] == "table" else ()))
    assert_one_line(show(*words, *out), "file.html: exists already")
    assert Path("file.html").read_text() == "mine"
    assert show(*words, *out, "--force").exit_code == 0
    assert Path("file.html").read_text() != "mine"


@pytest.mark.parametrize("command", ["status", "report", "table", "dashboard"])
def test_an_unknown_study_is_one_line(plantnas: Callable[..., Ended], command: str) -> None:
    assert_one_line(plantnas(command, "missing"), "study 'missing': there is no database")


def test_the_dashboard_is_served_with_the_study_until_ctrl_c(
    finished: StudyFolder, tmp_path: Path
) -> None:
    folder = finished.copy(tmp_path / "study")
    words = ("dashboard", "tiny", "--directory", str(folder.directory), "--port", "0")
    command = [sys.executable, "-u", "-c", "from plantnas.cli import main; main()", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            address = server.stdout.readline().split()[0]
            with urlopen(f"{address}/api/studies") as answer:
                assert b"tiny" in answer.read()
            server.send_signal(signal.SIGINT)
            assert server.wait(timeout=30) == 0
        finally:
            server.kill()  # who ignores SIGINT, as what a shell put behind it does, ignores Ctrl-C
