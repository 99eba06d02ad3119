"""The one command of a comparison: what it runs in which order, and the table that comes of it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from sqlite3 import connect
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from plantnas.records.record import BaselineRun
from plantnas.report.finish import finish_baselines

if TYPE_CHECKING:
    from tests.conftest import StudyFolder

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "comparison.py"

PROGRAM = f"""#!{sys.executable}
import json, os, sys
with open("commands", "a") as file:
    print(json.dumps(sys.argv[1:]), file=file)
if sys.argv[1] == "compare":
    os.execv({sys.executable!r}, [{sys.executable!r}, "-c", "from plantnas.cli import main; main()", *sys.argv[1:]])
sys.exit(7 * ("scratched" in sys.argv))
"""  # noqa: E501
"""Writes down what it is asked for, and does it where it is cheap; the method `scratched` fails."""


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """To run in place of plantnas."""
    file = tmp_path / "program"
    file.write_text(PROGRAM)
    file.chmod(0o755)
    return file


@pytest.fixture
def compared(finished: StudyFolder, tmp_path: Path) -> None:
    """Two studies that differ in their names, each with a baseline of what it has grown."""
    first = finished.copy(tmp_path / "plantnas-studies" / "short-0")
    records = first.records
    target = next(each for each in records.networks() if each.kind == "grow")
    made = {"id": None, "method": "scratch-kd", "kind": "baseline", "trial_number": None}
    run = BaselineRun(target.id or 0, 0, 0.01, 3, uses_teacher=True)
    records.add(replace(target, **made, parent_id=None, planted={}, baseline=run))
    finish_baselines(first.url, "tiny")
    records.database.close()
    second = shutil.copytree(first.directory, first.directory.with_name("short-1"))
    for directory in (first.directory, second):
        with closing(connect(directory / "study.db")) as connection, connection:
            connection.execute("UPDATE studies SET study_name = ?", (directory.name,))
            connection.execute("UPDATE plantnas_studies SET name = ?", (directory.name,))


def compare(program: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Runs the script on a study `short` in the program's folder."""
    words = ["short.yaml", "--seeds", "2", "--workers", "1", "--results", "results", *options]
    return subprocess.run(
        [sys.executable, SCRIPT, *words, "--program", program],
        cwd=program.parent,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def commands(program: Path) -> list[list[str]]:
    """What the program was asked for."""
    return [json.loads(line) for line in (program.parent / "commands").read_text().splitlines()]


@pytest.mark.slow
@pytest.mark.usefixtures("compared")
def test_one_command_makes_the_studies_their_baselines_and_the_verdict(program: Path) -> None:
    ended = compare(program, "--methods", "scratch-kd", "--rates", "0.02")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    asked, (verdict, *names) = commands(program)[:-1], commands(program)[-1][:3]
    runs = [
        ["run", "short.yaml", "--name", f"short-{seed}", "--seed", str(seed)] for seed in (0, 1)
    ]
    methods = ["--methods", "scratch-kd", "--targets", "lineage", "--rates", "0.02"]
    baselines = [["baselines", f"short-{seed}", *methods] for seed in (0, 1)]
    assert asked == [[*each, "--workers", "1"] for each in runs + baselines]
    assert (verdict, names) == ("compare", ["short-0", "short-1"])
    rows = pd.read_csv(program.parent / "results" / "short.csv")
    assert set(rows.study) == {"short-0", "short-1"}
    assert set(rows.method) == {"planting", "scratch-kd"}
    assert rows.test_accuracy.notna().all()
    page = (program.parent / "results" / "short.html").read_text()
    assert "scratch-kd (2 pairs: no interval)" in page
    assert ended.stdout.splitlines()[-1].endswith("minutes")


def test_a_command_that_fails_ends_the_comparison(program: Path) -> None:
    failed = compare(program, "--methods", "scratched")
    assert failed.returncode == 7
    assert [words[0] for words in commands(program)] == ["run", "run", "baselines"]
