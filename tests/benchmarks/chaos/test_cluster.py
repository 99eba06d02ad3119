"""A worker of a chaos run is known by its process, and no disk but a small one is filled."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from optuna.trial import create_trial

from benchmarks.chaos.cluster import process_of, small_disk
from plantnas.records.optuna_tables import WORKER_KEY

if TYPE_CHECKING:
    from pathlib import Path


def test_a_worker_is_found_by_its_trial() -> None:
    trial = create_trial(value=0.0, user_attrs={WORKER_KEY: "here:123:456"})
    assert process_of(trial) == 123
    assert process_of(create_trial(value=0.0)) == 0


def test_a_large_disk_is_not_filled(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"is no folder of a disk of less than"):
        small_disk(tmp_path / "missing", tmp_path).__enter__()
