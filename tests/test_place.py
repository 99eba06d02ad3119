"""Where a study is, is told without the password of its database."""

from pathlib import Path

import pytest

from plantnas.place import STUDIES, Place, folder_beside, sqlite_url
from plantnas.records.engine import sqlite_file


def test_the_password_of_a_database_is_not_shown() -> None:
    place = Place("tiny", "postgresql://user:swordfish@host/plantnas", Path("files"))
    assert "tiny" in repr(place)
    assert "swordfish" not in repr(place)


@pytest.mark.parametrize("name", ["a b", "50%20", "why?", "#1", "ü&=;"])
def test_the_database_of_a_folder_of_any_name_is_in_it(tmp_path: Path, name: str) -> None:
    assert sqlite_file(sqlite_url(tmp_path / name)) == tmp_path / name / "study.db"


def test_a_study_is_where_its_artifacts_are_and_beside_a_bucket_in_the_current_folder() -> None:
    assert folder_beside("/disk/mine/weights", "mine") == Path("/disk/mine")
    assert folder_beside("s3://bucket/mine", "mine") == STUDIES / "mine"
