"""Workers of this machine: all run at once, killed ones are replaced, and stopping is clean."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from plantnas.workers.launcher import WorkerEnd, launch
from plantnas.workers.local import REPLACEMENTS, LocalLauncher
from tests.workers.conftest import PASSWORD, PATIENT, STORAGE, found, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from plantnas.workers.launcher import WorkerCommand


@pytest.fixture
def launcher(tmp_path: Path) -> Iterator[LocalLauncher]:
    launcher = LocalLauncher(tmp_path / "logs", grace_seconds=20)
    yield launcher
    launcher.stop()


def ended(launcher: LocalLauncher) -> list[WorkerEnd]:
    wait_until(lambda: None not in launcher.poll())
    return [end for end in launcher.poll() if end is not None]


def test_workers_run_at_once_and_each_has_its_log(
    launcher: LocalLauncher, worker: Callable[..., WorkerCommand]
) -> None:
    meet = """
write('here')
while len(list(folder.glob('here-*[0-9]'))) < 3:
    time.sleep(0.02)
print('met')
"""
    launcher.start(worker(meet), 3)
    ends = ended(launcher)
    assert [(end.exit_code, end.says) for end in ends] == [(0, "met")] * 3
    assert len({end.log for end in ends}) == 3


def test_the_cores_are_shared_out(
    launcher: LocalLauncher,
    worker: Callable[..., WorkerCommand],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS")
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: range(7))
    launcher.start(worker("print(os.environ['OMP_NUM_THREADS'])"), 2)
    assert [end.says for end in ended(launcher)] == ["3", "3"]


def test_the_password_is_in_no_process_list_and_no_log(
    launcher: LocalLauncher, worker: Callable[..., WorkerCommand]
) -> None:
    command = worker("write('url', os.environ['PLANTNAS_STORAGE'])" + PATIENT)
    launcher.start(command, 1)
    wait_until(lambda: found(command, "runs"))
    assert found(command, "url") == [STORAGE]
    (file,) = command.directory.glob("runs-*")
    number = file.name.rpartition("-")[2]
    words = Path(f"/proc/{number}/cmdline").read_text().split("\0")
    assert "worker" in words
    assert PASSWORD not in " ".join(words)
    logs = Path(launcher.logs).parent.iterdir()
    assert PASSWORD not in "".join(log.read_text() for log in logs)


def test_killed_workers_are_replaced_a_few_times(
    launcher: LocalLauncher, worker: Callable[..., WorkerCommand]
) -> None:
    command = worker("write('lived'); os.kill(os.getpid(), signal.SIGKILL)")
    said: list[str] = []
    launch(launcher, command, 1, said.append)
    assert len(found(command, "lived")) == 1 + REPLACEMENTS
    assert said[1] == "0 of 1 workers ended well."
    assert said[2].startswith("1 was killed by SIGKILL: no word (log: ")


def test_a_worker_that_fails_is_not_replaced(
    launcher: LocalLauncher, worker: Callable[..., WorkerCommand]
) -> None:
    command = worker("write('lived'); sys.exit(2)")
    launcher.start(command, 1)
    assert [end.exit_code for end in ended(launcher)] == [2]
    assert len(found(command, "lived")) == 1


def test_stopping_lets_workers_end_themselves(
    launcher: LocalLauncher, worker: Callable[..., WorkerCommand]
) -> None:
    command = worker(PATIENT)
    launcher.start(command, 2)
    wait_until(lambda: len(found(command, "runs")) == 2)
    launcher.stop()
    assert found(command, "told") == [str(int(signal.SIGTERM))] * 2
    assert [end.exit_code for end in ended(launcher)] == [143, 143]
