"""What the configuration of a study that goes on leaves out is as it was recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from plantnas.config import StudyConfig
from plantnas.records.recorded_config import as_recorded_at
from plantnas.searching.recording import make_study

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import StudyFolder


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/study.db"


def without(config: StudyConfig, section: str, key: str) -> StudyConfig:
    """The configuration of a file that leaves a key out."""
    tree = config.model_dump(exclude_unset=True)
    del tree[section][key]
    return StudyConfig.model_validate(tree)


def test_what_is_left_out_is_as_it_was_recorded(
    tiny: StudyFolder, tmp_path: Path, url: str
) -> None:
    """As when a default has become another since."""
    config = tiny.with_settings(search__sampler__arguments={"seed": 1}).config
    make_study(config, url, str(tmp_path / "shared"))
    left_out = without(config, "search", "trials_per_step")
    assert left_out.search.trials_per_step != config.search.trials_per_step
    assert as_recorded_at(left_out, url) == config


def test_what_does_not_go_with_what_is_recorded_is_left_as_it_is(
    tiny: StudyFolder, tmp_path: Path, url: str
) -> None:
    """Recorded is a scale of new columns that fitted rows cannot have."""
    assert tiny.config.planting.column_init == 1
    make_study(tiny.config, url, str(tmp_path / "shared"))
    other = tiny.with_settings(planting__rows="fitted").config
    assert as_recorded_at(other, url) == other


def test_a_study_that_is_new_has_the_defaults(tiny: StudyFolder, tmp_path: Path, url: str) -> None:
    assert as_recorded_at(tiny.config, url) is tiny.config
    assert not list(tmp_path.iterdir())
