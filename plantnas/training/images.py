"""Images, as a data set's reader gives them. What is made of them is in data.py.

An image is whatever a network takes: pixels, a signal of several channels, a vector of features.
What a reader may give is checked in giving.py.
"""

import hashlib
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import torch
from torch import Tensor

from plantnas.training.mapped import MappedFile

DEEP = ("I", "F")
"""How PIL's modes begin whose values need more than 8 bits: as RGB, most of them would be white."""
UNLABELLED = -1
"""The label of images without one: they are distilled from, not learnt by label."""

UNREADABLE = (OSError, EOFError, RuntimeError, ValueError, LookupError, zlib.error)
"""What reading files that are missing, damaged or of another form raises."""


PART = 500
"""Images that are looked at together where all of them are, one after another."""


@dataclass(frozen=True)
class Images:
    """Images, or other inputs of networks, and their labels, in memory or mapped into it.

    Attributes:
        pixels: uint8, images x channels x height x width, which are normalised before a network
            sees them; or float32, images x channels x any sizes, which it sees as they are.
        labels: Of one class, int64, images; `UNLABELLED` where unknown. Of several labels, each 0
            or 1, or of numbers, float32, images x outputs; NaN where unknown.
        file: What the pixels are mapped from, if they are not in memory: then they are read a part
            at a time, and this is told how much.
        rows: int64, images: which of the mapped pixels are theirs; None if all are, in order.
    """

    pixels: Tensor
    labels: Tensor
    file: MappedFile | None = None
    rows: Tensor | None = None

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def have_pixels(self) -> bool:
        """Whether they are images in 0 .. 255, not numbers that networks take as they are."""
        return self.pixels.dtype == torch.uint8

    def parts(self) -> Iterator[Tensor]:
        """The pixels of all images, some images at a time."""
        if self.rows is None:
            parts = iter(torch.split(self.pixels, PART))
        else:
            parts = (self.pixels[rows] for rows in torch.split(self.rows, PART))
        for part in parts:
            yield part
            self.note(part.nbytes)

    def of(self, indices: Tensor) -> Tensor:
        """The pixels of the images at these indices, a copy."""
        if self.file is None:
            return self.pixels[indices]
        rows = indices if self.rows is None else self.rows[indices]
        # As a file has them: they are read in a row.
        return self.pixels.movedim(1, -1).index_select(0, rows).movedim(-1, 1)

    def note(self, size: int) -> None:
        """Says how many bytes of the pixels were read; those of a file are not held for long."""
        if self.file is not None:
            self.file.note(size)

    def subset(self, indices: Tensor) -> "Images":
        """The images at these indices; mapped ones, or all in order, are not copied."""
        labels = self.labels[indices]
        if torch.equal(indices, torch.arange(len(self))):
            return replace(self, labels=labels)
        if self.file is None:
            return Images(self.pixels[indices], labels)
        return replace(
            self, labels=labels, rows=indices if self.rows is None else self.rows[indices]
        )

    def __reduce__(self) -> tuple[Any, ...]:
        """Of mapped pixels another process gets the place of the file, which it maps, too."""
        if self.file is None:
            return Images, (self.pixels, self.labels)
        return _of_file, (self.file, self.pixels.shape[1], self.labels, self.rows)

    def without_labels(self, indices: Tensor) -> "Images":
        """All images; those at these indices have unknown labels."""
        return replace(self, labels=labels_without(self.labels, indices))


def _of_file(
    mapped: MappedFile, channels: int, labels: Tensor, chosen_rows: Tensor | None
) -> Images:
    """Images of a file, whose channel is repeated if they have more."""
    pixels = mapped.tensor.movedim(-1, 1)
    return Images(pixels.expand(-1, channels, *pixels.shape[2:]), labels, mapped, chosen_rows)


def by_hash(names: Sequence[str]) -> list[str]:
    """Names by their SHA-256: as good as drawn, and on every machine the same order."""
    return sorted(names, key=lambda name: hashlib.sha256(name.encode()).digest())


def labels_without(labels: Tensor, indices: Tensor) -> Tensor:
    """Labels of which those at some indices are unknown."""
    unknown = float("nan") if labels.is_floating_point() else UNLABELLED
    return labels.index_fill(0, indices, unknown)


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
