"""`plantnas worker` and `plantnas launch`: a study is joined, made if needed, and ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from plantnas.records.database import Database
from plantnas.records.study import StudyRecords
from tests.cli.conftest import assert_one_line

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import Ended, StudyFolder


def grown(url: str, name: str) -> list[int | None]:
    networks = StudyRecords(Database(url), name).networks()
    return [network.step for network in networks if network.kind == "grow"]


def test_a_worker_joins_a_study_and_ends_with_it(
    plantnas: Callable[..., Ended], begun: StudyFolder, tmp_path: Path
) -> None:
    folder = begun.copy(tmp_path / "study")
    ended = plantnas("worker", "short", "--storage", folder.url, "--directory", tmp_path / "mine")
    assert (ended.exit_code, ended.stderr) == (0, "")
    assert {1, 2} <= set(grown(folder.url, "short"))


@pytest.mark.slow
def test_local_workers_are_launched_for_a_study_that_does_not_exist_yet(
    plantnas: Callable[..., Ended], short: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "study"
    ended = plantnas("launch", "local", short, "--workers", 2, "--directory", folder)
    assert (ended.exit_code, ended.stderr) == (0, ""), ended
    assert "2 of 2 workers ended well" in ended.stdout
    assert "(grow of step 1): validation accuracy" in ended.stdout
    logs = "".join(log.read_text() for log in (folder / "logs").iterdir())
    assert "(grow of step 1): validation accuracy" in logs
    assert set(grown(f"sqlite:///{folder / 'study.db'}", "short")) == {1}
    assert len(list((folder / "logs").iterdir())) == 2


def test_a_file_that_asks_for_another_study_of_that_name_is_refused(
    plantnas: Callable[..., Ended], prepared: StudyFolder, tmp_path: Path
) -> None:
    changed = tmp_path / "tiny.yaml"
    changed.write_text(f"random_seed: 99\n{prepared.yaml.read_text()}")
    place = ("--workers", 1, "--directory", prepared.directory)
    assert_one_line(plantnas("launch", "local", changed, *place), "random_seed is 0, not 99")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("worker", "missing"), "study 'missing': there is no database"),
        (("launch", "local", "digts", "--workers", 1), "Did you mean 'digits'?"),
        (("launch", "local", "digits"), "--workers"),
        (("launch", "kubernetes", "digits"), "No such command 'kubernetes'"),
    ],
)
def test_a_mistake_is_one_line(
    plantnas: Callable[..., Ended], words: tuple[object, ...], message: str
) -> None:
    assert_one_line(plantnas(*words), message)


@pytest.mark.parametrize("engine", ["ray", "slurm"])
def test_workers_elsewhere_cannot_share_an_sqlite_file(
    plantnas: Callable[..., Ended], prepared: StudyFolder, engine: str
) -> None:
    place = ("--directory", prepared.directory)
    ended = plantnas("launch", engine, "tiny", "--workers", 1, *place)
    assert_one_line(ended, "cannot share an SQLite file")
