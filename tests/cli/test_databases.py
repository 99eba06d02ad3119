"""`plantnas db`: an older database is brought to this plantnas; what crashes left is removed."""

from __future__ import annotations

import shutil
import sqlite3
from typing import TYPE_CHECKING

import pytest

from plantnas.records.migrations.revision import NEEDED
from tests.cli.conftest import assert_one_line

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import Ended, StudyFolder


@pytest.fixture
def older(finished: StudyFolder, tmp_path: Path) -> StudyFolder:
    """The finished study as the first revision would have it: without what came later."""
    folder = finished.copy(tmp_path / "study")
    with sqlite3.connect(folder.directory / "study.db") as connection:
        for later in ("ahead", "baselines", "costs", "latencies"):
            connection.execute(f"DROP TABLE plantnas_{later}")
        connection.execute("ALTER TABLE plantnas_evaluations DROP COLUMN metrics")
        connection.execute("UPDATE plantnas_alembic_version SET version_num = '0001'")
    connection.close()
    return folder


def test_an_older_database_is_refused_until_it_is_upgraded(
    plantnas: Callable[..., Ended], older: StudyFolder
) -> None:
    place = ("tiny", "--directory", older.directory)
    assert_one_line(plantnas("report", *place), "older plantnas", "plantnas db upgrade")
    ended = plantnas("db", "upgrade", *place)
    assert (ended.exit_code, ended.stderr) == (0, "")
    assert f"from revision 0001 to {NEEDED}" in ended.stdout
    assert plantnas("report", *place).exit_code == 0


def test_the_database_as_it_was_is_kept(plantnas: Callable[..., Ended], older: StudyFolder) -> None:
    plantnas("db", "upgrade", "tiny", "--directory", older.directory)
    copy = older.directory / f"study.db.before-{NEEDED}"
    with sqlite3.connect(copy) as connection:
        found = connection.execute("SELECT version_num FROM plantnas_alembic_version").fetchone()
    connection.close()
    assert found == ("0001",)


def test_a_database_of_this_plantnas_is_left_alone(
    plantnas: Callable[..., Ended], finished: StudyFolder
) -> None:
    ended = plantnas("db", "upgrade", "tiny", "--directory", finished.directory)
    assert ended.exit_code == 0
    assert "which this plantnas needs" in ended.stdout
    assert not list(finished.directory.glob("*.before-*"))


def test_where_no_database_is_none_is_made(plantnas: Callable[..., Ended], tmp_path: Path) -> None:
    assert_one_line(plantnas("db", "upgrade", "missing"), "no such file")
    assert not list((tmp_path / "here").iterdir())


def test_a_newer_database_is_refused(plantnas: Callable[..., Ended], older: StudyFolder) -> None:
    file = older.directory / "study.db"
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE plantnas_alembic_version SET version_num = '9999'")
    connection.close()
    before = shutil.copy(file, older.directory / "copy")
    ended = plantnas("db", "upgrade", "tiny", "--directory", older.directory)
    assert_one_line(ended, "newer plantnas")
    assert file.read_bytes() == before.read_bytes()


@pytest.fixture
def crashed(finished: StudyFolder, tmp_path: Path) -> StudyFolder:
    """The finished study, whose last worker died after it had written a network."""
    folder = finished.copy(tmp_path / "study")
    with sqlite3.connect(folder.directory / "study.db") as connection:
        last = "SELECT max(trial_number) FROM plantnas_networks"
        connection.execute(f"UPDATE trials SET state = 'FAIL' WHERE number = ({last})")
    connection.close()
    return folder


def test_in_a_study_without_crashes_there_is_nothing_to_clean(
    plantnas: Callable[..., Ended], finished: StudyFolder
) -> None:
    ended = plantnas("db", "clean", "tiny", "--directory", finished.directory)
    assert ended == (0, "Nothing to clean.\n", "")


def test_what_a_crash_left_is_listed_and_then_removed(
    plantnas: Callable[..., Ended], crashed: StudyFolder
) -> None:
    place = ("tiny", "--directory", crashed.directory)
    weights = len(list((crashed.directory / "weights").iterdir()))
    listed = plantnas("db", "clean", *place, "--dry-run").stdout.splitlines()
    assert listed[-1].startswith("Would be removed: network: 1, weights: 1, ")
    assert len(list((crashed.directory / "weights").iterdir())) == weights
    done = plantnas("db", "clean", *place).stdout.splitlines()
    assert done[:-1] == listed[:-1]
    assert [line.partition(" ")[0] for line in done[:-1]] == ["network", "weights"]
    assert done[-1].startswith("Removed: network: 1, weights: 1, ")
    assert len(list((crashed.directory / "weights").iterdir())) == weights - 1
    assert plantnas("db", "clean", *place).stdout == "Nothing to clean.\n"


def test_a_study_that_is_not_there_is_not_cleaned(
    plantnas: Callable[..., Ended], crashed: StudyFolder
) -> None:
    ended = plantnas("db", "clean", "other", "--directory", crashed.directory)
    assert_one_line(ended, "other")
