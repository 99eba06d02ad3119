"""What trainings of worker processes say, for the process of this machine that started them.

Each worker appends to a file of its own: nobody waits for who reads it, nor for who does not.
"""

import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from plantnas.listening import Listener, TrainingProgress, somebody_listens, tell

VARIABLE = "PLANTNAS_NEWS"
"""The environment variable that tells a worker the folder of these files."""


class News:
    """What workers have said, each word of it told once to the listeners of this process.

    Attributes:
        variables: The environment variables of workers that are to be heard.
    """

    def __init__(self, folder: Path | None) -> None:
        """Reads the files of a folder; without one, nobody is heard."""
        self.variables: Mapping[str, str] = {} if folder is None else {VARIABLE: str(folder)}
        self._folder = folder
        self._read = dict[str, int]()

    def tell(self) -> None:
        """Tells what has been said since the last time.

        Raises:
            CallbackFailed: In place of what a listener raises.
        """
        if self._folder is None or not self._folder.is_dir():  # a system clears its folder of such
            return
        for file in sorted(os.scandir(self._folder), key=lambda file: file.name):
            begin = self._read.get(file.name, 0)
            if file.stat().st_size == begin:
                continue
            with open(file, "rb") as opened:
                opened.seek(begin)
                said = opened.read()
            whole, end, _ = said.rpartition(b"\n")  # the last line may be half written
            self._read[file.name] = begin + len(whole + end)
            for line in whole.splitlines():
                if (progress := _progress(line)) is not None:
                    tell(progress)


def _progress(content: bytes) -> TrainingProgress | None:
    """What is said by a line; None of one that was cut short where a disk was full."""
    try:
        return TrainingProgress(**json.loads(content))
    except (ValueError, TypeError):
        return None


@contextmanager
def news() -> Iterator[News]:
    """What workers say that are started within, if anybody listens and there is room for it."""
    if not somebody_listens():
        yield News(None)
        return
    try:
        folder = tempfile.TemporaryDirectory(prefix="plantnas-news-", ignore_cleanup_errors=True)
    except OSError:  # a disk that is full is to stop no study
        yield News(None)
        return
    with folder as name:
        yield News(Path(name))


def starters() -> list[Listener]:
    """Whom a worker tells beside others: the process that started it, if that wants to hear."""
    folder = os.environ.get(VARIABLE)
    if folder is None:
        return []
    try:
        file = open(Path(folder, f"{os.getpid()}.jsonl"), "ab", buffering=0)  # noqa: SIM115
    except OSError:  # its starter is gone
        return []

    def write(progress: TrainingProgress) -> None:
        with suppress(OSError):  # a disk that is full is to stop no training
            file.write(f"{json.dumps(vars(progress))}\n".encode())

    return [write]
