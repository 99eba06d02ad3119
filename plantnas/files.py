"""Writes files that are complete or not there, and locks. What is in them is elsewhere."""

import errno
import glob
import os
import stat
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from filelock import FileLock, Timeout

from plantnas.errors import StorageError


def read_file(path: Path, most: int | None = None) -> bytes:
    """The content of a regular file. A pipe or a device, which may never end, is not opened.

    Args:
        path: The file, or a link to it.
        most: Bytes that it may have; None sets no limit.

    Raises:
        OSError: It cannot be read, is no regular file, or is larger.
    """
    try:
        status = path.stat()
    except ValueError as error:  # a NUL in the name
        raise OSError(errno.ENOENT, os.strerror(errno.ENOENT), str(path)) from error
    if stat.S_ISDIR(status.st_mode):
        raise OSError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "Is no regular file", str(path))
    with path.open("rb") as file:
        content = file.read(-1 if most is None else most + 1)
    if most is not None and len(content) > most:
        raise OSError(errno.EFBIG, f"Has more than {most} bytes", str(path))
    return content


def write_atomically(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Write a file under a temporary name, sync it to the disk, and rename it.

    Args:
        path: Its final name; the folder is made if needed.
        write: Writes the content to the open file.

    Raises:
        OSError: If it cannot be written; nothing is left of it, and what was there remains.
    """
    # The process is in the name: two workers may write the same file at once.
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with partial.open("wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def check_outputs(paths: Sequence[Path], replace: bool, kept: Iterable[Path] = ()) -> None:
    """Refuse files that cannot be written, or that would take the place of what is to be kept.

    Args:
        paths: The files that are to be written.
        replace: Whether files that exist may be replaced.
        kept: Files and folders that none of them may be or be in, by whatever name or link.

    Raises:
        StorageError: One is refused.
    """
    for number, path in enumerate(paths):
        if not path.parent.is_dir():
            raise StorageError(f"{path}: there is no folder {path.parent}.")
        if path.is_dir():
            raise StorageError(f"{path}: is a folder, where the name of a file is needed.")
        if path.exists() and not path.is_file():
            raise StorageError(f"{path}: is no regular file, and is not replaced by one.")
        if os.path.lexists(path) and not replace:
            raise StorageError(
                f"{path}: exists already. Use another name, or --force to replace it."
            )
        if (
            other := next((each for each in paths[:number] if _is_same(path, each)), None)
        ) is not None:
            raise StorageError(f"{path}: is the same file as {other}, which is written too.")
        if (file := next((each for each in kept if _is_within(path, each)), None)) is not None:
            raise StorageError(f"{path}: would replace what is kept in {file}. Use another name.")


def _is_same(path: Path, other: Path) -> bool:
    """Whether two names are of one file, which may not be there yet."""
    if path.exists() and other.exists():
        return path.samefile(other)
    return os.path.realpath(path) == os.path.realpath(other)


def _is_within(path: Path, kept: Path) -> bool:
    """Whether a file is one that is kept, or in a folder that is."""
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(kept)) or _is_same(
        path, kept
    )


OLD_SECONDS = 60
"""A file that was touched since may be another machine's, whose processes are not known here."""


def _remove_old_partials(path: Path) -> None:
    with suppress(OSError):
        for each in path.parent.glob(f"{glob.escape(path.name)}.*.partial"):
            process = each.name.removeprefix(f"{path.name}.").removesuffix(".partial")
            is_old = time.time() - each.stat().st_mtime > OLD_SECONDS
            if is_old and process.isdecimal() and _has_ended(int(process)):
                each.unlink(missing_ok=True)


def _has_ended(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return True
    except OSError:  # another user's
        return False
    return False


def write_file(path: Path, content: bytes) -> None:
    """Write a file under a temporary name and rename it: it is complete or not there.

    What processes left that were killed while they wrote it is removed.

    Raises:
        StorageError: It cannot be written.
    """
    _remove_old_partials(path)
    try:
        write_atomically(path, lambda file: file.write(content))
    except OSError as error:
        raise StorageError(f"{path}: cannot be written: {error.strerror}.") from error


@contextmanager
def alone(lock: Path) -> Iterator[None]:
    """One thread of one process of a machine at a time; the lock goes with its process.

    It does so however the process ends.

    Args:
        lock: A file that is made if needed and stays, empty; its folder must exist.

    Raises:
        OSError: It cannot be opened, or its disk knows no locks.
    """
    lock.parent.stat()  # filelock would make a folder that is not there
    with FileLock(lock, fallback_to_soft=False):
        yield


def is_locked(lock: Path) -> bool:
    """Whether a process is `alone` with this file now.

    Raises:
        OSError: It cannot be opened, or its disk knows no locks.
    """
    if not lock.exists():
        return False
    try:
        with FileLock(lock, timeout=0, fallback_to_soft=False):
            return False
    except Timeout:
        return True
