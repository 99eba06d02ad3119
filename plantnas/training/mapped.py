"""Files that are mapped into memory: read without being held there. Nothing here writes them."""

import mmap
from math import prod
from pathlib import Path

import numpy as np
import torch

MOST_HELD = 2**28
"""Bytes that are read before their pages are let go of."""


class MappedFile:
    """The bytes of a file as a tensor, of which a process holds a part at most.

    What it lets go of stays in the memory that the system has for files, as long as nothing else
    needs that: there it is shared by all processes, and had again without the disk.

    Attributes:
        tensor: uint8.
    """

    def __init__(self, path: Path, sizes: tuple[int, ...]) -> None:
        """Maps a file, which is not read yet.

        Raises:
            OSError: There is no such file.
            ValueError: It has not as many bytes.
        """
        with path.open("rb") as file:
            # Copy on write: torch has no read-only tensors, and nothing may reach the file.
            self._map = mmap.mmap(file.fileno(), prod(sizes), access=mmap.ACCESS_COPY)
        self.tensor = torch.from_numpy(np.frombuffer(self._map, np.uint8)).view(sizes)
        self._held = 0

    def note(self, size: int) -> None:
        """Counts bytes that were read, and lets go of all of them when they are many."""
        self._held += size
        if self._held > MOST_HELD and hasattr(mmap, "MADV_DONTNEED"):
            self._held = 0
            self._map.madvise(mmap.MADV_DONTNEED)
