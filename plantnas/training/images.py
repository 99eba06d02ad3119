"""Images in memory, as a data set's reader gives them. What is made of them is in data.py.

An image is whatever a network takes: pixels, a signal of several channels, a vector of features.
What a reader may give is checked in giving.py.
"""

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

UNLABELLED = -1
"""The label of images without one: they are distilled from, not learnt by label."""

UNREADABLE = (OSError, EOFError, RuntimeError, ValueError, LookupError, zlib.error)
"""What reading files that are missing, damaged or of another form raises."""


@dataclass(frozen=True)
class Images:
    """Images, or other inputs of networks, and their labels, in memory.

    Attributes:
        pixels: uint8, images x channels x height x width, which are normalised before a network
            sees them; or float32, images x channels x any sizes, which it sees as they are.
        labels: Of one class, int64, images; `UNLABELLED` where unknown. Of several labels, each 0
            or 1, or of numbers, float32, images x outputs; NaN where unknown.
    """

    pixels: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def have_pixels(self) -> bool:
        """Whether they are images in 0 .. 255, not numbers that networks take as they are."""
        return self.pixels.dtype == torch.uint8

    def subset(self, indices: Tensor) -> "Images":
        """The images at these indices."""
        return Images(self.pixels[indices], self.labels[indices])

    def without_labels(self, indices: Tensor) -> "Images":
        """All images; those at these indices have unknown labels."""
        unknown = float("nan") if self.labels.is_floating_point() else UNLABELLED
        return Images(self.pixels, self.labels.index_fill(0, indices, unknown))


def with_label(labels: Tensor) -> Tensor:
    """Indices of the images whose labels are known; these are as those of `Images`."""
    return are_known(labels).nonzero().flatten()


def are_known(labels: Tensor) -> Tensor:
    """Which labels are known, bool, images; these are as those of `Images`."""
    return ~labels.isnan().any(1) if labels.is_floating_point() else labels != UNLABELLED


class Splits(NamedTuple):
    """What a data set gives a search that says itself which images networks are chosen by."""

    train: Images
    validation: Images
    num_classes: int | None = None
    """How many classes there are, if that is more than the labels say."""


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
