"""Decodes files of images: into memory, or once a machine into a file of pixels that is mapped.

Which files a data set has, and what one becomes, is said in datasets/.
"""

import hashlib
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from pickle import UnpicklingError
from typing import BinaryIO

import torch
from torch import Tensor

from plantnas.errors import Say
from plantnas.files import alone, write_atomically
from plantnas.tasks import Data
from plantnas.training.images import UNREADABLE, Images, labels_without
from plantnas.training.mapped import MappedFile
from plantnas.training.processes import made_by_processes, tracked

VERSION = 2
"""Of the content of files of pixels: another one is another file."""
MOST_LISTED = 100
"""Files in a message."""


@dataclass(frozen=True)
class Storing:
    """Where images are stored that are more than memory should hold.

    Attributes:
        folder: Of this machine, shared by its workers and made if needed; without one, all images
            are in memory.
        say: Is told what takes a while or is left out.
    """

    folder: Path | None = None
    say: Say = lambda message: None


@dataclass(frozen=True)
class ImageFiles:
    """Files of images that are not decoded yet.

    Attributes:
        paths: One an image.
        labels: As those of `Images`.
        shape: Of each image, channels x height x width.
        decode: The pixels of a file, uint8. Its `repr` says what they depend on, beside the file.
        num_classes: How many classes there are.
    """

    paths: Sequence[Path]
    labels: Tensor
    shape: tuple[int, int, int]
    decode: Callable[[Path], Tensor]
    num_classes: int

    def __len__(self) -> int:
        return len(self.paths)

    def subset(self, indices: Tensor) -> "ImageFiles":
        """The files at these indices."""
        paths = [self.paths[place] for place in indices.tolist()]
        return replace(self, paths=paths, labels=self.labels[indices])

    def without_labels(self, indices: Tensor) -> "ImageFiles":
        """All files; those at these indices have unknown labels."""
        return replace(self, labels=labels_without(self.labels, indices))

    def key(self) -> str:
        """A hash of all that their pixels follow from: which files, their state, and the rule."""
        digest = hashlib.sha256(repr((VERSION, self.shape, self.decode)).encode())
        for path in self.paths:
            status = path.stat()
            digest.update(repr((str(path), status.st_size, status.st_mtime_ns)).encode())
        return digest.hexdigest()[:32]


def decoded(files: ImageFiles, data: Data, times: int, storing: Storing) -> Images:
    """The images, in memory if all their views are within the limit, or else mapped from a file.

    Args:
        files: What is decoded.
        data: The limit, and what is done about files that are no images.
        times: How often memory would hold each image.
        storing: Where the file is, which is written by the first process that needs it.

    Raises:
        ValueError: Files are no images that can be used: it lists them.
        OSError: The folder is full or cannot be written.
    """
    size = len(files) * prod(files.shape)
    if storing.folder is None or size * times <= data.memory_gigabytes * 2**30:
        pixels, used = torch.empty((len(files), *files.shape), dtype=torch.uint8), list[int]()
        for place, image in _usable(files, data, storing.say):
            pixels[len(used)] = image
            used.append(place)
        return Images(pixels[: len(used)], files.labels[used])
    used, path = _stored(files, data, storing.folder, storing.say)
    channels, height, width = files.shape
    file = MappedFile(path, (len(used), height, width, channels))  # as batches have them
    return Images(file.tensor.movedim(-1, 1), files.labels[used], file)


def _stored(files: ImageFiles, data: Data, above: Path, say: Say) -> tuple[list[int], Path]:
    """Which of the files are in the file of pixels, one after another, and that file."""
    path = above / f"{files.key()}.pixels"
    beside, used = path.with_suffix(".used"), list[int]()

    def write(opened: BinaryIO) -> None:
        for place, image in _usable(files, data, say):
            opened.write(image.movedim(0, -1).contiguous().numpy().data)
            used.append(place)

    above.mkdir(parents=True, exist_ok=True)
    with alone(path.with_suffix(".lock")):
        if (kept := _kept(path, beside, prod(files.shape))) is None:
            size = len(files) * prod(files.shape)
            make_file(path, size, f"decoding {len(files):,} images", write, say)
            write_atomically(beside, lambda file: torch.save(torch.tensor(used), file))
            kept = used
    if not used:  # found, not made: what is left out is told again
        left = torch.ones(len(files), dtype=torch.bool).index_fill(0, torch.tensor(kept).long(), 0)
        found = _each(files.subset(left.nonzero().flatten()))
        _tell([each for each in found if isinstance(each, str)], len(files), data, say)
    return kept, path


def make_file(
    path: Path, size: int, what: str, write: Callable[[BinaryIO], object], say: Say
) -> None:
    """Writes a file of pixels; who does holds its lock.

    Args:
        path: The file.
        size: Bytes that it will have.
        what: What is done, for the line that is said.
        write: Writes the content to the open file.
        say: Is told what takes a while.

    Raises:
        ValueError: There is not as much space.
        OSError: It cannot be written.
    """
    for partial in path.parent.glob(f"{path.name}.*.partial"):
        partial.unlink(missing_ok=True)  # of a process that died with this lock
    free = shutil.disk_usage(path.parent).free
    if free < size:
        raise ValueError(
            f"{path.parent}: has {free / 1e9:.2g} GB free, {size / 1e9:.2g} GB are needed for "
            "the images, which data.memory_gigabytes keeps out of memory."
        )
    say(f"{what} into {path}, {size / 1e9:.2g} GB")
    write_atomically(path, write)


def _kept(path: Path, beside: Path, size: int) -> list[int] | None:
    """Which files are in a file of pixels; None if there is none, or it was cut short.

    Args:
        path: The file of pixels.
        beside: What says it.
        size: Bytes of an image.
    """
    try:
        kept: list[int] = torch.load(beside, weights_only=True).tolist()
        return kept if path.stat().st_size == len(kept) * size else None
    except (*UNREADABLE, UnpicklingError):
        return None


def _usable(files: ImageFiles, data: Data, say: Say) -> Iterator[tuple[int, Tensor]]:
    """The place and the pixels of each file that is an image, in order.

    Raises:
        ValueError: As `_tell`.
    """
    problems = list[str]()
    for place, image in enumerate(tracked(_each(files), len(files), "decoding images")):
        if isinstance(image, str):
            problems.append(image)
        else:
            yield place, image
    _tell(problems, len(files), data, say)


def _tell(problems: Sequence[str], total: int, data: Data, say: Say) -> None:
    """Says how many files are no images, or refuses them.

    Raises:
        ValueError: They are not to be left out, or nothing would be left.
    """
    if not problems:
        return
    count = f"{len(problems):,} of {total:,} files"
    if data.on_error == "skip" and len(problems) < total:
        say(f"data.on_error: skip: {count} of {data.name} are left out, as {problems[0]}")
        return
    more = len(problems) - MOST_LISTED
    listed = "; ".join(problems[:MOST_LISTED]) + (f"; and {more:,} more" if more > 0 else "")
    raise ValueError(listed if len(problems) == 1 else f"{count}: {listed}")


def _each(files: ImageFiles) -> Iterator[Tensor | str]:
    """The pixels of each file, in order, or what is wrong with it; of many by all processors."""

    def pixels_of(path: Path) -> Tensor | str:
        try:
            return files.decode(path).contiguous()
        except ValueError as error:
            return str(error)

    return made_by_processes(pixels_of, files.paths)
