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

Usage: python -m benchmarks.simulation [--all] [--workers 8 --history 500] [--seconds 30]
           [--study study.db] [--storage postgresql://...] [--together] [--profile]
"""

import argparse
import math
import os
import statistics
from collections.abc import Sequence
from pathlib import Path

import optuna

from benchmarks.common import heading, line
from benchmarks.simulation.server import database_url
from benchmarks.simulation.statements import profile_of
from benchmarks.simulation.study import Setting, recorded_networks
from benchmarks.simulation.workers import Result, simulate

TRIALS_A_SECOND = 2.0
"""So many trials of all workers of a setting end in a second, at most."""
GOAL_SHARE = 0.02
"""What the overhead may be of a trial of 30 seconds."""
LATE_SECONDS = 0.01
"""A process that sleeps wakes so late at most (95 %) on a machine that has processors to spare."""


COLUMNS = {
    "workers": ">7", "history": ">7", "trial s": ">7", "stretch": ">7", "ask ms": ">12",
    "record ms": ">12", "tell ms": ">12", "all ms": ">6", "of 30 s": ">7", "join s": ">6",
    "connections": ">11", "trials": ">6", "worker ms": ">9", "server ms": ">9", "busy": ">5",
    "late ms": ">7",
}  # fmt: skip


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
    return line(COLUMNS, cells)


def _median_and_95(seconds: Sequence[float]) -> str:
    return f"{1000 * statistics.median(seconds):.0f} / {1000 * _quantile(seconds, 0.95):.0f}"


def _quantile(values: Sequence[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


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
            arguments.profile,
        )
        for workers, history in asked
    ]
    goal = Setting(64, 2000, 30.0, 3, arguments.trials_per_step, profile=arguments.profile)
    return rows if both else [*rows, goal]


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
    print(heading(COLUMNS))
    with database_url(arguments.storage) as url:
        for setting in settings(arguments):
            result = simulate(url, setting, networks)
            print(row(result, mean_seconds), flush=True)
            if setting.profile:
                counted = [worker.statements for worker in result.worked]
                print(profile_of(counted, len(result.timings())), flush=True)
    if result.setting.workers == 64:
        share = result.overhead() / 30
        print(f"goal: {100 * share:.2f} % of 30 s, wanted less than {100 * GOAL_SHARE:.0f} %")
        if _quantile(result.watched.late, 0.95) > LATE_SECONDS:
            print("but sleepers woke late: this machine was the limit; stretch more, by --seconds")


if __name__ == "__main__":
    main()
