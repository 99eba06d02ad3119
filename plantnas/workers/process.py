"""One worker as a process of the machine where this runs: begin it, end it, read its log's end.

On which machine that is, and how many there are, is for the launchers to say.
"""

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path

from plantnas.errors import StorageError

GRACE_SECONDS = 30.0
"""Between SIGTERM, at which a worker ends its epoch and gives its trial back, and SIGKILL."""

POLL_SECONDS = 0.2
TAIL_BYTES = 4096


def cores() -> int:
    """The cores that this process may use, which a container or `taskset` makes fewer."""
    if sys.version_info >= (3, 13):
        return os.process_cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def start_process(
    arguments: Sequence[str], variables: Mapping[str, str], threads: int, log: Path | None = None
) -> subprocess.Popen[bytes]:
    """Start a worker in a session of its own: Ctrl-C is for its parent to hear.

    Args:
        arguments: Of the Python that runs this.
        variables: Environment variables for it, above those of this process.
        threads: Its share of the cores, unless OMP_NUM_THREADS is set already.
        log: File to which it appends all that it writes; None for where this process writes.

    Raises:
        StorageError: The log cannot be written.
    """
    usual = {"OMP_NUM_THREADS": str(threads), "PYTHONUNBUFFERED": "1"}
    environment = {**usual, **os.environ, **variables}
    command = [sys.executable, *arguments]
    if log is None:
        return _started(command, environment, None)
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as file:
            return _started(command, environment, file.fileno())
    except OSError as error:
        raise StorageError(f"{log}: cannot be written: {error.strerror}.") from error


def _started(
    command: Sequence[str], environment: Mapping[str, str], descriptor: int | None
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command,
        env=environment,
        stdin=_lifeline(),
        stdout=descriptor,
        stderr=None if descriptor is None else subprocess.STDOUT,
        start_new_session=True,
    )


@cache
def _lifeline() -> int:
    """The reading end of a pipe whose other end is open for as long as this process lives."""
    reading, _ = os.pipe()
    return reading


def end_with_starter(grace_seconds: float = GRACE_SECONDS) -> None:
    """Lets this process, a worker, end by SIGTERM some time after the one that started it has gone.

    A starter that is killed cannot tell its workers; one that ends has told them, and waits. A
    worker is what `start_process` starts, or a process of multiprocessing.
    """
    starter = multiprocessing.parent_process()

    def wait() -> None:
        if starter is None:
            os.read(0, 1)
        else:
            starter.join()
        time.sleep(grace_seconds)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, daemon=True).start()


def stop_processes(
    processes: Iterable[subprocess.Popen[bytes]], grace_seconds: float = GRACE_SECONDS
) -> None:
    """Ask them to end by SIGTERM, and wait for it as `await_ends` does."""
    processes = list(processes)
    for process in processes:
        process.terminate()
    await_ends(processes, grace_seconds)


def await_ends(processes: Iterable[subprocess.Popen[bytes]], grace_seconds: float) -> None:
    """Wait until they have ended; SIGKILL ends what runs after the time, or a second Ctrl-C."""
    processes = list(processes)
    deadline = time.monotonic() + grace_seconds
    try:
        for process in processes:
            with suppress(subprocess.TimeoutExpired):
                process.wait(max(0.0, deadline - time.monotonic()))
    finally:
        for process in processes:
            process.kill()
            process.wait()


def exit_code_of(process: subprocess.Popen[bytes]) -> int:
    """The exit code of a process, once it has ended.

    It is waited for in short waits: what interrupts this process, or its signals' handlers that
    wait too, come between them.
    """
    while process.poll() is None:
        time.sleep(POLL_SECONDS)
    return process.returncode


def last_line(log: Path, skip: tuple[str, ...] = ()) -> str:
    """The last line with words in a log that begins with none of these; empty if there is none."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - TAIL_BYTES))
            lines = file.read().decode(errors="replace").splitlines()
    except OSError:
        return ""
    said = (line.strip() for line in reversed(lines) if not line.startswith(skip))
    return next(filter(None, said), "")
