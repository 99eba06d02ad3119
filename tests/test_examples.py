"""What the pages on adding something of your own show is run as it stands: one file of the user's.

A page includes a program of examples/ with the study that names it; what the program prints is the
first block of text on the page. Nothing of plantnas is changed for it.
"""

from __future__ import annotations

import ast
import re
import runpy
import shutil
from importlib import import_module
from inspect import signature
from typing import TYPE_CHECKING

import optuna
import pytest

import plantnas
from plantnas.calling.result import SearchResult
from plantnas.calling.search import search
from plantnas.config_files import load_study
from plantnas.named import imported, modules_of
from tests.conftest import StudyFolder
from tests.notebooks import code_cells, shown_by
from tests.pages import INCLUDED, PAGES, ROOT, blocks, shell_commands, with_files

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import Ended

EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
PAGE_OF = {found[1]: page for page in PAGES for found in INCLUDED.findall(page.read_text())}
"""The page of each file that one includes."""

STUDIES = [path for path in EXAMPLES if path.with_suffix(".yaml").exists()]
PROGRAMS = [path for path in STUDIES if "__main__" in path.read_text()]
MODULES = [path for path in STUDIES if path not in PROGRAMS]
"""Those that commands use."""


def page_of(path: Path) -> Path:
    return PAGE_OF[path.relative_to(ROOT).as_posix()]


@pytest.fixture
def quiet() -> None:
    """Optuna says what it does to stderr, a line a trial."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)


@pytest.mark.parametrize("page", sorted(set(PAGE_OF.values())), ids=lambda page: page.stem)
def test_a_page_shows_its_files_as_they_are(page: Path) -> None:
    text = page.read_text()
    assert text == with_files(text), "python -m tests.pages writes the files into the pages"


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_a_page_includes_it_with_its_study(path: Path) -> None:
    study = path.with_suffix(".yaml").relative_to(ROOT).as_posix()
    assert PAGE_OF[study] == page_of(path)


@pytest.mark.slow
@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.stem)
def test_it_prints_what_its_page_says(
    path: Path, folder: Path, quiet: None, capsys: pytest.CaptureFixture[str]
) -> None:
    for file in (path, path.with_suffix(".yaml")):
        shutil.copy(file, folder)
    runpy.run_path(str(folder / path.name), run_name="__main__")
    assert capsys.readouterr().out == blocks(page_of(path), "text")[0]


@pytest.mark.slow
@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_the_commands_of_its_page_use_it(
    path: Path, folder: Path, plantnas: Callable[..., Ended]
) -> None:
    """Its study is run here first: a worker's process would only take longer for the same."""
    for file in (path, path.with_suffix(".yaml")):
        shutil.copy(file, folder)
    study = load_study(str(path.with_suffix(".yaml")))
    directory = folder / "plantnas-studies" / study.name
    StudyFolder(directory, study, path.with_suffix(".yaml")).run()
    page, printed = page_of(path), ""
    for words in shell_commands(blocks(page, "sh")[0]):
        ended = plantnas(*words[1:])
        assert ended.exit_code == 0, ended.stderr
        printed += ended.stdout
    for line in blocks(page, "text")[0].splitlines():
        assert without_measures(line) in without_measures(printed)


def without_measures(text: str) -> str:
    """The text without what another processor makes different: sizes, accuracies and seconds."""
    return re.sub(r"[\d,.]+(?=%| parameters| seconds)", "#", text)


@pytest.mark.slow
def test_shrinking_prints_what_its_page_says(capsys: pytest.CaptureFixture[str]) -> None:
    path = ROOT / "examples/shrink.py"
    runpy.run_path(str(path), run_name="__main__")
    printed, page = capsys.readouterr().out, blocks(page_of(path), "text")[0]
    assert without_measures(printed) == without_measures(page)
    trained, cropped, shrunk = (int(share) for share in re.findall(r"(\d+)%", printed))
    assert shrunk > trained - 5 > cropped


def run_as_program(name: str, folder: Path) -> None:
    shutil.copy(ROOT / "examples" / f"{name}.py", folder)
    runpy.run_path(str(folder / f"{name}.py"), run_name="__main__")


