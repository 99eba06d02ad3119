"""Workers as tasks of a Ray cluster that runs already. Starting a cluster is Ray's own business."""

import logging
import signal
import socket
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from plantnas.errors import StudyError, first_line, missing
from plantnas.workers.launcher import WorkerCommand, WorkerEnd, check_shared
from plantnas.workers.process import (
    GRACE_SECONDS,
    exit_code_of,
    last_line,
    start_process,
    stop_processes,
)

CONNECT_SECONDS = 10
RETRIES = 3
"""So often a worker is started again whose machine has left the cluster."""


class RayLauncher:
    """Workers on the machines of a Ray cluster, where Ray finds room for them."""

    def __init__(
        self,
        address: str,
        logs: Path,
        cpus: float = 1,
        gpus: float = 0,
        grace_seconds: float = GRACE_SECONDS,
    ) -> None:
        """Knows a cluster; nothing is connected yet.

        Args:
            address: `host:6379` on a machine of the cluster, `ray://host:10001` from outside, or
                `auto` for the cluster that this machine is part of.
            logs: Folder of the logs, on the machine where a worker runs.
            cpus: What Ray sets aside for a worker, and its threads.
            gpus: The same, for graphics cards; a part of one if cards are shared.
            grace_seconds: How long a worker may take to end when it is asked to.
        """
        self._address = address
        self._logs = logs.absolute()
        self._cpus, self._gpus = cpus, gpus
        self._grace_seconds = grace_seconds
        self._tasks: list[Any] = []
        self._ends: dict[int, WorkerEnd] = {}

    @property
    def logs(self) -> str:
        """Where the workers' logs are, for a message."""
        return f"{self._logs}/worker-*.log on the machines of the Ray cluster"

    def start(self, command: WorkerCommand, workers: int) -> None:
        """Connect to the cluster and give it the workers; it starts as many as it has room for.

        Raises:
            StudyError: Ray is not installed, or nothing answers at the address.
            ConfigurationError: The database is an SQLite file.
        """
        check_shared(command.place.url)
        ray = _connected(self._address)
        task = ray.remote(run_on_node).options(
            name=f"plantnas worker {command.place.name}",
            num_cpus=self._cpus,
            num_gpus=self._gpus,
            max_retries=RETRIES,
            scheduling_strategy="SPREAD",
        )
        # As arguments: a runtime environment would show the database's URL in Ray's dashboard.
        work = (command.arguments(), command.variables(), max(1, int(self._cpus)))
        self._tasks = [
            task.remote(*work, str(self._logs), self._grace_seconds) for _ in range(workers)
        ]

    def poll(self) -> Sequence[WorkerEnd | None]:
        """How each worker ended; None for one that waits for room or runs."""
        import ray

        running = [task for index, task in enumerate(self._tasks) if index not in self._ends]
        if running:
            ended, _ = ray.wait(running, num_returns=len(running), timeout=0)
            for task in ended:
                try:
                    end = ray.get(task)
                except ray.exceptions.RayError as error:
                    cause = getattr(error, "cause", None) or error
                    end = WorkerEnd(1, first_line(cause), "Ray has it")
                self._ends[self._tasks.index(task)] = end
        return [self._ends.get(index) for index in range(len(self._tasks))]

    def stop(self) -> None:
        """Cancel the workers that wait or run, and leave the cluster."""
        with suppress(ImportError):
            import ray

            if ray.is_initialized():
                ends = zip(self._tasks, self.poll(), strict=True)
                running = [task for task, end in ends if end is None]
                for task in running:
                    ray.cancel(task)  # which ends its worker, in the grace time at most
                if running:
                    seconds = self._grace_seconds + CONNECT_SECONDS
                    ray.wait(running, num_returns=len(running), timeout=seconds)
                ray.shutdown()


def run_on_node(
    arguments: Sequence[str],
    variables: dict[str, str],
    threads: int,
    logs: str,
    grace_seconds: float,
) -> WorkerEnd:
    """Runs a worker to its end as a process of this machine; a task's interrupt ends it."""
    host = socket.gethostname()
    log = Path(logs) / f"worker-{host}-{time.time_ns()}.log"
    process = start_process(arguments, variables, threads, log)
    try:
        return WorkerEnd(exit_code_of(process), last_line(log), f"{host}:{log}")
    finally:
        if process.returncode is None:
            stop_processes([process], grace_seconds)


def _connected(address: str) -> Any:
    """The module ray, connected.

    Raises:
        StudyError: It is not installed, or nothing answers at the address.
    """
    try:
        import ray
    except ImportError as error:
        raise StudyError(missing("ray", "ray")) from error
    _check_reachable(address)
    handler = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
    except (Exception, SystemExit) as error:  # the last is how Ray's core gives up
        reason = first_line(error) if isinstance(error, Exception) else "it is no Ray cluster."
        raise StudyError(f"Ray cluster {address!r}: cannot be joined: {reason}") from error
    # Ray has set a handler of its own, which writes a stack trace.
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, handler)
    return ray


def _check_reachable(address: str) -> None:
    """Ray itself tries an address where nobody is for two minutes, and writes about it."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdecimal():
        return
    try:
        socket.create_connection((host, int(port)), CONNECT_SECONDS).close()
    except OSError as error:
        reason = error.strerror or "no answer"
        raise StudyError(f"Ray cluster {address!r}: cannot be reached: {reason}.") from error
