"""What a worker is started with keeps secrets; the loop says how workers ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from plantnas.errors import ConfigurationError
from plantnas.place import Place
from plantnas.workers.launcher import (
    STORAGE_VARIABLE,
    WorkerCommand,
    check_shared,
    launch,
    program,
)
from plantnas.workers.local import LocalLauncher
from plantnas.workers.process import start_process
from tests.workers.conftest import BEGIN, LAUNCH, PASSWORD, PATIENT, STORAGE, is_alive, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable


FILES = Place("tiny", STORAGE, Path("files"))


def test_a_worker_gets_all_options_of_the_command() -> None:
    command = WorkerCommand(
        Place("tiny", STORAGE, Path("/files")), "s3://bucket/tiny", "cuda", Path("/images")
    )
    arguments = command.arguments()
    assert arguments[len(command.program) :] == [
        *("worker", "tiny", "--directory", "/files", "--device", "cuda"),
        *("--artifacts", "s3://bucket/tiny", "--data-root", "/images"),
    ]


def test_the_url_is_in_the_environment_alone() -> None:
    command = WorkerCommand(FILES, environment={"PGPASSWORD": PASSWORD})
    assert command.variables() == {STORAGE_VARIABLE: STORAGE, "PGPASSWORD": PASSWORD}
    assert PASSWORD not in " ".join(command.arguments())
    assert PASSWORD not in repr(command)


def test_folders_are_those_of_the_launching_folder() -> None:
    arguments = WorkerCommand(FILES, artifacts="weights").arguments()
    assert str(Path.cwd() / "files") in arguments
    assert str(Path.cwd() / "weights") in arguments


def test_an_sqlite_file_is_not_for_other_machines() -> None:
    check_shared(STORAGE)
    with pytest.raises(ConfigurationError, match="cannot share an SQLite file; give the URL"):
        check_shared("sqlite:////files/study.db")


def test_a_launch_says_how_many_ended_how(
    worker: Callable[..., WorkerCommand], tmp_path: Path
) -> None:
    first_fails = """
try:
    (folder / 'first').touch(exist_ok=False)
except FileExistsError:
    sys.exit(0)
sys.exit('plantnas: study tiny: is not there.')
"""
    said: list[str] = []
    ends = launch(LocalLauncher(tmp_path / "logs"), worker(first_fails), 3, said.append)
    (failed,) = (end for end in ends if end.exit_code != 0)
    assert said == [
        f"Asked for 3 workers of study 'tiny'. Logs: {tmp_path / 'logs'}/worker-"
        + said[0].rpartition("worker-")[2],
        "2 of 3 workers ended well.",
        "1 ended with exit code 1: plantnas: study tiny: is not there. " + f"(log: {failed.log})",
    ]


@pytest.mark.parametrize(
    ("number", "exit_code"),
    [(signal.SIGTERM, 128 + signal.SIGTERM), (signal.SIGHUP, 129), (signal.SIGINT, -signal.SIGINT)],
)
def test_a_launch_that_is_ended_ends_its_workers(
    number: int, exit_code: int, tmp_path: Path
) -> None:
    script = LAUNCH.format(folder=str(tmp_path), workers=2, program=BEGIN + PATIENT, grace=20)
    launching = subprocess.Popen(
        [sys.executable, "-c", script], start_new_session=True, stderr=subprocess.DEVNULL
    )
    wait_until(lambda: len(list(tmp_path.glob("runs-*[0-9]"))) == 2)
    os.killpg(launching.pid, number)  # as a terminal does; the workers are in no such group
    assert launching.wait(30) == exit_code
    told = [file.read_text() for file in tmp_path.glob("told-*[0-9]")]
    assert told == [str(int(signal.SIGTERM))] * 2


def test_workers_that_are_interrupted_while_they_start_say_nothing(tmp_path: Path) -> None:
    slow = "import time; time.sleep(60)"
    script = LAUNCH.format(folder=str(tmp_path), workers=2, program=slow, grace=20)
    launching = subprocess.Popen([sys.executable, "-c", script], start_new_session=True)
    wait_until(lambda: len(list(tmp_path.glob("logs/*.log"))) == 2)
    os.killpg(launching.pid, signal.SIGINT)
    assert launching.wait(30) == -signal.SIGINT
    assert [log.read_text() for log in tmp_path.glob("logs/*.log")] == ["", ""]


def test_the_command_ends_when_its_starter_is_killed(tmp_path: Path) -> None:
    (tmp_path / "typer.py").write_text("import time; print('up'); time.sleep(60)")
    starter = f"""
import time
from pathlib import Path
from plantnas.workers.launcher import program
from plantnas.workers.process import start_process
log = Path({str(tmp_path / "log")!r})
process = start_process(program(0), {{"PYTHONPATH": {str(tmp_path)!r}}}, 1, log)
print(process.pid, flush=True)
time.sleep(60)
"""
    command = [sys.executable, "-c", starter]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        number = int(process.stdout.readline())
        wait_until(lambda: (tmp_path / "log").read_text() == "up\n")
        process.kill()
        wait_until(lambda: not is_alive(number))


def test_the_command_finds_the_users_module_where_it_was_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.py").write_text("NAME = 'found'")
    (tmp_path / "signal.py").write_text("raise AssertionError('imported')")
    monkeypatch.chdir(tmp_path)
    find = "from plantnas.named import imported; print(imported('mine:NAME', 'here'))"
    log = tmp_path / "log"
    assert start_process((*program()[:-1], find), {}, 1, log).wait() == 0
    assert log.read_text() == "found\n"
