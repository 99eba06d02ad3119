"""Workers as jobs: by submitit's own executor for one machine, and what is handed to Slurm.

There is no Slurm here. Its two commands are stand-ins that keep what they are given.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING

import pytest

from plantnas.errors import ConfigurationError, StorageError, StudyError
from plantnas.place import Place
from plantnas.workers.launcher import WorkerCommand, launch
from plantnas.workers.slurm import SlurmJobs, SlurmLauncher
from tests.workers.conftest import PASSWORD, PATIENT, STORAGE, found, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SBATCH = '#!/bin/sh\ncp "$1" {kept}/script\nenv > {kept}/environment\n{answer}\n'
ACCEPT = 'echo "Submitted batch job 42"'
REFUSE = 'echo "sbatch: error: invalid partition specified: nowhere" >&2; exit 1'


@pytest.fixture
def local(tmp_path: Path) -> Iterator[SlurmLauncher]:
    launcher = SlurmLauncher(tmp_path / "logs", SlurmJobs(), cluster="local")
    yield launcher
    launcher.stop()


@pytest.fixture
def slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Puts commands of the names of Slurm's in the path; returns where they keep what they get."""

    def install(answer: str) -> Path:
        commands = tmp_path / "commands"
        commands.mkdir()
        for name in ("srun", "sbatch"):
            (commands / name).write_text(SBATCH.format(kept=tmp_path, answer=answer))
            (commands / name).chmod(0o755)
        monkeypatch.setenv("PATH", f"{commands}:{os.environ['PATH']}")
        return tmp_path

    return install


def number_of_job(command: WorkerCommand) -> int:
    """The process that runs a job: the parent of the worker."""
    wait_until(lambda: found(command, "runs"))
    return int(found(command, "runs")[0])


def number_of_worker(command: WorkerCommand) -> int:
    (file,) = command.place.directory.glob("runs-*[0-9]")
    return int(file.name.rpartition("-")[2])


def test_jobs_run_workers_to_their_ends(
    local: SlurmLauncher, worker: Callable[..., WorkerCommand], tmp_path: Path
) -> None:
    said: list[str] = []
    program = "write('url', os.environ['PLANTNAS_STORAGE']); sys.exit('plantnas: no such study.')"
    command = worker(program)
    ends = launch(local, command, 2, said.append)
    assert found(command, "url") == [STORAGE] * 2
    assert [(end.exit_code, end.says) for end in ends] == [(1, "plantnas: no such study.")] * 2
    assert said[1] == "0 of 2 workers ended well."
    files = [file.read_bytes() for file in (tmp_path / "logs").rglob("*") if file.is_file()]
    assert any(b"no such study" in content for content in files)
    assert not any(PASSWORD.encode() in content for content in files)
    assert PASSWORD not in "".join(os.environ.values())


def test_a_job_whose_time_is_nearly_up_ends_its_worker_and_goes_on(
    local: SlurmLauncher, worker: Callable[..., WorkerCommand]
) -> None:
    again = "\nif found: sys.exit(0)\n"
    command = worker("found = list(folder.glob('told-*'))" + again + PATIENT)
    local.start(command, 1)
    job = number_of_job(command)
    os.kill(number_of_worker(command), signal.SIGUSR2)  # some Slurms signal all processes of a job
    os.kill(job, signal.SIGUSR2)
    wait_until(lambda: None not in local.poll())
    assert found(command, "told") == [str(int(signal.SIGTERM))]
    assert [end.exit_code for end in local.poll() if end] == [0]


def test_a_job_that_is_displaced_ends_its_worker_and_has_no_result(
    local: SlurmLauncher, worker: Callable[..., WorkerCommand]
) -> None:
    command = worker(PATIENT)
    local.start(command, 1)
    os.kill(number_of_job(command), signal.SIGTERM)
    wait_until(lambda: None not in local.poll())
    assert found(command, "told") == [str(int(signal.SIGTERM))]
    assert [(end.exit_code, end.says) for end in local.poll() if end] == [
        (1, "its job has no result (FINISHED)")
    ]