@pytest.mark.slow
def test_tensorboard_gets_the_curves_and_the_front(folder: Path, quiet: None) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run_as_program("to_tensorboard", folder)
    written = EventAccumulator(str(folder / "curves")).Reload()
    found = plantnas.SearchResult("sqlite:///plantnas-studies/plain/study.db", "plain")
    epochs = plantnas.epochs_frame(found.storage, "plain")
    of_seed = epochs[(epochs.network_id == 2) & (epochs.epoch > 0)]
    curve = written.Scalars("seed/loss")
    assert [point.step for point in curve] == of_seed.epoch.to_list()
    assert [point.value for point in curve] == pytest.approx(of_seed.training_loss.to_list())
    assert [point.step for point in written.Scalars("front")] == found.front.parameters.to_list()
    assert {"teacher/accuracy", "front"} <= set(written.Tags()["scalars"])


@pytest.mark.slow
def test_mlflow_gets_the_curves_and_the_front(folder: Path, quiet: None) -> None:
    mlflow = pytest.importorskip("mlflow", reason="mlflow is not installed: pip install mlflow")
    run_as_program("to_mlflow", folder)
    (run,) = mlflow.search_runs(search_all_experiments=True, output_format="list")
    curve = mlflow.MlflowClient().get_metric_history(run.info.run_id, "seed/loss")
    assert [point.step for point in curve] == [1, 2, 3]
    front = mlflow.load_table("front.json", run_ids=[run.info.run_id])
    assert "seed" in front.method.to_list()


@pytest.mark.slow
def test_weights_and_biases_gets_the_curves_and_the_front(folder: Path, quiet: None) -> None:
    pytest.importorskip("wandb", reason="wandb is not installed: pip install wandb")
    run_as_program("to_wandb", folder)
    (written,) = folder.glob("wandb/offline-run-*/run-*.wandb")
    content = written.read_bytes()
    for part in (b"seed/loss", b"teacher/accuracy", b"front"):
        assert part in content


@pytest.mark.slow
def test_the_notebook_runs_and_shows_what_it_keeps(folder: Path, quiet: None) -> None:
    cells = code_cells(ROOT / "examples/quickstart.ipynb")
    shown = list(shown_by([cell.source for cell in cells]))
    for cell, value in zip(cells, shown, strict=True):
        assert len(cell.outputs) == (value is not None), cell.source
    result = next(value for value in shown if isinstance(value, SearchResult))
    kept = next(cell.outputs[0] for cell in cells if "plantnas.search(" in cell.source)
    for html in (result._repr_html_(), kept["text/html"]):
        assert all(word in html for word in ("<table", "plotly", "<b>quickstart</b>"))
    call = next(cell.source for cell in cells if "plantnas.search(" in cell.source)
    named = {keyword.arg for node in ast.walk(ast.parse(call)) for keyword in keywords_of(node)}
    assert set(list(signature(search).parameters)[4:]) <= named  # of the first four, none needs it
    assert result.front["parameters"].is_monotonic_increasing


def keywords_of(node: ast.AST) -> list[ast.keyword]:
    """Those of a call of `plantnas.search`."""
    is_call = isinstance(node, ast.Call) and ast.unparse(node.func) == "plantnas.search"
    return node.keywords if is_call else []  # type: ignore[attr-defined]


def test_a_plot_draws_a_study(
    folder: Path, finished: StudyFolder, plantnas: Callable[..., Ended]
) -> None:
    shutil.copy(ROOT / "examples/own_plot.py", folder)
    ended = plantnas("plot", "own_plot:sizes", "tiny", "--storage", finished.url)
    assert (ended.exit_code, ended.stdout) == (0, "Written: tiny-own_plot.sizes.html\n")


FOUND = {"own_data": ("plantnas.training.datasets", "read")}
"""Examples that would ship as they are, as one file of a package."""


@pytest.mark.parametrize("name", FOUND)
def test_a_file_in_its_package_is_found_by_its_name(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package, attribute = FOUND[name]
    shutil.copy(ROOT / f"examples/{name}.py", tmp_path / "stripes_of_mine.py")
    places = [*import_module(package).__path__, str(tmp_path)]
    monkeypatch.setattr(f"{package}.__path__", places)
    found = modules_of(package, attribute)["stripes-of-mine"]
    assert callable(imported(found, "data.name"))
