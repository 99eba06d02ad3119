"""Makes all baselines that a study lacks, in this process or in others of this machine.

Every network is recorded as soon as it is trained: the same command goes on where it was stopped.
"""

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import cache
from multiprocessing import forkserver, resource_tracker
from multiprocessing.context import BaseContext
from multiprocessing.queues import SimpleQueue
from typing import NamedTuple

import optuna
import torch

from plantnas.baselines.making import make_baseline, make_family, record_family
from plantnas.baselines.methods import AnyMethod, FamilyMethod, SearchMethod, method_named
from plantnas.baselines.planning import (
    LOCK,
    Request,
    Task,
    following,
    lineage_epochs,
    networks_of,
    outstanding,
)
from plantnas.baselines.sizes import SizeNotReachable
from plantnas.channels.costs import shown_cost, title_of
from plantnas.errors import ConfigurationError, Say, StudyError, UnsupportedArchitecture
from plantnas.files import alone
from plantnas.listening import listening
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
from plantnas.workers.news import news, starters
from plantnas.workers.process import cores, end_with_starter

CANNOT = (ConfigurationError, SizeNotReachable, TrainingDiverged, UnsupportedArchitecture)
"""What a method may be unable to do; the others go on."""


class Made(NamedTuple):
    """What came of a task: a network, or of a search or family none, or why it cannot be done."""

    task: Task
    record: NetworkRecord | None
    why: str | None


Crew = Callable[[Place, Sequence[Task], Request], Iterator[Made]]
"""Does tasks, in any order, and records what it makes."""


Count = Callable[[int, int], object]
"""Is told how many networks are made, and of how many."""
HEARD_EVERY = 0.5
"""Seconds between two looks at what other processes say of their trainings."""


def make_baselines(
    place: Place,
    request: Request,
    crew: Crew,
    say: Say,
    count: Count = lambda made, total: None,
) -> list[Task]:
    """Makes what is wanted and not recorded yet.

    Args:
        place: Where the finished study is.
        request: Which baselines.
        crew: Who makes them: `in_this_process` or `in_processes`.
        say: Is told of each network.
        count: Is told how many are made.

    Returns:
        The tasks that could not be done; `say` was told why.

    Raises:
        StudyError: A worker was killed.
    """
    records, refused = StudyRecords(Database(place.url), place.name), list[Task]()
    with alone(place.directory / LOCK):
        done = 0
        while tasks := _outstanding(place, records, request, refused):
            say(f"{len(tasks)} networks to make")
            later = following(tasks, request, records.networks())
            total = done + networks_of(tasks, request) + later
            count(done, total)
            for made in crew(place, tasks, request):
                if made.why is not None:
                    refused.append(made.task)
                done += networks_of([made.task], request)
                say(_line(made, request))
                count(done, total)
    return refused


def in_this_process(device: str) -> Crew:
    """Makes one network after the other, and sends nothing to another process."""
    opened = cache(_opened)

    def make(place: Place, tasks: Sequence[Task], request: Request) -> Iterator[Made]:
        methods = {method.name: method for method in request.methods.values()}
        for task in tasks:
            done = _made(place, *opened(place, device), task, methods[task.method], request.targets)
            yield Made(task, *done)

    return make


@contextmanager
def in_processes(workers: int, turns: Sequence[str]) -> Iterator[Crew]:
    """Within, processes that share the cores make the networks; however this ends, they do too.

    Args:
        workers: Their number.
        turns: The devices that they have in turn.
    """
    threads, context = max(1, cores() // workers), _context()
    with news() as of_workers:
        queue = context.SimpleQueue()  # of which each process takes one
        for number in range(workers):
            queue.put(turns[number % len(turns)])
        variables = {**trusted(), **of_workers.variables}
        crew = ProcessPoolExecutor(workers, context, _begin_process, (threads, variables, queue))

        def make(place: Place, tasks: Sequence[Task], request: Request) -> Iterator[Made]:
            called = {method.name: called for called, method in request.methods.items()}
            futures = {
                crew.submit(_do, place, task, called[task.method], request.targets): task
                for task in tasks
            }
            waiting = set(futures)
            try:
                while waiting:
                    ended, waiting = wait(waiting, HEARD_EVERY, FIRST_COMPLETED)
                    of_workers.tell()
                    for each in ended:
                        yield Made(futures[each], *each.result())
            except BrokenProcessPool as error:
                raise StudyError(
                    f"study {place.name!r}: a worker was killed, perhaps for want of "
                    "memory. The same command goes on where it stopped."
                ) from error

        try:
            yield make
        except BaseException:
            for process in multiprocessing.active_children():
                process.terminate()
            raise
        finally:
            crew.shutdown(cancel_futures=True)


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


def _context() -> BaseContext:
    """Starts processes that have imported torch already, where a platform can: it takes seconds.

    They are forks of one that has imported it, with what channel pruning imports,
    and computes nothing.
    """
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__, "torch_pruning"])
    # Ctrl-C is the parent's: the process that is forked has it blocked, also while it imports.
    resource_tracker.ensure_running()  # which would let it through again
    earlier = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, earlier)
    return context