def test_a_job_that_is_told_twice_tells_its_worker_once(
    local: SlurmLauncher, worker: Callable[..., WorkerCommand]
) -> None:
    slow = """
count = 0
def stop(number, frame):
    global count
    count += 1
signal.signal(signal.SIGTERM, stop)
write('runs', os.getppid())
while not count:
    time.sleep(0.02)
write('hears')
time.sleep(1)
write('told', count)
"""
    command = worker(slow)
    local.start(command, 1)
    job = number_of_job(command)
    os.kill(job, signal.SIGTERM)
    wait_until(lambda: found(command, "hears"))
    os.kill(job, signal.SIGTERM)
    wait_until(lambda: found(command, "told"))
    assert found(command, "told") == ["1"]


def test_stopping_cancels_the_jobs(
    local: SlurmLauncher, worker: Callable[..., WorkerCommand]
) -> None:
    command = worker(PATIENT)
    local.start(command, 2)
    wait_until(lambda: len(found(command, "runs")) == 2)
    local.stop()
    wait_until(lambda: len(found(command, "told")) == 2)


def test_slurm_is_asked_for_an_array_without_the_password(
    slurm: Callable[[str], Path], worker: Callable[..., WorkerCommand]
) -> None:
    kept = slurm(ACCEPT)
    jobs = SlurmJobs("short", minutes=30, cpus=2, gpus=1, sbatch={"account": "vision"})
    launcher = SlurmLauncher(kept / "logs", jobs)
    assert launcher.submit(worker("pass"), 3) == ["42_0", "42_1", "42_2"]
    script = (kept / "script").read_text()
    wanted = ("partition=short", "time=30", "cpus-per-task=2", "gpus-per-node=1", "account=vision")
    assert not [option for option in wanted if f"#SBATCH --{option}\n" not in script]
    assert "#SBATCH --array=0-2%3\n" in script
    assert f"PLANTNAS_STORAGE={STORAGE}\n" in (kept / "environment").read_text()
    files = [file.read_bytes() for file in (kept / "logs").rglob("*") if file.is_file()]
    assert not any(PASSWORD.encode() in content for content in files)


def test_what_slurm_refuses_is_one_line(
    slurm: Callable[[str], Path], worker: Callable[..., WorkerCommand]
) -> None:
    launcher = SlurmLauncher(slurm(REFUSE) / "logs", SlurmJobs("nowhere"))
    with pytest.raises(StudyError, match=r"^Slurm refuses the jobs: sbatch: error: invalid part"):
        launcher.submit(worker("pass"), 2)


def test_a_machine_without_slurm_is_one_line(
    worker: Callable[..., WorkerCommand], tmp_path: Path
) -> None:
    with pytest.raises(StudyError, match="This machine has no Slurm"):
        SlurmLauncher(tmp_path, SlurmJobs()).submit(worker("pass"), 1)


def test_a_missing_extra_is_one_line(
    local: SlurmLauncher, worker: Callable[..., WorkerCommand], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "submitit", None)
    with pytest.raises(StudyError, match=r"pip install 'plantnas\[slurm\]'"):
        local.submit(worker("pass"), 1)


def test_a_folder_that_cannot_be_made_is_one_line(
    worker: Callable[..., WorkerCommand], tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match=r"file/logs: cannot be made: Not a directory\.$"):
        SlurmLauncher(tmp_path / "file" / "logs", SlurmJobs()).submit(worker("pass"), 1)


def test_an_sqlite_file_is_refused(tmp_path: Path) -> None:
    command = WorkerCommand(Place("tiny", "sqlite:///study.db", tmp_path))
    with pytest.raises(ConfigurationError, match="SQLite"):
        SlurmLauncher(tmp_path, SlurmJobs()).submit(command, 1)
