"""Where a command looks for a study, and what it says if the study is not there."""

from collections.abc import Callable
from pathlib import Path

import pytest

from plantnas.cli.options import existing, place_of, records_of
from plantnas.errors import StudyError
from plantnas.place import Place
from tests.cli.conftest import assert_one_line
from tests.conftest import Ended, StudyFolder


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_study_is_looked_for_in_its_folder_unless_told(tmp_path: Path) -> None:
    studies = tmp_path / "plantnas-studies"
    assert place_of("mine", None, None) == Place(
        "mine", f"sqlite:///{studies}/mine/study.db", Path("plantnas-studies/mine")
    )
    there, url = Path("there"), f"sqlite:///{tmp_path}/there/study.db"
    assert place_of("mine", None, there) == Place("mine", url, there)
    url = "postgresql://host/db"
    assert place_of("mine", url, None) == Place("mine", url, Path("plantnas-studies/mine"))


def test_a_study_may_be_named_by_its_file(tiny: StudyFolder) -> None:
    assert place_of(str(tiny.yaml), "sqlite:///some.db", None).name == "tiny"


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
    records = records_of(existing("tiny", None, prepared.directory))
    assert [network.method for network in records.networks()] == [
        "teacher",
        "seed",
    ]


def test_a_storage_may_be_in_a_file_or_in_the_environment(
    plantnas: Callable[..., Ended],
    prepared: StudyFolder,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "url").write_text(f"{prepared.url}\n")
    assert plantnas("status", "tiny", "--storage", f"@{tmp_path}/url").exit_code == 0
    monkeypatch.setenv("PLANTNAS_STORAGE", f"@{tmp_path}/url")
    assert plantnas("status", "tiny").exit_code == 0


def test_a_file_of_a_storage_that_cannot_be_read_is_one_line(
    plantnas: Callable[..., Ended],
) -> None:
    ended = plantnas("status", "tiny", "--storage", "@missing")
    assert_one_line(ended, "storage @missing: cannot be read: No such file")


@pytest.mark.parametrize(
    ("content", "lines"),
    [(b"", 0), (b"  \n\n", 0), (b"sqlite:///a.db\nsqlite:///b.db\n", 2), (b"x" * 9999, 1)],
)
def test_a_file_of_a_storage_has_one_url(
    plantnas: Callable[..., Ended], tmp_path: Path, content: bytes, lines: int
) -> None:
    (tmp_path / "url").write_bytes(content)
    ended = plantnas("status", "tiny", "--storage", f"@{tmp_path}/url")
    assert_one_line(ended, f"storage @{tmp_path}/url: has {lines} lines with text, where the URL")


@pytest.mark.parametrize("where", ["@/dev/zero", "@", "@/dev/null"])
def test_what_is_no_file_of_a_storage_is_one_line(
    plantnas: Callable[..., Ended], where: str
) -> None:
    assert_one_line(plantnas("status", "tiny", "--storage", where), f"storage {where}: ")


def test_an_empty_storage_does_not_stand_for_the_default(plantnas: Callable[..., Ended]) -> None:
    ended = plantnas("status", "tiny", "--storage", "")
    assert_one_line(ended, "storage '': is empty, where the URL of a database is needed.")


@pytest.mark.parametrize("number", ["nan", "inf", "-inf"])
def test_a_number_of_an_option_is_finite(plantnas: Callable[..., Ended], number: str) -> None:
    assert plantnas("status", "tiny", "--watch", f"--every={number}").exit_code == 2


def test_no_command_tells_the_password_of_a_storage(plantnas: Callable[..., Ended]) -> None:
    url = "postgresql+psycopg://someone:secret@localhost:1/nothing?password=hidden"
    for command in (("status", "tiny"), ("run", "digits"), ("db", "upgrade", "tiny")):
        ended = plantnas(*command, "--storage", url)
        assert ended.exit_code == 2
        assert "secret" not in ended.stdout + ended.stderr
        assert "hidden" not in ended.stdout + ended.stderr


@pytest.mark.parametrize("words", [("status",), ("run", "--steps", "1")], ids=str)
def test_links_that_lead_in_a_circle_are_one_line(
    plantnas: Callable[..., Ended], tmp_path: Path, words: tuple[str, ...]
) -> None:
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    assert_one_line(plantnas(words[0], "digits", *words[1:], "--directory", loop), str(loop))
