"""The processes of a simulation: one setting run in a new study, and what it looked like.

What a worker does in a trial is in study.py; what is shown of a run, in __main__.py.
"""

import json
import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import Engine

from benchmarks.simulation.past import complete_trials, insert_history, past_trials
from benchmarks.simulation.server import count_connections, server_seconds
from benchmarks.simulation.statements import Counts, count_statements
from benchmarks.simulation.study import SEED, Setting, Simulation, Timing, study_record
from plantnas.config import Search
from plantnas.errors import StudyError
from plantnas.records.record import NetworkRecord
from plantnas.records.study import StudyRecords
from plantnas.trials.base_samplers import make_sampler
from plantnas.trials.policies import Greedy
from plantnas.trials.sampler import PlantingSampler
from plantnas.trials.storage import open_database
from plantnas.trials.study import create_study


class Worked(NamedTuple):
    """What a worker reports: timings, seconds of processor, statements and commits by caller."""

    timings: list[Timing]
    processor: float
    statements: Counts


class Watched(NamedTuple):
    """What the run looked like from outside."""

    connections: int
    late: list[float]
    seconds: float
    server_processor: float


class Result(NamedTuple):
    """A row: the joining is how long a new worker reads the history."""

    setting: Setting
    study: str
    joining: float
    worked: list[Worked]
    watched: Watched
    finished: int

    def timings(self) -> list[Timing]:
        """The complete trials that the workers ran."""
        return [timing for worker in self.worked for timing in worker.timings]

    def overhead(self) -> float:
        """Seconds of ask, record and tell, mean over trials."""
        return statistics.mean(sum(timing) for timing in self.timings())


def simulate(url: str, setting: Setting, networks: Sequence[NetworkRecord]) -> Result:
    """Run one setting in a new study.

    Raises:
        StudyError: A worker ended with an error.
    """
    policy = Greedy(trials_per_step=setting.trials_per_step)
    sampler = PlantingSampler(make_sampler(Search().sampler, random_seed=0), policy)
    study = create_study(f"simulated-{time.time_ns()}", url, sampler)
    database = open_database(study)
    records = StudyRecords(database, study.study_name)
    for key, value in asdict(SEED).items():
        study.set_user_attr(key, value)
    database.add_study(study_record(study.study_name))
    insert_history(study, database, past_trials(setting, networks, policy), networks)
    start = time.perf_counter()
    study.get_trials(deepcopy=False)  # workers inherit it, by the fork
    joining = time.perf_counter() - start
    database.close()
    with tempfile.TemporaryDirectory(prefix="plantnas-") as folder:

        def work(number: int) -> None:
            statements: Counts = {}
            if setting.profile:
                count_statements(database.engine, statements)
            if not setting.together:  # it waits for its turn
                time.sleep((number - 1) / setting.workers * setting.seconds)
            objective, before = Simulation(records, networks, setting, number), time.process_time()
            objective.run(study, setting.trials_per_worker)
            report = Worked(objective.timings, time.process_time() - before, statements)
            (Path(folder) / f"{number}.json").write_text(json.dumps(report))

        watched = _run(work, setting, database.engine)
        worked = [_read(path) for path in sorted(Path(folder).glob("*.json"))]
    finished = complete_trials(records, study)
    return Result(setting, study.study_name, joining, worked, watched, finished)


def _read(report: Path) -> Worked:
    timings, processor, statements = json.loads(report.read_text())
    return Worked([Timing(*timing) for timing in timings], processor, statements)


def _run(work: Callable[[int], None], setting: Setting, engine: Engine) -> Watched:
    """Start the workers and look at the database until they end.

    Raises:
        StudyError: A worker ended with an error.
    """
    context = multiprocessing.get_context("fork")
    numbers = range(1, setting.workers + 1)
    processes = [context.Process(target=work, args=(number,)) for number in numbers]
    start = time.perf_counter()
    for process in processes:
        process.start()
    connections, late, before = 0, list[float](), server_seconds(engine)
    while any(process.is_alive() for process in processes):
        asleep = time.perf_counter()
        time.sleep(0.1)
        late.append(time.perf_counter() - asleep - 0.1)
        connections = max(connections, count_connections(engine))
    seconds, after = time.perf_counter() - start, server_seconds(engine)
    engine.dispose()
    for number, process in zip(numbers, processes, strict=True):
        if process.exitcode:
            raise StudyError(f"worker {number} ended with exit code {process.exitcode}.")
    return Watched(connections, late, seconds, after - before)
