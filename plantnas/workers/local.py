"""Workers as processes of this machine, which share its cores. Ray and Slurm are beside this."""

import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from plantnas.searching.interruption import EXIT_CODE
from plantnas.workers.launcher import WorkerCommand, WorkerEnd
from plantnas.workers.process import (
    GRACE_SECONDS,
    cores,
    last_line,
    start_process,
    stop_processes,
)

REPLACEMENTS = 3
"""So many killed workers are replaced in a launch; one that ended by itself would end again."""


class LocalLauncher:
    """Workers on this machine."""

    def __init__(
        self, logs: Path, grace_seconds: float = GRACE_SECONDS, turns: Sequence[str] = ()
    ) -> None:
        """Writes one log a worker.

        Args:
            logs: Their folder; it may be shared with other machines.
            grace_seconds: How long a worker may take to end when it is asked to.
            turns: The devices that the workers have in turn; by default all have the command's.
        """
        self._turns = turns
        self._name = str(logs / f"worker-{platform.node()}-{os.getpid()}")
        self._grace_seconds = grace_seconds
        self._replacements = REPLACEMENTS
        self._running: dict[int, subprocess.Popen[bytes]] = {}
        self._ends: list[WorkerEnd | None] = []

    @property
    def logs(self) -> str:
        """Where the workers' logs are, for a message."""
        return f"{self._name}-*.log"

    def start(self, command: WorkerCommand, workers: int) -> None:
        """Start the workers, each on its share of the cores.

        Raises:
            StorageError: Their logs cannot be written.
        """
        self._command = command
        self._threads = max(1, cores() // workers)
        self._ends = [None] * workers
        for number in range(workers):
            self._spawn(number)

    def poll(self) -> Sequence[WorkerEnd | None]:
        """How each worker ended; one that was killed is replaced instead, a few times."""
        for number, process in list(self._running.items()):
            exit_code = process.poll()
            if exit_code is None:
                continue
            del self._running[number]
            was_killed = exit_code < 0 or exit_code == EXIT_CODE
            if was_killed and self._replacements > 0:
                self._replacements -= 1
                self._spawn(number)
            else:
                log = self._log(number)
                self._ends[number] = WorkerEnd(exit_code, last_line(log), str(log))
        return self._ends

    def stop(self) -> None:
        """End the workers by SIGTERM, and by SIGKILL those that have not ended in time."""
        self._replacements = 0
        stop_processes(self._running.values(), self._grace_seconds)

    def _spawn(self, number: int) -> None:
        # What this process imports, they can: modules of the user's beside a script, too.
        modules = os.pathsep.join(filter(None, sys.path))
        turns = self._turns or (self._command.device,)
        command = replace(self._command, device=turns[number % len(turns)])
        self._running[number] = start_process(
            command.arguments(),
            {"PYTHONPATH": modules, **command.variables()},
            self._threads,
            self._log(number),
        )

    def _log(self, number: int) -> Path:
        return Path(f"{self._name}-{number + 1}.log")
