"""What a launcher is, what it starts, and the loop that waits for the workers' ends.

How workers are started is in the file of each launcher; what a worker does is in worker.py.
"""

import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import NamedTuple, NoReturn, Protocol

from plantnas.errors import ConfigurationError, Say
from plantnas.place import Place, is_url
from plantnas.searching.interruption import give_up_if_asked
from plantnas.trust import trusted
from plantnas.workers.process import GRACE_SECONDS

POLL_SECONDS = 0.25
STORAGE_VARIABLE = "PLANTNAS_STORAGE"
"""The environment variable that tells a worker the URL of its database."""

COMPLAINT = "plantnas: "
"""How the last line of the command begins, if what it could not do is said in one line."""


def program(grace_seconds: float = GRACE_SECONDS) -> tuple[str, ...]:
    """The command `plantnas`, as arguments of any Python that has the package.

    Args:
        grace_seconds: It ends so long after the process that started it was killed.
    """
    return (
        "-P",  # a file of the current folder does not stand for an installed module
        "-c",
        "from plantnas.workers.process import end_with_starter; "
        f"end_with_starter({grace_seconds}); from plantnas.cli import main; main()",
    )


@dataclass(frozen=True)
class WorkerCommand:
    """What every worker of a study is started with.

    Attributes:
        place: Where the study is; its directory, where a worker keeps its files, is one of the
            machine where the worker runs.
        artifacts: Place of the weights, a folder or URL; None for what the study has recorded.
        device: Where networks are trained.
        data_root: Folder of the images on the workers' machines; None for the recorded one.
        environment: More environment variables for the workers, such as keys of an object store.
        program: What Python is given to run, before the arguments of the worker.
        deadline: Of this process's `time.monotonic`, after which they begin no further trial.
    """

    place: Place
    artifacts: str | None = None
    device: str = "cpu"
    data_root: Path | None = None
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    program: tuple[str, ...] = program()
    deadline: float | None = None

    def arguments(self) -> list[str]:
        """The arguments of Python that begin a worker. Nothing in them is secret."""
        artifacts = self.artifacts
        if artifacts is not None and not is_url(artifacts):
            artifacts = str(Path(artifacts).absolute())  # a worker is started in another folder
        optional: dict[str, object] = {"--artifacts": artifacts, "--data-root": self.data_root}
        if self.deadline is not None:
            optional["--timeout"] = f"{max(0.0, self.deadline - time.monotonic()):.3f}"
        options = {"--directory": self.place.directory.absolute(), "--device": self.device}
        options |= {name: value for name, value in optional.items() if value is not None}
        words = [word for option in options.items() for word in option]
        return [*self.program, "worker", self.place.name, *map(str, words)]

    def variables(self) -> dict[str, str]:
        """The environment variables that a worker needs: with the URL, so never to be shown."""
        return {**trusted(), **self.environment, STORAGE_VARIABLE: self.place.url}


class WorkerEnd(NamedTuple):
    """How a worker ended.

    Attributes:
        exit_code: Of its process, or minus the signal that killed it; 0 when nothing was left.
        says: The last line that it wrote, or why it has none.
        log: Where the rest is.
    """

    exit_code: int
    says: str
    log: str


class Launcher(Protocol):
    """Starts workers somewhere, and knows how each ended."""

    @property
    def logs(self) -> str:
        """Where the workers' logs are, for a message."""

    def start(self, command: WorkerCommand, workers: int) -> None:
        """Start the workers, or ask for them where they have to wait for a place."""

    def poll(self) -> Sequence[WorkerEnd | None]:
        """How each worker ended; None for one that waits or runs."""

    def stop(self) -> None:
        """End the workers that run, so that they can tell their trials, and let go of all else."""


def launch(
    launcher: Launcher,
    command: WorkerCommand,
    workers: int,
    say: Say,
    look: Callable[[], None] = lambda: None,
) -> list[WorkerEnd]:
    """Starts workers and waits until all have ended; Ctrl-C and SIGTERM stop them.

    Args:
        launcher: Where they run.
        command: What each of them does.
        workers: Their number.
        say: Is told where the logs are, and how many workers ended how.
        look: Is called a few times a second while they run, and once at the end.

    Raises:
        StudyError: The workers cannot be started there.
        StorageError: The folder of their logs cannot be written.
    """
    with launched(launcher, command, workers):
        asked = "a worker" if workers == 1 else f"{workers} workers"
        say(f"Asked for {asked} of study {command.place.name!r}. Logs: {launcher.logs}")
        for ends in polls(launcher):
            ended = [end for end in ends if end is not None]
            look()
    well = sum(end.exit_code == 0 for end in ended)
    say(f"{well} of {len(ended)} workers ended well.")
    logs = {(end.exit_code, end.says): end.log for end in ended}
    for (code, says), count in Counter((end.exit_code, end.says) for end in ended).items():
        if code != 0:
            how = f"ended with exit code {code}"
            if code < 0:
                how = f"was killed by {signal.Signals(-code).name}"
            say(f"{count} {how}: {says or 'no word'} (log: {logs[code, says]})")
    return ended


@contextmanager
def launched(launcher: Launcher, command: WorkerCommand, workers: int) -> Iterator[None]:
    """Within, the workers run; they are ended when this ends, by Ctrl-C and SIGTERM too.

    Raises:
        StudyError: The workers cannot be started there.
        StorageError: The folder of their logs cannot be written.
    """
    with _ended_by_signals():
        try:
            launcher.start(command, workers)
            yield
        finally:
            launcher.stop()


def polls(launcher: Launcher) -> Iterator[Sequence[WorkerEnd | None]]:
    """How the workers have ended so far, a few times a second, until all have.

    Raises:
        KeyboardInterrupt: If Ctrl-C was pressed and not heard.
    """
    while None in (ends := launcher.poll()):
        give_up_if_asked()
        yield ends
        time.sleep(POLL_SECONDS)
    yield ends


def check_shared(url: str) -> None:
    """Check that workers on other machines can have this database.

    Raises:
        ConfigurationError: It is an SQLite file.
    """
    if url.startswith("sqlite"):
        raise ConfigurationError(
            f"storage {url}: workers on other machines cannot share an SQLite file; give the "
            "URL of a PostgreSQL database."
        )


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """SIGTERM, and SIGHUP unless it is ignored, end what is within like Ctrl-C: cleanly."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {each: signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGHUP)}
    heard = [each for each, handler in before.items() if handler != signal.SIG_IGN]
    for each in heard:
        signal.signal(each, _exit)
    try:
        yield
    finally:
        for each in heard:
            signal.signal(each, before[each])


def _exit(number: int, interrupted: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)
