"""The one command of a comparison, on a tiny study with two random seeds."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pytest

if TYPE_CHECKING:
    from tests.conftest import StudyFolder

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "comparison.py"


@pytest.fixture
def short(tiny: StudyFolder, tmp_path: Path) -> Path:
    """The file of a study of one step: each command of it takes longer to start than to run."""
    text = tiny.yaml.read_text().replace(
        "steps: 2, trials_per_step: 3", "steps: 1, trials_per_step: 2"
    )
    file = tmp_path / "short.yaml"
    file.write_text(text.replace("epochs: 6", "epochs: 2"))
    return file


@pytest.mark.slow
def test_one_command_makes_the_studies_their_baselines_and_the_verdict(
    short: Path, tmp_path: Path
) -> None:
    def run(*options: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, SCRIPT, short, "--seeds", "2", "--workers", "1", *options],
            cwd=tmp_path,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            check=False,
        )

    ended = run("--methods", "scratch-kd", "--results", "results")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    rows = pd.read_csv(tmp_path / "results" / "short.csv")
    assert set(rows.study) == {"short-0", "short-1"}
    assert set(rows.method) == {"planting", "scratch-kd"}
    assert rows.test_accuracy.notna().all()
    page = (tmp_path / "results" / "short.html").read_text()
    assert "scratch-kd (2 pairs: no interval)" in page
    assert ended.stdout.splitlines()[-1].endswith("minutes")
    failed = run("--methods", "scratched")
    assert failed.returncode == 2
    assert "'scratched' is no baseline" in failed.stderr
