"""Images in memory, as a data set's reader gives them. What is made of them is in data.py."""

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from torch import Tensor

UNLABELLED = -1
"""The label of images without one: they are distilled from, not learnt by label."""

UNREADABLE = (OSError, EOFError, RuntimeError, ValueError, LookupError, zlib.error)
"""What reading files that are missing, damaged or of another form raises."""


@dataclass(frozen=True)
class Images:
    """Images and their labels, in memory.

    Attributes:
        pixels: uint8, images x channels x height x width.
        labels: int64, images; `UNLABELLED` where unknown.
    """

    pixels: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def subset(self, indices: Tensor) -> "Images":
        """The images at these indices."""
        return Images(self.pixels[indices], self.labels[indices])

    def without_labels(self, indices: Tensor) -> "Images":
        """All images; those at these indices are `UNLABELLED`."""
        return Images(self.pixels, self.labels.index_fill(0, indices, UNLABELLED))


@contextmanager
def advising(advice: str) -> Iterator[None]:
    """What cannot be read is told with what to do about it.

    Raises:
        OSError: Anything in the block was `UNREADABLE`.
    """
    try:
        yield
    except UNREADABLE as error:
        raise OSError(f"{reason_of(error)} {advice}".rstrip()) from error


def reason_of(error: BaseException) -> str:
    """What an exception says, all of it in one line; its type's name if it says nothing."""
    return " ".join(str(error).split()) or type(error).__name__
