"""Makes all baselines that a study lacks, in processes of this machine.

Every network is recorded as soon as it is trained: the same command goes on where it was stopped.
"""

import multiprocessing
import os
import signal
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import cache
from multiprocessing.context import BaseContext

import optuna
import torch

from plantnas.baselines.making import make_baseline, make_family, record_family
from plantnas.baselines.methods import FamilyMethod, SearchMethod, method_named
from plantnas.baselines.planning import LOCK, Request, Task, lineage_epochs, outstanding
from plantnas.baselines.sizes import SizeNotReachable
from plantnas.errors import ConfigurationError, Say, StudyError, UnsupportedArchitecture
from plantnas.files import alone
from plantnas.place import Place
from plantnas.records.database import Database
from plantnas.records.record import NetworkRecord
from plantnas.records.study import StudyRecords
from plantnas.report.entries import seconds_of
from plantnas.report.finished_trials import wasted_seconds
from plantnas.report.front import validation_text
from plantnas.report.study_data import study_data
from plantnas.searching.objective import PlantingObjective
from plantnas.searching.prepared import PreparedStudy
from plantnas.training.fitting import TrainingDiverged
from plantnas.trials.study import open_study
from plantnas.trust import trusted
from plantnas.workers.process import cores, end_with_starter

CANNOT = (ConfigurationError, SizeNotReachable, TrainingDiverged, UnsupportedArchitecture)
"""What a method may be unable to do; the others go on."""


def make_baselines(
    place: Place, request: Request, workers: int, device: str, say: Say
) -> list[Task]:
    """Makes what is wanted and not recorded yet.

    Args:
        place: Where the finished study is.
        request: Which baselines.
        workers: Processes, each on its share of the cores.
        device: Where networks are trained.
        say: Is told of each network.

    Returns:
        The tasks that could not be done; `say` was told why.

    Raises:
        StudyError: A worker was killed.
    """
    records, refused = StudyRecords(Database(place.url), place.name), list[Task]()
    called = {method.name: called for called, method in request.methods.items()}
    with alone(place.directory / LOCK), _crew(workers) as crew:
        while tasks := _outstanding(place, records, request, refused):
            say(f"{len(tasks)} networks to make")
            futures = {
                crew.submit(_do, place, device, task, called[task.method], request.targets): task
                for task in tasks
            }
            try:
                for done in as_completed(futures):
                    network, why = done.result()
                    if why is not None:
                        refused.append(futures[done])
                    say(_line(futures[done], request, network, why))
            except BrokenProcessPool as error:
                raise StudyError(
                    f"study {place.name!r}: a worker was killed, perhaps for want of "
                    "memory. The same command goes on where it stopped."
                ) from error
    return refused


def _outstanding(
    place: Place, records: StudyRecords, request: Request, refused: list[Task]
) -> list[Task]:
    searched = {
        method.name
        for method in request.methods.values()
        if isinstance(method, SearchMethod) and method.is_over(place.name, place.url)
    }
    # Of a search each network may have its own, by its size: the targets' stand for them.
    rate = records.config.seed.for_size(request.targets[0].parameters).peak
    return outstanding(request, records.networks(), refused, searched, rate)


@contextmanager
def _crew(workers: int) -> Iterator[ProcessPoolExecutor]:
    """Processes that share the cores; however this ends, they do too."""
    threads = max(1, cores() // workers)
    crew = ProcessPoolExecutor(workers, _context(), _begin_process, (threads, trusted()))
    try:
        yield crew
    except BaseException:
        for process in multiprocessing.active_children():
            process.terminate()
        raise
    finally:
        crew.shutdown(cancel_futures=True)


def _context() -> BaseContext:
    """Starts processes that have imported torch already, where a platform can: it takes seconds.

    They are forks of one that has imported it, with what channel pruning imports,
    and computes nothing.
    """
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__, "torch_pruning"])
    return context


def _begin_process(threads: int, variables: Mapping[str, str]) -> None:
    os.environ.update(variables)  # what was forked may be older than what is trusted
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's, which ends its workers
    end_with_starter(grace_seconds=0)
    torch.set_num_threads(min(threads, torch.get_num_threads()))
    optuna.logging.set_verbosity(optuna.logging.WARNING)


@cache
def _loaded(place: Place, device: str) -> tuple[optuna.Study, PreparedStudy]:
    """The study, which each process loads once."""
    config = StudyRecords(Database(place.url), place.name).config
    study = open_study(config, place.url)
    return study, PlantingObjective(config, place.directory, device).prepared(study)


def _do(
    place: Place, device: str, task: Task, called: str, targets: Sequence[NetworkRecord]
) -> tuple[NetworkRecord | None, str | None]:
    """Makes and records one network, or searches; or says why it cannot be.

    Args:
        place: Where the study is.
        device: Where networks are trained.
        task: What to do.
        called: What the user called the task's method.
        targets: Of all tasks, smallest first.
    """
    study, prepared = _loaded(place, device)
    method, records = method_named(called), prepared.records
    try:
        if isinstance(method, SearchMethod) and task.target_id is None:
            data = study_data(records)
            epochs = lineage_epochs(data.networks, targets[0])
            # What the whole search by planting took: seed, screens, grown networks, wasted trials.
            planted = [each for each in data.networks if each.method in ("seed", "planting")]
            seconds = seconds_of(planted) + wasted_seconds(data)
            method.run(prepared, place.url, targets, epochs, seconds)
            return None, None
        if isinstance(method, FamilyMethod):
            record_family(records, make_family(prepared, study, task, method, targets))
            return None, None
        if isinstance(method, SearchMethod):
            (target,) = (each for each in targets if each.id == task.target_id)
            network = method.pick(records.networks(), target, task.learning_rate)
        else:
            network = make_baseline(prepared, study, task, method)
    except CANNOT as error:
        return None, str(error)
    records.add(network)
    return network, None


def _line(task: Task, request: Request, record: NetworkRecord | None, why: str | None) -> str:
    method = next(each for each in request.methods.values() if each.name == task.method)
    if isinstance(method, FamilyMethod):
        done = f"{len(request.targets)} networks, trained together"
        return f"{task.method} at rate {task.learning_rate:g}: {why or done}"
    if task.target_id is None:
        return f"{task.method}: {why or 'has spent its seconds'}"
    (target,) = (each for each in request.targets if each.id == task.target_id)
    what = f"{task.method} at {target.parameters:,} parameters, rate {task.learning_rate:g}"
    if record is None:
        return f"{what}: not made: {why}"
    return (
        f"{what}: {record.parameters:,} parameters, {validation_text(record)} on "
        f"validation, {seconds_of([record]):.0f} seconds"
    )
