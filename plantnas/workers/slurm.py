"""Workers as an array of Slurm jobs, by submitit. What a job needs of the cluster is given here.

With the cluster `local` submitit runs the same jobs as processes of this machine.
"""

import os
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from plantnas.errors import StorageError, StudyError, first_line, missing
from plantnas.workers.launcher import WorkerCommand, WorkerEnd, check_shared
from plantnas.workers.process import await_ends, exit_code_of, last_line, start_process

NOTICE_SECONDS = 90
"""So long before its time is up, Slurm tells a job."""

GRACE_SECONDS = 60.0
"""A worker may take so much of that to end."""

REQUEUES = 100
"""So often a job whose time is up goes on in another; it ends by itself when the study does."""

OF_SUBMITIT = ("submitit ",)
"""How the lines begin that submitit writes to a worker's log."""


@dataclass(frozen=True)
class SlurmJobs:
    """What each worker asks Slurm for.

    Attributes:
        partition: Where it runs; None for the cluster's default.
        minutes: Its time; then it is requeued, and goes on with another trial.
        cpus: Its cores, and its threads.
        gpus: Its graphics cards.
        sbatch: More options of sbatch, by name without dashes, such as `{"account": "vision"}`.
    """

    partition: str | None = None
    minutes: int = 240
    cpus: int = 1
    gpus: int = 0
    sbatch: Mapping[str, str] = field(default_factory=dict)


class SlurmLauncher:
    """Workers that Slurm finds a place for."""

    def __init__(self, logs: Path, jobs: SlurmJobs, cluster: str = "slurm") -> None:
        """Knows what to ask for; nothing is submitted yet.

        Args:
            logs: Folder of logs and submitit's files, which all machines of the cluster see.
            jobs: What each worker asks for.
            cluster: `slurm`, or `local` for processes of this machine.
        """
        self._logs = logs.absolute()
        self._wanted = jobs
        self._cluster = cluster
        self._jobs: list[Any] = []

    @property
    def logs(self) -> str:
        """Where the workers' logs are, for a message."""
        return f"{self._logs}/*.out"

    def submit(self, command: WorkerCommand, workers: int) -> list[str]:
        """Ask for the workers, as an array, and do not wait for them.

        Returns:
            The ids of the jobs.

        Raises:
            StudyError: submitit is not installed, this machine has no Slurm, or Slurm refuses.
            StorageError: The folder of the logs cannot be made.
            ConfigurationError: The database is an SQLite file.
        """
        if self._cluster != "local":
            check_shared(command.place.url)
        try:
            self._logs.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(f"{self._logs}: cannot be made: {error.strerror}.") from error
        executor = self._executor(command.place.name)
        job = Job(command.arguments(), self._wanted.cpus)
        try:
            with _exported(command.variables()):
                self._jobs = executor.submit_array([job] * workers)
        except (RuntimeError, OSError, ValueError) as error:
            raise StudyError(f"Slurm refuses the jobs: {first_line(error)}") from error
        return [job.job_id for job in self._jobs]

    def start(self, command: WorkerCommand, workers: int) -> None:
        """Ask for the workers; as `submit`, for those who wait."""
        self.submit(command, workers)

    def poll(self) -> Sequence[WorkerEnd | None]:
        """How each worker ended; None for one that is queued or runs."""
        return [_end_of(job) for job in self._jobs]

    def stop(self) -> None:
        """Cancel the jobs that are queued or run; each is told to end by SIGTERM."""
        for job in self._jobs:
            if not job.done():
                job.cancel(check=False)

    def _executor(self, name: str) -> Any:
        """An executor of submitit that asks for what is wanted.

        Raises:
            StudyError: submitit is not installed, or this machine has no Slurm.
        """
        try:
            import submitit
        except ImportError as error:
            raise StudyError(missing("submitit", "slurm")) from error
        try:
            executor = submitit.AutoExecutor(
                self._logs, cluster=self._cluster, slurm_max_num_timeout=REQUEUES
            )
        except RuntimeError as error:
            raise StudyError(
                "This machine has no Slurm (no command 'srun'): run this on its login node."
            ) from error
        executor.update_parameters(
            name=f"plantnas-{name}",
            timeout_min=self._wanted.minutes,
            cpus_per_task=self._wanted.cpus,
            gpus_per_node=self._wanted.gpus or None,
            stderr_to_stdout=True,
            slurm_partition=self._wanted.partition,
            slurm_signal_delay_s=NOTICE_SECONDS,
            slurm_additional_parameters=dict(self._wanted.sbatch),
        )
        return executor


class Job:
    """What submitit runs in a job: a worker, as a process that hears what Slurm says to the job.

    The database's URL is not in it, since submitit writes it to a file: Slurm gives a job the
    environment of the command that submitted it.
    """

    def __init__(self, arguments: list[str], threads: int) -> None:
        """Keeps what the worker is started with."""
        self._arguments = arguments
        self._threads = threads
        self._told = False

    def __call__(self) -> int:
        """Runs the worker to its end; SIGTERM, of a job that is cancelled or displaced, is its own.

        Returns:
            The worker's exit code.
        """
        # Slurm may send it to all of a job: the worker is started with it blocked.
        unblocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR2})
        try:
            self._process = start_process(self._arguments, {}, self._threads)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, unblocked)
        before = signal.signal(signal.SIGTERM, self._terminate)
        try:
            return exit_code_of(self._process)
        finally:
            signal.signal(signal.SIGTERM, before)
            self._tell()

    def checkpoint(self) -> Any:
        """Ends the worker; submitit calls it when the time is nearly up, and requeues it."""
        from submitit.helpers import DelayedSubmission

        self._end()
        return DelayedSubmission(Job(self._arguments, self._threads))

    def _terminate(self, number: int, interrupted: FrameType | None) -> None:
        # As an exit, not a result: a displaced job that Slurm requeues has not ended.
        self._end()
        raise SystemExit(128 + number)

    def _end(self) -> None:
        self._tell()
        await_ends([self._process], GRACE_SECONDS)

    def _tell(self) -> None:
        """Once: a second SIGTERM would end the worker before it has given its trial back."""
        if not self._told:
            self._told = True
            self._process.terminate()


def _end_of(job: Any) -> WorkerEnd | None:
    """How a job ended; None if it has not, or its result is still on its way through the disk."""
    from submitit.core.utils import FailedJobError, UncompletedJobError

    if not job.done():
        return None
    log = job.paths.stdout
    if job.paths.result_pickle.exists():
        try:
            exit_code = int(job.result())
        except (FailedJobError, UncompletedJobError):
            exit_code = 1  # it failed before its worker had one
        return WorkerEnd(exit_code, last_line(log, skip=OF_SUBMITIT), str(log))
    if job.state == "COMPLETED":
        return None
    return WorkerEnd(1, f"its job has no result ({job.state})", str(log))


@contextmanager
def _exported(variables: Mapping[str, str]) -> Iterator[None]:
    """The variables are in this process's environment, for the jobs that are submitted within."""
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
