"""Commands whose workers are other, shorter programs, which write what they find to a folder."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from plantnas.place import Place
from plantnas.workers.launcher import WorkerCommand

if TYPE_CHECKING:
    from collections.abc import Callable

PASSWORD = "swordfish"
STORAGE = f"postgresql://user:{PASSWORD}@host/plantnas"
PATIENCE_SECONDS = 60

BEGIN = """
import os, pathlib, signal, sys, time
folder = pathlib.Path(sys.argv[sys.argv.index('--directory') + 1])
def write(name, text=''):
    (folder / f'{name}-{os.getpid()}.partial').write_text(str(text))
    (folder / f'{name}-{os.getpid()}.partial').rename(folder / f'{name}-{os.getpid()}')
"""
"""For the programs: `write` makes a file of that name and the process's number."""

PATIENT = """
def stop(number, frame):
    write('told', number)
    sys.exit(143)
signal.signal(signal.SIGTERM, stop)
write('runs', os.getppid())
time.sleep(60)
"""
"""A worker that ends when it is told to, and leaves word of it."""

LAUNCH = """
from pathlib import Path
from plantnas.place import Place
from plantnas.workers.launcher import WorkerCommand, launch
from plantnas.workers.local import LocalLauncher
folder = Path({folder!r})
command = WorkerCommand(Place("tiny", "sqlite:///x", folder), program=("-c", {program!r}))
ends = launch(LocalLauncher(folder / "logs", {grace}), command, {workers}, print)
"""
"""A launch of so many workers that run a program in a folder; nothing in it waits to be main."""


@pytest.fixture
def worker(tmp_path: Path) -> Callable[..., WorkerCommand]:
    """A command whose workers run this text, after `BEGIN`."""
    folder = tmp_path / "found"
    folder.mkdir()

    def command(text: str, **fields: object) -> WorkerCommand:
        program = ("-c", BEGIN + text)
        place = Place("tiny", STORAGE, folder)
        return WorkerCommand(place, program=program, **fields)  # type: ignore[arg-type]

    return command


def found(command: WorkerCommand, name: str) -> list[str]:
    """What workers have written under a name."""
    return [file.read_text() for file in command.place.directory.glob(f"{name}-*[0-9]")]


def wait_until(holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < deadline, "nothing happened"
        time.sleep(0.05)


def is_alive(process: int) -> bool:
    """Whether it runs: one that waits for its parent to ask for its exit code has ended."""
    try:
        status = Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"