def _begin_process(threads: int, variables: Mapping[str, str], queue: "SimpleQueue[str]") -> None:
    _mine.append(queue.get())
    os.environ.update(variables)  # what was forked may be older than what is trusted
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's, which ends its workers
    end_with_starter(grace_seconds=0)
    torch.set_num_threads(min(threads, torch.get_num_threads()))
    optuna.logging.set_verbosity(optuna.logging.WARNING)


def _opened(place: Place, device: str) -> tuple[optuna.Study, PreparedStudy]:
    """The study, ready to train networks of it."""
    config = StudyRecords(Database(place.url), place.name).config
    study = open_study(config, place.url)
    return study, PlantingObjective(config, place.directory, device).prepared(study)


_mine = list[str]()
"""The device of this process, if it is one of a crew's."""

_loaded = cache(_opened)
"""The study, which each process loads once."""


def _do(
    place: Place, task: Task, called: str, targets: Sequence[NetworkRecord]
) -> tuple[NetworkRecord | None, str | None]:
    """Makes and records one network in a process of its own, where a method is what it is called.

    Args:
        place: Where the study is.
        task: What to do.
        called: What the user called the task's method.
        targets: Of all tasks, smallest first.
    """
    with listening(*starters()):
        return _made(place, *_loaded(place, _mine[-1]), task, method_named(called), targets)


def _made(
    place: Place,
    study: optuna.Study,
    prepared: PreparedStudy,
    task: Task,
    making: AnyMethod,
    targets: Sequence[NetworkRecord],
) -> tuple[NetworkRecord | None, str | None]:
    """Makes and records one network, or searches; or says why it cannot be."""
    records = prepared.records
    try:
        if isinstance(making, SearchMethod) and task.target_id is None:
            data = study_data(records)
            epochs = lineage_epochs(data.networks, targets[0])
            # What the whole search by planting took: seed, screens, grown networks, wasted trials.
            planted = [each for each in data.networks if each.method in ("seed", "planting")]
            seconds = seconds_of(planted) + wasted_seconds(data)
            making.run(prepared, place.url, targets, epochs, seconds)
            return None, None
        if isinstance(making, FamilyMethod):
            record_family(records, make_family(prepared, study, task, making, targets))
            return None, None
        if isinstance(making, SearchMethod):
            (target,) = (each for each in targets if each.id == task.target_id)
            network = making.pick(records.networks(), target, task.learning_rate)
        else:
            network = make_baseline(prepared, study, task, making)
    except CANNOT as error:
        return None, str(error)
    records.add(network)
    return network, None


def _line(made: Made, request: Request) -> str:
    task, record, why = made
    method = next(each for each in request.methods.values() if each.name == task.method)
    if isinstance(method, FamilyMethod):
        done = f"{len(request.targets)} networks, trained together"
        return f"{task.method} at {task.run}: {why or done}"
    if task.target_id is None:
        return f"{task.method}: {why or 'has spent its seconds'}"
    (target,) = (each for each in request.targets if each.id == task.target_id)
    title = title_of(target.cost_name)
    what = f"{task.method} {task.detail(target)}"
    if record is None:
        return f"{what}: not made: {why}"
    return (
        f"{what}: {shown_cost(record.cost)} {title}, {validation_text(record)} on "
        f"validation, {seconds_of([record]):.0f} seconds"
    )
