"""Workers of this machine: all run at once, killed ones are replaced, and stopping is clean."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from plantnas.workers.launcher import WorkerEnd, launch
from plantnas.workers.local import REPLACEMENTS, LocalLauncher
from plantnas.workers.process import cores
from tests.workers.conftest import LAUNCH, PASSWORD, PATIENT, STORAGE, found, wait_until

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


def test_workers_have_the_devices_in_turn(
    tmp_path: Path, worker: Callable[..., WorkerCommand]
) -> None:
    launcher = LocalLauncher(tmp_path / "logs", turns=("cuda:0", "cuda:1"))
    launcher.start(worker("print(sys.argv[sys.argv.index('--device') + 1])"), 3)
    assert [end.says for end in ended(launcher)] == ["cuda:0", "cuda:1", "cuda:0"]


@pytest.mark.parametrize(("workers", "share"), [(1, cores()), (1 + cores(), 1)])
def test_the_cores_are_shared_out(
    workers: int,
    share: int,
    launcher: LocalLauncher,
    worker: Callable[..., WorkerCommand],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS")
    launcher.start(worker("print(os.environ['OMP_NUM_THREADS'])"), workers)
    assert [end.says for end in ended(launcher)] == [str(share)] * workers


def test_workers_import_what_their_starter_can(
    launcher: LocalLauncher,
    worker: Callable[..., WorkerCommand],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "beside_a_script.py").write_text("NAME = 'found'")
    monkeypatch.syspath_prepend(tmp_path / "mine")
    launcher.start(worker("import beside_a_script; print(beside_a_script.NAME)"), 1)
    assert [end.says for end in ended(launcher)] == ["found"]


CONSOLE = "import code, sys; code.interact(banner='', exitmsg='', local={})"


@pytest.mark.parametrize("way", ["script", "-c", "standard input", "console"])
def test_workers_are_started_from_anything_that_runs_python(way: str, tmp_path: Path) -> None:
    script = LAUNCH.format(folder=str(tmp_path), workers=1, program="print('hello')", grace=1)
    (tmp_path / "script.py").write_text(script)
    arguments = {
        "script": [str(tmp_path / "script.py")],
        "-c": ["-c", script],
        "standard input": ["-"],
        "console": ["-c", CONSOLE],
    }
    command = [sys.executable, *arguments[way]]
    done = subprocess.run(command, input=script, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "1 of 1 workers ended well." in done.stdout
    (log,) = (tmp_path / "logs").iterdir()
    assert log.read_text() == "hello\n"


def test_the_password_is_in_no_process_list_and_no_log(
    launcher: LocalLauncher, worker: Callable[..., WorkerCommand]
) -> None:
    command = worker("write('url', os.environ['PLANTNAS_STORAGE'])" + PATIENT)
    launcher.start(command, 1)
    wait_until(lambda: found(command, "runs"))
    assert found(command, "url") == [STORAGE]
    (file,) = command.place.directory.glob("runs-*")
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


def test_a_worker_that_somebody_else_ends_is_replaced(
    launcher: LocalLauncher, worker: Callable[..., WorkerCommand]
) -> None:
    command = worker(PATIENT)
    launcher.start(command, 1)
    wait_until(lambda: found(command, "runs"))
    (first,) = numbers(command)
    os.kill(first, signal.SIGTERM)
    wait_until(lambda: [launcher.poll(), len(numbers(command)) == 2][1])
    assert launcher.poll() == [None]


def numbers(command: WorkerCommand) -> list[int]:
    """The numbers of the processes that have begun."""
    files = command.place.directory.glob("runs-*[0-9]")
    return [int(file.name.rpartition("-")[2]) for file in files]


def test_no_worker_is_replaced_once_they_are_stopped(
    worker: Callable[..., WorkerCommand], tmp_path: Path
) -> None:
    hasty = LocalLauncher(tmp_path / "logs", grace_seconds=0)
    command = worker("write('runs'); time.sleep(60)")
    hasty.start(command, 2)
    wait_until(lambda: len(numbers(command)) == 2)
    hasty.stop()
    assert {end.exit_code for end in ended(hasty)} <= {-signal.SIGTERM, -signal.SIGKILL}
    assert len(numbers(command)) == 2


def test_stopping_lets_workers_end_themselves(
    launcher: LocalLauncher, worker: Callable[..., WorkerCommand]
) -> None:
    command = worker(PATIENT)
    launcher.start(command, 2)
    wait_until(lambda: len(found(command, "runs")) == 2)
    launcher.stop()
    assert found(command, "told") == [str(int(signal.SIGTERM))] * 2
    assert [end.exit_code for end in ended(launcher)] == [143, 143]
