"""What all images of a search are read for: their hash and statistics, once a machine if mapped.

How images are normalised by their statistics is in normalisation.py.
"""

import hashlib
import json
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import torch

from plantnas.files import alone, write_atomically
from plantnas.training.images import Images

VERSION = 1
"""Of what a summary says: another one is another file."""


class Summary(NamedTuple):
    """What is said of the images of a search.

    Attributes:
        fingerprint: SHA-256 of the pixels and labels of both splits, in hexadecimal.
        mean: Of the training pixels of each channel, in 0 .. 255; empty if they are no pixels.
        std: Their standard deviation.
    """

    fingerprint: str
    mean: list[float]
    std: list[float]


def summary_of(train: Images, validation: Images, folder: Path | None) -> Summary:
    """The summary of two splits; where images are mapped it is kept, and read as a whole once.

    It is made again when a mapped file is another one than it was made of, by what the system says
    of it: its size, times and number.

    Args:
        train: Images to train on.
        validation: Images to choose networks by.
        folder: Where summaries are kept, beside the mapped files.

    Raises:
        OSError: The folder cannot be written.
    """
    if folder is None or (train.file is None and validation.file is None):
        return _made(train, validation)
    path = folder / f"{_key(train, validation)}.summary"
    with alone(path.with_suffix(".summary.lock")):
        with suppress(OSError, ValueError, TypeError):  # there is none, or a damaged one
            return Summary(**json.loads(path.read_text()))
        made = _made(train, validation)
        write_atomically(path, lambda file: file.write(json.dumps(made._asdict()).encode()))
    return made


def _key(train: Images, validation: Images) -> str:
    """A hash of all that a summary follows from; of mapped pixels, of the state of their file."""
    digest = hashlib.sha256(str(VERSION).encode())
    for images in (train, validation):
        digest.update(repr((images.pixels.shape, images.pixels.dtype)).encode())
        digest.update(images.labels.contiguous().numpy().data)
        if images.rows is not None:
            digest.update(images.rows.contiguous().numpy().data)
        if images.file is None:
            digest.update(images.pixels.contiguous().numpy().data)
        else:
            digest.update(repr(images.file.state).encode())
    return digest.hexdigest()[:32]


def _made(train: Images, validation: Images) -> Summary:
    digest = hashlib.sha256()
    for split in (train, validation):
        for part in split.parts():
            digest.update(part.contiguous().numpy().data)
        digest.update(split.labels.contiguous().numpy().data)
    return Summary(digest.hexdigest(), *(_statistics(train) if train.have_pixels else ([], [])))


def _statistics(source: Images) -> tuple[list[float], list[float]]:
    """Mean and standard deviation of each channel, by its histogram (exact and small)."""
    values = torch.arange(256, dtype=torch.float64)
    counts = torch.zeros(source.pixels.shape[1], 256, dtype=torch.int64)
    for part in source.parts():
        for count, channel in zip(counts, part.unbind(1), strict=True):
            count += torch.bincount(channel.flatten(), minlength=256)
    shares = counts / counts.sum(1, keepdim=True).double()
    mean = shares @ values
    variance = shares @ values.square() - mean.square()
    return mean.tolist(), variance.clamp_min(1e-6).sqrt().tolist()
