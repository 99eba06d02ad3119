"""Where a study is, is told without the password of its database."""

from pathlib import Path

from plantnas.place import STUDIES, Place, folder_beside


def test_the_password_of_a_database_is_not_shown() -> None:
    place = Place("tiny", "postgresql://user:swordfish@host/plantnas", Path("files"))
    assert "tiny" in repr(place)
    assert "swordfish" not in repr(place)


def test_a_study_is_where_its_artifacts_are_and_beside_a_bucket_in_the_current_folder() -> None:
    assert folder_beside("/disk/mine/weights", "mine") == Path("/disk/mine")
    assert folder_beside("s3://bucket/mine", "mine") == STUDIES / "mine"
