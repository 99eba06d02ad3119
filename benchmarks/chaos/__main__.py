"""A real study of real workers, to which all happens that may: is anything lost, or done twice?

A PostgreSQL server of its own, a small disk for the artifacts, and `plantnas worker` processes on
digits, started again whenever they end. Every second worker appears to be on another machine
(`platform.node` is another in it), so that its death is known by its heartbeats alone. Faults come
when a few more trials have ended:

  kill           -9, of a worker in a random moment of its trial
  kill soon      -9, of a worker that has just been started
  kill late      -9, of a worker that writes what its trial has made
  restart        of the server, after some seconds without it
  full disk      a file takes all space of the artifacts' disk for some seconds
  clock back     all heartbeats are an hour old
  clock forward  all heartbeats are an hour ahead, and a worker elsewhere is killed at once

At the end checks.py looks at what is there, before and after `plantnas db clean`. A line a
fault, and the counts last. Exit code 1: something is lost, doubled or left over.

Usage: python -m benchmarks.chaos [--workers 4] [--kills 50] [--restarts 3] [--seed 0]
           [--small-disk FOLDER] [--folder FOLDER]
"""

import argparse
import math
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import optuna

from benchmarks.chaos.checks import Verdict, counted_reasons, orphans, verdict
from benchmarks.chaos.cluster import Cluster, Server, plantnas, small_disk
from benchmarks.chaos.faults import FAULTS, schedule
from plantnas.config_files import load_study
from plantnas.records.database import Database
from plantnas.records.study import StudyRecords
from plantnas.searching.recording import make_study

PACE = 2
"""So many more trials end before the next fault."""
STEPS = 4

CONFIG = """
search_space: plain-small
data: {{name: digits, train: 600, validation: 300, views: 2, flip: false, shift: 1}}
teacher: {{epochs: 6, learning_rate: 0.005, precision: float32}}
seed: {{epochs: 6, precision: float32}}
planting: {{batch_size: 32, screen_epochs: 5, epochs: 8, precision: float32}}
search: {{steps: {steps}, trials_per_step: {trials}, minimum_growth: 1.1, maximum_growth: 2.0}}
"""
"""A trial takes about a second of one core."""


def disturb(cluster: Cluster, faults: list[str], draw: random.Random) -> None:
    """Let the faults happen, as the study goes on, and then let it end."""
    for fault in faults:
        cluster.wait_for(0 if fault == "kill soon" else PACE)
        if cluster.is_complete():
            cluster.say(f"complete before {fault!r} and what was to follow")
            break
        FAULTS[fault](cluster, draw)
        cluster.faults[fault] += 1
    cluster.finish()


class Outcome(NamedTuple):
    """What is told at the end."""

    verdict: Verdict
    orphans: list[str]
    cleaned: str
    still: list[str]

    @property
    def is_good(self) -> bool:
        """Whether nothing is lost, doubled or left over."""
        return not (*self.verdict.lost, *self.verdict.duplicated, *self.verdict.left, *self.still)


def outcome(cluster: Cluster) -> Outcome:
    """Look at what is there, clean, and look again."""
    database = Database(cluster.server.url, str(cluster.weights))
    records = StudyRecords(database, cluster.config.name)
    folders = (cluster.weights, cluster.folder / "here", cluster.folder / "elsewhere")
    age_partial_files(folders)
    wrong = verdict(cluster.study, records, cluster.config)
    before = orphans(cluster.study, records, folders)
    cleaned = " / ".join(clean(cluster, directory) for directory in folders[1:])
    after = verdict(cluster.study, records, cluster.config)  # what was cleaned away is lost too
    found = Verdict(*(sorted({*one, *two}) for one, two in zip(wrong, after, strict=True)))
    return Outcome(found, before, cleaned, orphans(cluster.study, records, folders))


def clean(cluster: Cluster, directory: Path) -> str:
    """What `plantnas db clean` says last, on the machine that has this folder."""
    command = plantnas("db clean", cluster, directory)
    done = subprocess.run(command, capture_output=True, text=True)
    return done.stdout.splitlines()[-1] if done.returncode == 0 else done.stderr.strip()


def age_partial_files(folders: tuple[Path, ...]) -> None:
    """No worker runs any more: nobody has to wait until that is certain."""
    for folder in folders:
        for partial in folder.rglob("*.partial"):
            os.utime(partial, (0, 0))


def show(cluster: Cluster, found: Outcome) -> None:
    """The counts."""
    states = Counter(trial.state.name for trial in cluster.trials())
    print("faults:", dict(cluster.faults), "; exit codes of workers:", dict(cluster.ends))
    print("trials:", dict(states), "; workers started:", cluster.starts)
    for reason, count in counted_reasons(cluster.trials()).most_common():
        print(f"  failed {count} x: {reason}")
    for name, lines in found.verdict._asdict().items():
        print(f"{name}: {len(lines)}")
        print("".join(f"  {line}\n" for line in lines), end="")
    print(f"orphans before: {len(found.orphans)}, after: {len(found.still)}")
    print("plantnas db clean:", found.cleaned)
    print(f"minutes: {(time.monotonic() - cluster.begun) / 60:.1f}")


def study_file(folder: Path, kills: int, restarts: int) -> Path:
    """The study's file: with trials for all faults, and some more."""
    trials = max(4, math.ceil(1.5 * PACE * (kills + restarts + 3) / STEPS))
    path = folder / "chaos.yaml"
    path.write_text(CONFIG.format(steps=STEPS, trials=trials))
    return path


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.chaos", description=__doc__)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--restarts", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--small-disk", type=Path, help="folder of a small disk for the artifacts")
    parser.add_argument("--folder", type=Path, help="where all else is kept; else it is removed")
    arguments = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    os.environ["OMP_NUM_THREADS"] = "1"
    draw = random.Random(arguments.seed)
    faults = schedule(arguments.kills, arguments.restarts, draw)
    with ExitStack() as stack:
        folder = arguments.folder or Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="plantnas-chaos-"))
        )
        disk = stack.enter_context(small_disk(arguments.small_disk, folder / "disk"))
        config = load_study(str(study_file(folder, arguments.kills, arguments.restarts)))
        server = Server(folder / "postgres")
        stack.callback(server.close)
        make_study(config, server.url, str(disk / "weights"))
        cluster = Cluster(server, folder, disk / "weights", config, arguments.workers)
        stack.callback(cluster.kill_all)
        disturb(cluster, faults, draw)
        found = outcome(cluster)
        show(cluster, found)
    sys.exit(0 if found.is_good else 1)


if __name__ == "__main__":
    main()
