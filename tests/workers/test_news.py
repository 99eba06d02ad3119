"""What workers say comes to the process that started them, each word once."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from plantnas.listening import TrainingProgress, listening
from plantnas.workers.news import VARIABLE, News, news, starters

if TYPE_CHECKING:
    import pytest

SAID = TrainingProgress("grow", 7, 2, 3, 10, 0.25, float("inf"), 0.875, "accuracy", 0.01, 14.0)


def test_what_a_worker_says_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    heard = list[TrainingProgress]()
    with listening(heard.append), news() as of_workers:
        monkeypatch.setenv(VARIABLE, of_workers.variables[VARIABLE])
        (tell_starter,) = starters()
        tell_starter(SAID)
        of_workers.tell()
        of_workers.tell()
        tell_starter(replace(SAID, epoch=4))
        of_workers.tell()
    assert heard == [SAID, replace(SAID, epoch=4)]


def file_of_a_worker(of_workers: News, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of a worker that has said one line."""
    folder = of_workers.variables[VARIABLE]
    monkeypatch.setenv(VARIABLE, folder)
    starters()[0](SAID)
    (file,) = Path(folder).iterdir()
    return file


def test_a_line_that_is_half_written_is_told_when_it_is_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    heard = list[TrainingProgress]()
    with listening(heard.append), news() as of_workers:
        file = file_of_a_worker(of_workers, monkeypatch)
        line = file.read_bytes()
        file.write_bytes(line + line[:20])
        of_workers.tell()
        assert heard == [SAID]
        file.write_bytes(line + line)
        of_workers.tell()
    assert heard == [SAID, SAID]
    assert not file.parent.exists()


def test_a_line_that_a_full_disk_cut_short_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    heard = list[TrainingProgress]()
    with listening(heard.append), news() as of_workers:
        file = file_of_a_worker(of_workers, monkeypatch)
        line = file.read_bytes()
        file.write_bytes(line[:20] + line + line)
        of_workers.tell()
    assert heard == [SAID]


def test_a_folder_that_the_system_has_cleared_away_ends_no_study() -> None:
    heard = list[TrainingProgress]()
    with listening(heard.append), news() as of_workers:
        Path(of_workers.variables[VARIABLE]).rmdir()
        of_workers.tell()
    assert heard == []


def test_where_nobody_listens_workers_are_not_asked_to_say_anything() -> None:
    with news() as of_workers:
        assert of_workers.variables == {}
        of_workers.tell()


def test_a_worker_whose_words_cannot_be_kept_tells_nobody(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "gone"))
    assert starters() == []
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    (tmp_path / f"{os.getpid()}.jsonl").symlink_to("/dev/full")
    starters()[0](SAID)


def test_a_worker_of_nobody_tells_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    assert starters() == []
