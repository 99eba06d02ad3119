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

At the end chaos_checks.py looks at what is there, before and after `plantnas db clean`. A line a
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
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import optuna
from sqlalchemy import text

from benchmarks.chaos_checks import Verdict, counted_reasons, orphans, verdict
from benchmarks.chaos_cluster import Cluster, Server, plantnas, small_disk, take_all_space
from plantnas.config_files import load_study
from plantnas.records.database import Database
from plantnas.search.recording import make_study

PACE = 2
"""So many more trials end before the next fault."""
STEPS = 4
FULL_SECONDS = 20.0
LATE_SECONDS = 60.0
"""A worker that writes is waited for so long."""

CONFIG = """
search_space: plain-small
data: {{name: digits, train: 600, validation: 300, views: 2, flip: false, shift: 1}}
teacher: {{epochs: 6, learning_rate: 0.005, precision: float32}}
seed: {{epochs: 6, precision: float32}}
planting: {{batch_size: 32, screen_epochs: 5, epochs: 8, precision: float32}}
search: {{steps: {steps}, trials_per_step: {trials}, minimum_growth: 1.1, maximum_growth: 2.0}}
"""
"""A trial takes about a second of one core."""


def kill(cluster: Cluster, draw: random.Random) -> None:
    """A worker in a random moment of its trial."""
    for _ in range(100):
        if busy := cluster.in_a_trial():
            time.sleep(draw.uniform(0.0, 2.0))  # its trial may end meanwhile: that is a moment too
            worker, number = draw.choice(busy)
            return cluster.kill(worker, f"in or after trial {number}")
        cluster.tend_for(0.3)
    return cluster.kill(draw.choice(list(cluster.workers.values())), "without a trial")


def kill_soon(cluster: Cluster, draw: random.Random) -> None:
    """The youngest worker, while it starts."""
    cluster.tend()
    youngest = max(cluster.workers.values(), key=lambda worker: worker.started)
    cluster.tend_for(draw.uniform(0.5, 15.0))
    cluster.kill(youngest, "soon after its start")


def kill_late(cluster: Cluster, draw: random.Random) -> None:
    """A worker that has announced its weights, and not told yet how its trial ended."""
    deadline = time.monotonic() + LATE_SECONDS
    while time.monotonic() < deadline:
        for _ in range(100):
            if writing := cluster.writing():
                worker, number = writing[0]
                return cluster.kill(worker, f"as it writes what trial {number} has made")
            time.sleep(0.002)
        cluster.tend()
    return kill(cluster, draw)


def restart(cluster: Cluster, draw: random.Random) -> None:
    """The server is away for some seconds."""
    seconds = draw.uniform(3.0, 9.0)
    cluster.server.stop()
    cluster.say(f"server stopped for {seconds:.1f} s")
    time.sleep(seconds)
    cluster.server.start()
    cluster.say("server started")


def fill_disk(cluster: Cluster, draw: random.Random) -> None:
    """Nothing can be written to the artifacts' disk for a while."""
    filler = cluster.weights.parent / "filler"
    take_all_space(filler)
    cluster.say(f"artifacts' disk full for {FULL_SECONDS:.0f} s")
    deadline = time.monotonic() + FULL_SECONDS
    while time.monotonic() < deadline:
        cluster.tend_for(1.0)
        take_all_space(filler)  # what was freed meanwhile
    filler.unlink()
    cluster.say("artifacts' disk has space again")


def clock_back(cluster: Cluster, draw: random.Random) -> None:
    """All heartbeats are an hour old, as if the server's clock had been set an hour ahead."""
    shift_heartbeats(cluster, "- interval '1 hour'")


def clock_forward(cluster: Cluster, draw: random.Random) -> None:
    """All heartbeats are an hour ahead, and a worker that only they could betray dies."""
    for _ in range(100):
        if busy := cluster.in_a_trial(elsewhere=True):
            shift_heartbeats(cluster, "+ interval '1 hour'")
            return cluster.kill(busy[0][0], f"after that, in trial {busy[0][1]}")
        cluster.tend_for(0.3)
    return shift_heartbeats(cluster, "+ interval '1 hour'")


def shift_heartbeats(cluster: Cluster, interval: str) -> None:
    """Of all running trials."""
    running = "trial_id IN (SELECT trial_id FROM trials WHERE state = 'RUNNING')"
    change = f"UPDATE trial_heartbeats SET heartbeat = heartbeat {interval} WHERE {running}"
    with cluster.engine.begin() as connection:
        count = connection.execute(text(change)).rowcount
    cluster.say(f"heartbeats of {count} running trials: {interval}")


FAULTS: dict[str, Callable[[Cluster, random.Random], None]] = {
    "kill": kill,
    "kill soon": kill_soon,
    "kill late": kill_late,
    "restart": restart,
    "full disk": fill_disk,
    "clock back": clock_back,
    "clock forward": clock_forward,
}


def schedule(kills: int, restarts: int, draw: random.Random) -> list[str]:
    """The faults in their order: of five kills, one comes soon after a start and one late."""
    some = kills // 5
    often = ["kill"] * (kills - 2 * some) + ["kill soon"] * some + ["kill late"] * some
    faults = often + ["restart"] * restarts + ["full disk", "clock back", "clock forward"]
    draw.shuffle(faults)
    return faults


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
    folders = (cluster.weights, cluster.folder / "here", cluster.folder / "elsewhere")
    age_partial_files(folders)
    wrong = verdict(cluster.study, database, cluster.config)
    before = orphans(cluster.study, database, folders)
    cleaned = " / ".join(clean(cluster, directory) for directory in folders[1:])
    after = verdict(cluster.study, database, cluster.config)  # what was cleaned away is lost too
    found = Verdict(*(sorted({*one, *two}) for one, two in zip(wrong, after, strict=True)))
    return Outcome(found, before, cleaned, orphans(cluster.study, database, folders))


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
