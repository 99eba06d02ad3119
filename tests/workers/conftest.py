"""Commands whose workers are other, shorter programs, which write what they find to a folder."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from plantnas.workers.launcher import WorkerCommand

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

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


@pytest.fixture
def worker(tmp_path: Path) -> Callable[..., WorkerCommand]:
    """A command whose workers run this text, after `BEGIN`."""
    folder = tmp_path / "found"
    folder.mkdir()

    def command(text: str, **fields: object) -> WorkerCommand:
        program = ("-c", BEGIN + text)
        return WorkerCommand("tiny", STORAGE, folder, program=program, **fields)  # type: ignore[arg-type]

    return command


def found(command: WorkerCommand, name: str) -> list[str]:
    """What workers have written under a name."""
    return [file.read_text() for file in command.directory.glob(f"{name}-*[0-9]")]


def wait_until(holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < deadline, "nothing happened"
        time.sleep(0.05)
