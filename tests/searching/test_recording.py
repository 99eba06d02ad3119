"""A study is recorded once, by whoever comes first, with the place that all will look in."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING

import pytest

from plantnas.errors import StorageError, StudyError
from plantnas.records.database import Database
from plantnas.records.study import StudyRecords
from plantnas.searching.recording import (
    check_configuration,
    join_study,
    make_study,
    versions,
)
from plantnas.trials.study import existing_study, open_study

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import StudyFolder


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/study.db"


def test_a_new_study_can_be_joined_by_its_name(tiny: StudyFolder, tmp_path: Path, url: str) -> None:
    make_study(tiny.config, url, str(tmp_path / "shared"))
    recorded = Database(url).study("tiny")
    assert recorded.optuna_study_id == existing_study("tiny", url)._study_id
    assert recorded.configuration_hash == tiny.config.hash()
    assert recorded.versions["torch"] == version("torch")
    assert recorded.configuration["images"]["num_classes"] == 10
    assert (tmp_path / "shared").is_dir()
    assert StudyRecords(Database(url), "tiny").networks() == []


def test_who_joins_a_new_study_has_the_images_that_it_is_recorded_with(
    tiny: StudyFolder, tmp_path: Path, url: str
) -> None:
    joined = join_study(open_study(tiny.config, url), tiny.config, tmp_path / "files")
    recorded = StudyRecords(Database(url), "tiny")
    assert joined.dataset.fingerprint == recorded.images.fingerprint
    assert recorded.artifacts_place == str(tmp_path / "files" / "weights")


def test_a_study_that_exists_is_left_as_it_is(tiny: StudyFolder, tmp_path: Path, url: str) -> None:
    make_study(tiny.config, url, str(tmp_path / "shared"))
    before = Database(url).study("tiny")
    make_study(tiny.config, url, "s3://another/place")
    assert Database(url).study("tiny") == before


def test_a_study_that_goes_further_says_so_to_those_who_join(
    tiny: StudyFolder, tmp_path: Path, url: str
) -> None:
    make_study(tiny.config, url, str(tmp_path / "shared"))
    further = tiny.with_settings(search__steps=7, memory_gigabytes=0.5, data__root="elsewhere")
    make_study(further.config, url, str(tmp_path / "shared"))
    assert StudyRecords(Database(url), "tiny").config == further.config
    check_configuration(StudyRecords(Database(url), "tiny"), tiny.config)  # it is the same study


def test_a_study_of_another_configuration_is_refused(prepared: StudyFolder) -> None:
    other = prepared.with_settings(planting__learning_rate=0.03)
    with pytest.raises(StudyError, match=r"planting.learning_rate is 0.02, not 0.03. Use that"):
        make_study(other.config, prepared.url, "s3://another/place")


def test_who_joins_a_study_that_goes_on_has_what_was_recorded(
    tiny: StudyFolder, tmp_path: Path, url: str
) -> None:
    recorded = tiny.with_settings(search__winner="best_accuracy").config
    make_study(recorded, url, str(tmp_path / "shared"))
    joined = join_study(open_study(recorded, url), tiny.config, tmp_path / "files")
    assert joined.config == recorded != tiny.config


def test_what_does_not_go_with_what_is_recorded_is_another_study(
    prepared: StudyFolder,
) -> None:
    other = prepared.with_settings(planting__rows="fitted")
    with pytest.raises(StudyError, match=r"planting.rows is 'teacher', not 'fitted'"):
        make_study(other.config, prepared.url, "s3://another/place")


def test_a_bucket_is_recorded_and_not_opened(tiny: StudyFolder, url: str, tmp_path: Path) -> None:
    make_study(tiny.config, url, "s3://bucket/tiny")
    assert StudyRecords(Database(url), "tiny").artifacts_place == "s3://bucket/tiny"
    assert not (tmp_path / "s3:").exists()


def test_a_relative_folder_is_where_it_is_said(
    tiny: StudyFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    make_study(tiny.config, f"sqlite:///{tmp_path}/elsewhere/study.db", "shared")
    records = StudyRecords(Database(f"sqlite:///{tmp_path}/elsewhere/study.db"), "tiny")
    assert records.artifacts_place == str(tmp_path / "here" / "shared")


def test_a_folder_that_cannot_be_made_is_one_line_and_records_nothing(
    tiny: StudyFolder, tmp_path: Path, url: str
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="file/shared: cannot be made a folder"):
        make_study(tiny.config, url, str(tmp_path / "file" / "shared"))
    assert Database(url).find_study("tiny") is None


def test_the_versions_are_those_of_what_runs_here() -> None:
    assert versions().keys() == {"plantnas", "torch", "optuna"}
