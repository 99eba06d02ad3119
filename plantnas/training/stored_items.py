"""Datasets of a caller's that are more than memory should hold: read once into a mapped file.

An item is read at a time, by all processors. What an item may be is checked in handed_data.py.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from pickle import UnpicklingError
from typing import BinaryIO, NamedTuple

import cloudpickle
import torch
from torch import Tensor

from plantnas.files import alone, write_atomically
from plantnas.training.decoding import Storing, make_file
from plantnas.training.images import UNREADABLE
from plantnas.training.mapped import MappedFile
from plantnas.training.processes import made_by_processes, tracked

VERSION = 1
"""Of the content of the files: another one is another file."""
COMPARED = 64
"""Items that are compared with a file whose name says what was read."""


@dataclass(frozen=True)
class Reading:
    """How a caller's Datasets are read.

    Attributes:
        storing: Where the files are of those that are more than memory should hold.
        limit_bytes: Images that would take more are stored.
        views: How often memory would hold each training image.
        source: What is read, as far as a name can say it, for the files' names. Then a few items
            are compared with a file that is there; else all are, as nothing but a Dataset's items
            tells whether it is the one that was read before.
    """

    storing: Storing = field(default_factory=Storing)
    limit_bytes: float = float("inf")
    views: int = 1
    source: str = ""

    def holds(self, size: int, name: str) -> bool:
        """Whether so many bytes of images of a split are held in memory."""
        times = self.views if name == "train" else 1
        return self.storing.folder is None or size * times <= self.limit_bytes


IN_MEMORY = Reading()
"""All images are in memory."""


class ItemReader(NamedTuple):
    """Reads the items of a Dataset.

    Attributes:
        read: The image and the target at a place, alike at all places.
        total: How many there are.
        name: What the caller calls them.
        dataset: What they are of.
        first: The image at place 0.
    """

    read: Callable[[int], tuple[Tensor, Tensor]]
    total: int
    name: str
    dataset: object
    first: Tensor

    def at(self, wanted_places: Sequence[int]) -> Iterator[tuple[Tensor, Tensor]]:
        """The items at these places, read by processes if the Dataset could be sent to them."""
        made = made_by_processes(self.read, wanted_places, _can_be_sent(self.dataset))
        return tracked(made, len(wanted_places), f"reading {self.name}")


class Stored(NamedTuple):
    """What was read of a Dataset: its images, mapped from a file, and their targets."""

    pixels: Tensor
    targets: Tensor
    file: MappedFile


def stored_items(reader: ItemReader, reading: Reading) -> Stored:
    """All items; their file is written by the first process that needs it.

    Raises:
        OSError: The folder cannot be written.
        ValueError: It is full.
    """
    assert reading.storing.folder is not None  # or memory would hold them
    said = (
        VERSION,
        reading.source,
        reader.name,
        reader.total,
        reader.first.shape,
        reader.first.dtype,
    )
    name = hashlib.sha256(repr(said).encode()).hexdigest()[:32]
    path = reading.storing.folder.resolve() / f"{name}.pixels"
    path.parent.mkdir(parents=True, exist_ok=True)
    with alone(path.with_suffix(".lock")):
        if (found := _found(path, reader, reading)) is not None:
            return found
        _write(path, reader, reading)
        return _mapped(path, reader)


def _mapped(path: Path, reader: ItemReader) -> Stored:
    sizes = reader.total, *reader.first.movedim(0, -1).shape
    file = MappedFile(path, sizes, reader.first.dtype)
    targets = torch.load(_beside(path), weights_only=True)
    return Stored(file.tensor.movedim(-1, 1), targets, file)


def _beside(path: Path) -> Path:
    """The file of the targets of a file of pixels."""
    return path.with_suffix(".targets")


def _found(path: Path, reader: ItemReader, reading: Reading) -> Stored | None:
    """What is in a file that is there, if that is what would be read now."""
    try:
        stored = _mapped(path, reader)
    except (*UNREADABLE, UnpicklingError):
        return None
    places: Sequence[int] = range(reader.total)
    if reading.source:
        places = sorted(set(torch.linspace(0, reader.total - 1, COMPARED).long().tolist()))
    for place, (image, target) in zip(places, reader.at(places), strict=True):
        kept = stored.targets[place]
        if (target.shape, target.dtype) != (kept.shape, kept.dtype):
            return None
        if not (torch.equal(image, stored.pixels[place]) and torch.equal(target, kept)):
            return None
        stored.file.note(image.nbytes)
    return stored


def _write(path: Path, reader: ItemReader, reading: Reading) -> None:
    targets = list[Tensor]()

    def write(opened: BinaryIO) -> None:
        for image, target in reader.at(range(reader.total)):
            opened.write(image.movedim(0, -1).contiguous().numpy().data)
            targets.append(target.clone())  # of its own memory, whoever sent it

    _beside(path).unlink(missing_ok=True)  # they were of another file
    what = f"reading {reader.total:,} images of {reader.name}"
    make_file(path, reader.total * reader.first.nbytes, what, write, reading.storing.say)
    write_atomically(_beside(path), lambda file: torch.save(torch.stack(targets), file))


class _Nowhere:
    """A file that keeps nothing."""

    def write(self, content: bytes) -> int:
        """How many bytes it was given."""
        return len(content)


def _can_be_sent(thing: object) -> bool:
    """Whether another process could have an object; open files and locks are not to be shared."""
    try:
        cloudpickle.Pickler(_Nowhere()).dump(thing)
    except Exception:  # pickle's own, or what the user's objects raise
        return False
    return True
