"""Where a study is, is told without the password of its database."""

from pathlib import Path

from plantnas.place import Place


def test_the_password_of_a_database_is_not_shown() -> None:
    place = Place("tiny", "postgresql://user:swordfish@host/plantnas", Path("files"))
    assert "tiny" in repr(place)
    assert "swordfish" not in repr(place)
