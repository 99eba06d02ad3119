"""The study of a chaos run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.chaos.__main__ import study_file
from plantnas.config_files import load_study

if TYPE_CHECKING:
    from pathlib import Path


def test_the_study_has_trials_for_all_faults(tmp_path: Path) -> None:
    search = load_study(str(study_file(tmp_path, kills=50, restarts=3))).search
    assert search.steps
    assert search.steps * search.trials_per_step >= 2 * (50 + 3 + 3)
