"""Files that are mapped into memory: read without being held there. Nothing here writes them."""

import mmap
import os
import sys
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import torch

MOST_HELD = 2**28
"""Bytes that are read before their pages are let go of."""
MAP_NORESERVE: int = getattr(mmap, "MAP_NORESERVE", 0x4000)
"""Linux on x86 and ARM has this number, which Python names from 3.13 on."""


class MappedFile:
    """The content of a file as a tensor, of which a process holds a part at most.

    What it lets go of stays in the memory that the system has for files, as long as nothing else
    needs that: there it is shared by all processes, and had again without the disk.

    Attributes:
        tensor: Of the sizes and the kind that were said.
        path: The file.
        state: What the system says of it, which is another one when the file is: its size, the
            times of its last changes, and its number.
    """

    def __init__(
        self, path: Path, sizes: tuple[int, ...], dtype: torch.dtype = torch.uint8
    ) -> None:
        """Maps a file, which is not read yet.

        Raises:
            OSError: There is no such file.
            ValueError: It has not as many bytes.
        """
        self.path = path
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            self.state = status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino
            self._map = _mapped(file.fileno(), prod(sizes) * dtype.itemsize)
        content = torch.from_numpy(np.frombuffer(self._map, np.uint8))
        self.tensor = content.view(dtype).view(sizes)
        self._held = 0

    def __reduce__(self) -> tuple[Any, ...]:
        """Another process maps the file, too."""
        return MappedFile, (self.path.resolve(), tuple(self.tensor.shape), self.tensor.dtype)

    def note(self, size: int) -> None:
        """Counts bytes that were read, and lets go of all of them when they are many."""
        self._held += size
        if self._held > MOST_HELD and hasattr(mmap, "MADV_DONTNEED"):
            self._held = 0
            self._map.madvise(mmap.MADV_DONTNEED)


def _mapped(descriptor: int, size: int) -> mmap.mmap:
    """The first bytes of an open file, copied where they are written.

    Torch has no read-only tensors, and nothing may reach the file. Linux counts a private map that
    may be written as memory, of which it promises no more than there is, unless none is reserved.
    """
    if sys.platform != "linux":
        return mmap.mmap(descriptor, size, access=mmap.ACCESS_COPY)
    flags = mmap.MAP_PRIVATE | MAP_NORESERVE
    return mmap.mmap(descriptor, size, flags=flags, prot=mmap.PROT_READ | mmap.PROT_WRITE)
