"""Writes files so that each is either complete or not there. What is in them is elsewhere."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO


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
