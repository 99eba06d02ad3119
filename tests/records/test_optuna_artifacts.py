"""Public names for what is private in Optuna's stores of artifacts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plantnas.records.optuna_artifacts import FolderArtifactStore

if TYPE_CHECKING:
    from pathlib import Path


def test_a_store_says_where_an_artifact_is(tmp_path: Path) -> None:
    assert FolderArtifactStore(tmp_path).path_of("a") == tmp_path / "a"
