"""Runs a study on this machine, from its recording to its end, and watches the workers.

Workers share nothing but the database and the study's folder, so any of them may die at any time.
How they are started and replaced is in local.py, what a worker does in worker.py.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import optuna

from plantnas.config import StudyConfig
from plantnas.errors import Say, StudyError
from plantnas.given import check_given, check_integer, check_path, check_place, check_text
from plantnas.place import Place, images_folder
from plantnas.records.database import Database
from plantnas.records.optuna_private import in_optimize_loop, was_stopped
from plantnas.records.recorded_config import as_recorded
from plantnas.records.study import StudyRecords
from plantnas.searching.devices import PROCESSOR, check_device, chosen_devices
from plantnas.searching.interruption import remembers_interrupts
from plantnas.searching.objective import PlantingObjective
from plantnas.searching.preparing import check_configuration, prepare
from plantnas.searching.progress import progress
from plantnas.searching.recording import JoinedStudy, join_study, new_images, record_changes
from plantnas.training.decoding import Storing
from plantnas.trials.lost import fail_trials_of_dead_workers
from plantnas.trials.storage import storage_errors, study_folder
from plantnas.trials.study import is_complete, open_study, why_diverged
from plantnas.workers.launcher import (
    COMPLAINT,
    WorkerCommand,
    WorkerEnd,
    launched,
    polls,
    program,
)
from plantnas.workers.limits import NO_LIMITS, EndedTrials, Limits
from plantnas.workers.local import LocalLauncher
from plantnas.workers.news import News, news
from plantnas.workers.worker import optimize_until_complete, remove_features

Watch = Callable[[optuna.Study], object]
"""Is called with the study again and again while its trials run."""
WATCH_SHARE = 0.02
"""Of the time: who watches reads all trials, on a core that could train."""


def run_study(
    config: StudyConfig,
    url: str,
    directory: Path,
    workers: int = 1,
    device: str = "cpu",
    say: Say = lambda message: None,
) -> optuna.Study:
    """Runs or resumes a study until its policy has nothing left to start.

    Workers are processes of their own, which run nothing of the script that calls this: it needs no
    `if __name__ == "__main__":`, and an architecture of yours is to be in a module.

    Args:
        config: The study.
        url: Its database.
        directory: Folder of its weights and logits, and of its workers' logs.
        workers: Processes that run trials, each on its share of the cores.
        device: Where networks are trained: a name, `auto` for all accelerators or else the
            processor, or several names between commas, which workers have in turn.
        say: Is told what is being prepared, and how the study ended.

    Raises:
        StudyError: A worker failed, the study exists with another configuration, or none of its
            trainings has succeeded.
        PlantnasError: What a worker or the preparation could not do, in one line.
    """
    check_given("config", config, StudyConfig, "a StudyConfig, as plantnas.load_study gives it,")
    check_place(url, config.name)
    check_path("directory", directory)
    check_integer("workers", workers)
    check_given("say", say, Callable, "a function of a line")
    check_text("device", device, "a device's name, such as 'cpu',")
    place = Place(config.name, url, Path(directory))
    return run_watched(config, place, Workforce(workers, chosen_devices(device)), say)


@dataclass(frozen=True)
class Workforce:
    """The processes that run a study's trials on this machine.

    Attributes:
        workers: Their number.
        devices: Where networks are trained: workers have them in turn, and this process the first.
        limits: When they begin no further trial; callbacks are called in this process.
        environment: More environment variables for them.
    """

    workers: int = 1
    devices: tuple[str, ...] = (PROCESSOR,)
    limits: Limits = NO_LIMITS
    environment: Mapping[str, str] = field(default_factory=dict)

    def command(self, place: Place, variables: Mapping[str, str]) -> WorkerCommand:
        """What each of them does, with some environment variables more."""
        return WorkerCommand(
            place,
            environment={**self.environment, **variables},
            program=program(0),
            deadline=self.limits.deadline,
        )


def run_watched(
    config: StudyConfig,
    place: Place,
    workforce: Workforce,
    say: Say,
    watch: Watch = lambda study: None,
) -> optuna.Study:
    """Runs or resumes a study as `run_study` does, and lets it be watched.

    Args:
        config: The study.
        place: Where it is or will be.
        workforce: Who runs its trials, and for how long.
        say: Is told what is being prepared, and how the study ended.
        watch: Is called while trials run, as often as takes little time, and once at the end.

    Raises:
        StudyError: A worker failed, or the study exists with another configuration.
        PlantnasError: What a worker or the preparation could not do, in one line.
    """

    def search(joined: JoinedStudy) -> None:
        study = joined.study
        # Trials of killed workers are put back: to end politely would only delay it.
        launcher = LocalLauncher(place.directory / "logs", 0, workforce.devices)
        ended = EndedTrials(workforce.limits)
        ended.pass_over(study)
        with (
            news() as of_workers,
            launched(launcher, workforce.command(place, of_workers.variables), workforce.workers),
            remembers_interrupts(),
            in_optimize_loop(study),
            watched(study, watch, ended, of_workers) as look,
        ):
            prepare(joined, workforce.devices[0], say)  # while the workers import torch
            for ends in polls(launcher):
                look()
                _check(ends)
                if was_stopped(study):
                    break

    return _run(config, place, workforce.devices, say, search, watch)


def run_here(
    config: StudyConfig,
    place: Place,
    workforce: Workforce,
    say: Say,
    watch: Watch = lambda study: None,
) -> optuna.Study:
    """Runs or resumes a study in this process alone: nothing is sent to another one.

    Arguments and errors are those of `run_watched`, but that it is watched between trials.
    """
    watch_now = sparing(watch)
    callbacks = (lambda study, trial: watch_now(study), *workforce.limits.callbacks)
    limits = replace(workforce.limits, callbacks=callbacks)

    def search(joined: JoinedStudy) -> None:
        watch(joined.study)
        objective = PlantingObjective(joined.config, place.directory, workforce.devices[0])
        optimize_until_complete(joined.study, objective, say, limits)

    return _run(config, place, workforce.devices[:1], say, search, watch)


def _run(
    config: StudyConfig,
    place: Place,
    turns: Sequence[str],
    say: Say,
    run_trials: Callable[[JoinedStudy], None],
    watch: Watch = lambda study: None,
) -> optuna.Study:
    """Joins a study, lets its trials be run, and says how far it has come."""
    for device in dict.fromkeys(turns):
        check_device(device)
    storing = Storing(images_folder(place.directory), say)
    already_read = new_images(config, place.url, storing)
    with study_folder(place.directory), storage_errors(place.url):
        study = open_study(config, place.url)
        records = StudyRecords(Database(place.url), place.name)
        config = as_recorded(config, records)
        check_configuration(records, config)
        fail_trials_of_dead_workers(study)
        if not is_complete(study, config.search):
            joined = join_study(study, config, place.directory, already_read=already_read)
            record_changes(records, config)
            try:
                run_trials(joined)
            finally:
                fail_trials_of_dead_workers(study)
        if is_complete(study, config.search):
            remove_features(place.directory)
        watch(study)
        say(_verdict(study, config))
    return study


def sparing(watch: Watch, clock: Callable[[], float] = time.monotonic) -> Watch:
    """The same, which does nothing while another call would make it take more than its share."""
    due = clock()

    def watch_now(study: optuna.Study) -> None:
        nonlocal due
        start = clock()
        if start >= due:
            watch(study)
            due = start + (clock() - start) / WATCH_SHARE

    return watch_now


@contextmanager
def watched(
    study: optuna.Study, watch: Watch, ended: EndedTrials, of_workers: News
) -> Iterator[Callable[[], None]]:
    """Gives what is to be called again and again while other processes run trials.

    It watches as often as takes little time, and tells of what they say and of trials that end.
    """

    def watch_and_tell(study: optuna.Study) -> None:
        watch(study)
        ended.tell(study)

    watch_now = sparing(watch_and_tell)

    def look() -> None:
        of_workers.tell()
        watch_now(study)

    yield look
    ended.tell(study)


def _check(ends: Sequence[WorkerEnd | None]) -> None:
    """Refuse to go on without a worker that has failed.

    Raises:
        StudyError: What the worker said, or else where to look.
    """
    for number, end in enumerate(ends, start=1):
        if end is not None and end.exit_code != 0:
            if end.says.startswith(COMPLAINT):
                raise StudyError(end.says.removeprefix(COMPLAINT))
            raise StudyError(
                f"worker {number} ended with exit code {end.exit_code}: see {end.log}."
            )


def _verdict(study: optuna.Study, config: StudyConfig) -> str:
    """Whether all steps were taken, or what ended the study before.

    Raises:
        StudyError: Its trainings diverge, and have left nothing.
    """
    reached = progress(study.get_trials(deepcopy=False))
    steps = max((step.step for step in reached if step.grown), default=0)
    if (why := why_diverged(study)) is not None:
        if steps == 0:
            raise StudyError(why)
        return why
    if not is_complete(study, config.search):
        return (
            f"Study {config.name!r} is not complete: it has grown {steps} of {config.search.steps} "
            "steps. The same command or call goes on where it ended."
        )
    if steps < config.search.steps:
        return (
            f"Study {config.name!r} ended after step {steps} of {config.search.steps}: nothing "
            "more can be planted within its limits of widths and cost."
        )
    return f"Study {config.name!r} is complete."
