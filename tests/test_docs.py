"""The documentation is true: its site builds, its reference is complete, and what it shows runs.

Every command, query and piece of Python on the pages of `RUN` is run, in the order of the page, in
one folder. `STAND_INS` and `LEFT_OUT` say what is run in another form, or not at all, and why. The
programs of examples/, which other pages include, are run in test_examples.py.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import typer
from sqlalchemy import text

import plantnas as package
from plantnas.cli import app
from plantnas.records.database import Database
from tests.pages import ROOT, Block, fenced_blocks, shell_commands

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.conftest import Ended, StudyFolder

RUN = (
    "README.md",
    "docs/tutorial.md",
    "docs/method.md",
    "docs/how-to/architecture.md",
)
"""The pages whose blocks are run. A block whose first line is a comment with a file's name is
written to that file too."""

LEFT_OUT = (
    ("git", "clone"),  # needs a network
    ("python3.11", "-m", "venv"),  # the tests run in an environment that is made by these lines
    (".venv/bin/pip", "install"),
    ("pip", "install"),
)
"""How the commands begin that are not run."""

STAND_INS = {
    # A study of two seconds that is complete already, so that commands return at once. It has the
    # tables, files and front of the studies that it stands for.
    "plantnas quickstart": "plantnas run tiny.yaml",
    "plantnas run digits": "plantnas run tiny.yaml",
    "plantnas run fashion-mnist": "plantnas run tiny.yaml",
    # These begin one of their own, by one worker, this process.
    "steps=2)": 'steps=1, trials_per_step=1, teacher={"epochs": 1}, config={"seed": {"epochs": 1}, '
    '"planting": {"screen_epochs": 1, "epochs": 1}, "search": {"probes": 0}})',
    'PlantingObjective("digits")': 'PlantingObjective("short.yaml")',
    "digits": "tiny",
    "fashion-mnist": "tiny",
    # All methods at four learning rates are a minute; the others differ in their names alone.
    "plantnas baselines tiny": "plantnas baselines tiny --methods uniform-kd --rates 0.01",
    # A worker of a complete study only begins, and two begin alike.
    "plantnas launch local tiny --workers 2": "plantnas launch local tiny --workers 1",
    # It serves until it is interrupted; tests/report/test_dashboard.py asks what it serves.
    "plantnas dashboard tiny": "plantnas dashboard --help",
}
"""What is run in place of what stands on a page: replaced in this order."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built as strictly as it can be: a warning fails."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    quiet = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}  # an advertisement, on every build
    done = subprocess.run(command, cwd=ROOT, env=quiet, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder


def test_every_public_name_is_in_the_reference(site: Path) -> None:
    pages = "".join(page.read_text() for page in (site / "api").glob("*.html"))
    anchors = set(re.findall(r'id="plantnas\.(\w+)"', pages))
    assert anchors >= set(package.__all__)


def test_a_page_loads_nothing_from_elsewhere(site: Path) -> None:
    loads = re.compile(r'<(?:script|link|img|iframe)\b[^>]*\b(?:src|href)="(?:https?:)?//[^"]*"')
    pages = {page: loads.findall(page.read_text()) for page in site.rglob("*.html")}
    assert pages
    assert not {page.name: found for page, found in pages.items() if found}


def test_every_command_is_told_of_with_its_options() -> None:
    page = (ROOT / "docs/commands.md").read_text()
    written = page.partition("<!-- commands: begin -->\n")[2].partition("<!-- commands: end -->")[0]
    expected = "\n".join(sections(typer.main.get_command(app), "plantnas"))
    assert written == expected, f"docs/commands.md needs, between its two marks:\n{expected}"


@pytest.mark.parametrize("name", RUN)
def test_what_a_page_shows_runs(
    name: str,
    finished: StudyFolder,
    short: Path,
    plantnas: Callable[..., Ended],
    tmp_path: Path,
) -> None:
    here = tmp_path / "here"  # where the fixture runs commands
    study = finished.copy(here / "plantnas-studies" / "tiny")
    shutil.copy(finished.yaml, here / "tiny.yaml")
    shutil.copy(short, here / "short.yaml")
    namespace: dict[str, Any] = {}
    for block in fenced_blocks(ROOT / name):
        place, code = f"{name}:{block.line}", stood_in(block)
        if file := re.match(r"# ([\w-]+\.\w+)", code):
            (here / file[1]).write_text(code)
        if block.language == "sh":
            run_commands(code, place, plantnas)
        elif block.language == "sql":
            assert answer(study.url, code), f"{place}: has no answer"
        elif block.language == "python":
            exec(compile("\n" * (block.line - 1) + code, str(ROOT / name), "exec"), namespace)


def stood_in(block: Block) -> str:
    """The text of a block as it is run."""
    code = block.text
    for written, run in STAND_INS.items():
        code = re.sub(rf"(?<!\w){re.escape(written)}", run, code)
    return code


def run_commands(code: str, place: str, plantnas: Callable[..., Ended]) -> None:
    for words in shell_commands(code):
        if any(tuple(words[: len(beginning)]) == beginning for beginning in LEFT_OUT):
            continue
        assert words[0] in ("plantnas", ".venv/bin/plantnas"), f"{place}: {words[0]} is not run"
        ended = plantnas(*words[1:])
        assert ended.exit_code == 0, f"{place}: {' '.join(words)}: {ended.stderr}"


def answer(url: str, query: str) -> list[Any]:
    with Database(url).engine.connect() as connection:
        return list(connection.execute(text(query)))


def sections(command: Any, name: str) -> Iterator[str]:
    """A command of the Typer app in Markdown, or each command of a group."""
    if hasattr(command, "commands"):
        for word, each in command.commands.items():
            yield from sections(each, f"{name} {word}")
        return
    yield f"## {name}\n\n{' '.join(command.help.split())}\n"
    if command.params:
        yield "\n".join(
            ["| what | default | meaning |", "|---|---|---|", *map(row, command.params), ""]
        )


def row(parameter: Any) -> str:
    """An argument or option of a command, as a row of a table."""
    is_argument = parameter.param_type_name == "argument"
    called = (
        (parameter.metavar or parameter.name.upper())
        if is_argument
        else "`, `".join(parameter.opts)
    )
    default = "required" if parameter.required else shown(parameter.default)
    meaning = re.sub(r"([\[\]|<>])", r"\\\1", parameter.help)  # as text, in Markdown
    return f"| `{called}` | {default} | {meaning} |"


def shown(default: Any) -> str:
    """A default as it is typed; nothing for a switch, and for what the command finds out."""
    if default is None or isinstance(default, bool):
        return ""
    return f"`{default}`"
