"""Runs a study on this machine: one process a worker, and a parent that watches them.

Workers share nothing but the database and the study's folder, so any of them may die at any time.
What a worker does between two trials is in loop.py.
"""

import multiprocessing
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.context import SpawnProcess
from multiprocessing.queues import SimpleQueue
from pathlib import Path

import optuna
import torch

from plantnas.config import StudyConfig
from plantnas.errors import PlantnasError, StudyError
from plantnas.records.database import Database
from plantnas.records.study import StudyRecords
from plantnas.search import interruption
from plantnas.search.objective import PlantingObjective
from plantnas.search.prepared import features_folder
from plantnas.search.preparing import Say, check_configuration, check_device
from plantnas.search.progress import progress
from plantnas.trials.owners import fail_trials_of_dead_workers
from plantnas.trials.storage import make_folder, storage_errors
from plantnas.trials.study import is_complete, open_study
from plantnas.workers.loop import optimize_until_complete as optimize_until_complete

POLL_SECONDS = 0.25
RESPAWNS = 3
"""A worker that is killed is replaced so many times in a run."""


def run_study(
    config: StudyConfig,
    url: str,
    directory: Path,
    workers: int = 1,
    device: str = "cpu",
    say: Say = lambda message: None,
    watch: Callable[[optuna.Study], None] = lambda study: None,
) -> optuna.Study:
    """Runs or resumes a study until its policy has nothing left to start.

    Args:
        config: The study.
        url: Its database.
        directory: Folder of its weights and logits.
        workers: Processes that run trials, each on its share of the cores.
        device: Where networks are trained.
        say: Is told what is being prepared, and how the study ended.
        watch: Is called a few times a second while trials run, and once at the end.

    Raises:
        StudyError: A worker failed, or the study exists with another configuration.
        PlantnasError: What a worker or the preparation could not do, in one line.
    """
    check_device(device)
    make_folder(directory)
    with storage_errors(url):
        study = open_study(config, url)
        check_configuration(StudyRecords(Database(url), config.name), config)
        fail_trials_of_dead_workers(study)
        if not is_complete(study, config.search):
            _run_trials(study, _Crew(config, url, directory, workers, device), say, watch)
        # No trial needs it any more; a worker elsewhere that has it mapped would not notice.
        shutil.rmtree(features_folder(directory), ignore_errors=True)
        watch(study)
        say(_verdict(study, config))
    return study


def _verdict(study: optuna.Study, config: StudyConfig) -> str:
    """Whether all steps were taken, or the limits of widths and parameters ended the study."""
    steps = max((step.step for step in progress(study) if step.grown), default=0)
    if steps < config.search.steps:
        return (
            f"Study {config.name!r} ended after step {steps} of {config.search.steps}: nothing "
            "more can be planted within its limits of widths and parameters."
        )
    return f"Study {config.name!r} is complete."


def _run_trials(
    study: optuna.Study, crew: "_Crew", say: Say, watch: Callable[[optuna.Study], None]
) -> None:
    try:
        crew.start()  # they import torch while this process trains the teacher
        crew.prepare(study, say)
        crew.watch(study, watch)
    finally:
        crew.stop()
        fail_trials_of_dead_workers(study)


class _Crew:
    """The worker processes of a run."""

    def __init__(
        self, config: StudyConfig, url: str, directory: Path, workers: int, device: str
    ) -> None:
        context = multiprocessing.get_context("spawn")
        threads = max(1, (os.cpu_count() or 1) // workers)
        self._failures: SimpleQueue[str] = context.SimpleQueue()
        self._context = context
        self._arguments = (config, url, directory, device, threads)
        self._objective = PlantingObjective(config, directory, device)
        self._directory = directory
        self._wanted = workers
        self._respawns = RESPAWNS
        self._processes: dict[int, SpawnProcess] = {}

    def start(self) -> None:
        for number in range(1, self._wanted + 1):
            self._spawn(number)

    def prepare(self, study: optuna.Study, say: Say) -> None:
        """Train teacher and seed, if they are not yet, while the workers wait for them."""
        self._objective.prepared(study, say)

    def watch(self, study: optuna.Study, watch: Callable[[optuna.Study], None]) -> None:
        """Wait for the workers to end; replace those that are killed."""
        while self._processes:
            watch(study)
            time.sleep(POLL_SECONDS)
            for number, process in list(self._processes.items()):
                if process.exitcode is not None:
                    self._ended(number, process.exitcode, study)

    def stop(self) -> None:
        """Their trials are put back by whoever fails them: to end politely would only delay it."""
        for process in self._processes.values():
            process.kill()
        for process in self._processes.values():
            process.join()

    def _spawn(self, number: int) -> None:
        process = self._context.Process(
            target=work, args=(*self._arguments, number, self._failures), daemon=True
        )
        with _interrupts_blocked():
            process.start()
        self._processes[number] = process

    def _ended(self, number: int, exit_code: int, study: optuna.Study) -> None:
        del self._processes[number]
        if exit_code == 0:
            return
        fail_trials_of_dead_workers(study)
        if not self._failures.empty():
            raise StudyError(self._failures.get())
        asked_to_end = exit_code == interruption.EXIT_CODE
        if (exit_code > 0 and not asked_to_end) or self._respawns == 0:
            log = log_file(self._directory, number)
            raise StudyError(f"worker {number} ended with exit code {exit_code}: see {log}.")
        self._respawns -= 1
        self._spawn(number)


def log_file(directory: Path, number: int) -> Path:
    """Where a worker of a run writes its log."""
    return directory / f"worker-{number}.log"


def work(
    config: StudyConfig,
    url: str,
    directory: Path,
    device: str,
    threads: int,
    number: int,
    failures: "SimpleQueue[str]",
) -> None:
    """Runs trials in this process until there is nothing left to start."""
    end_with_parent()
    # Not more than OMP_NUM_THREADS: threads without cores of their own wait for each other.
    torch.set_num_threads(min(threads, torch.get_num_threads()))
    with log_file(directory, number).open("a") as log:
        os.dup2(log.fileno(), sys.stdout.fileno())
        os.dup2(log.fileno(), sys.stderr.fileno())
    try:
        with storage_errors(url):
            study = open_study(config, url)
            objective = PlantingObjective(config, directory, device)
            optimize_until_complete(study, objective, config)
    except PlantnasError as error:
        failures.put(str(error))
        raise SystemExit(2) from error


@contextmanager
def _interrupts_blocked() -> Iterator[None]:
    """For processes started here: Ctrl-C is their parent's, which ends them."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def end_with_parent() -> None:
    """A worker whose parent was killed ends too: a resumed run starts workers of its own."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def wait() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()
