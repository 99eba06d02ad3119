"""Where a command looks for a study, and what it says if the study is not there."""

from pathlib import Path

import pytest

from plantnas.cli.options import existing, opened_study, place_of
from plantnas.errors import StudyError
from tests.conftest import StudyFolder


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_study_is_looked_for_in_its_folder_unless_told(tmp_path: Path) -> None:
    assert place_of("mine", None, None) == (
        "mine",
        f"sqlite:///{tmp_path}/plantnas-studies/mine/study.db",
    )
    assert place_of("mine", None, Path("there")) == ("mine", f"sqlite:///{tmp_path}/there/study.db")
    assert place_of("mine", "postgresql://host/db", None) == ("mine", "postgresql://host/db")


def test_a_study_may_be_named_by_its_file(tiny: StudyFolder) -> None:
    assert place_of(str(tiny.yaml), "sqlite:///some.db", None)[0] == "tiny"


def test_an_unknown_study_lists_those_that_are_here(prepared: StudyFolder, tmp_path: Path) -> None:
    prepared.copy(tmp_path / "plantnas-studies" / "tiny")
    with pytest.raises(StudyError, match=r"there is no database .*Did you mean 'tiny'\?"):
        existing("tini", None, None)
    with pytest.raises(StudyError, match=r"Allowed: tiny\."):
        existing("something-else", None, None)


def test_where_no_study_is_it_is_said_and_nothing_is_made(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"There is no other study either"):
        existing("tiny", None, None)
    assert list(tmp_path.iterdir()) == []


def test_the_database_of_a_study_is_opened(prepared: StudyFolder) -> None:
    name, database = opened_study("tiny", None, prepared.directory)
    assert [network.method for network in database.networks(name)] == ["teacher", "seed"]
