"""What the teacher's layers compute on some training images, sampled once for all workers.

What is sampled, and what is fitted to it, is in channels/reconstruction.py.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from plantnas.channels.initialising import Donor, Samples
from plantnas.channels.reconstruction import FLOAT_BYTES, places_within, sampled
from plantnas.channels.structure import Structure
from plantnas.errors import StorageError
from plantnas.files import write_atomically
from plantnas.training.views import Inputs

IMAGES = 500
"""Images that are run, if the memory is enough."""
FEWEST_IMAGES = 32
LIVE = 3
"""Activations in memory at once, as large as the largest layer's outputs: what it is computed from,
itself, and what is computed of it."""


class TeacherSamples(NamedTuple):
    """What a file of samples holds."""

    views: Tensor
    """int64, images: in which view each of the images was run."""
    indices: Tensor
    """int64, images: which images of the training split they are."""
    outputs: Mapping[str, Tensor]
    """{weight: places x rows}, as those of `Samples`."""


def teacher_samples(
    donor: Donor, inputs: Inputs, memory: float, generator: torch.Generator
) -> TeacherSamples:
    """Runs the teacher on some training images and keeps what its layers compute at some places.

    Args:
        donor: The teacher and its structure.
        inputs: The views of the training images.
        memory: Bytes that the images' activations may take, and the same again for the samples.
        generator: Draws the images and their views.
    """
    count = min(inputs.images, images_within(donor.structure, memory))
    indices = torch.randperm(inputs.images, generator=generator)[:count]
    views = torch.randint(inputs.views, (count,), generator=generator)
    (images,) = inputs.batch(views, indices)
    outputs = sampled(donor.network, images, places_within(donor.structure, memory)).outputs
    return TeacherSamples(views, indices, {name: each.cpu() for name, each in outputs.items()})


def save_samples(path: Path, samples: TeacherSamples) -> None:
    """Writes samples so that the file is whole whenever it has its name.

    Raises:
        StorageError: The folder is full or cannot be written.
    """
    try:
        write_atomically(path, lambda file: torch.save(samples._asdict(), file))
    except OSError as error:
        raise StorageError(f"{path}: cannot be written: {error.strerror}.") from error


def load_samples(path: Path, inputs: Inputs) -> Samples:
    """Samples from a file, mapped into memory, so that the workers of a machine share one copy.

    Raises:
        StorageError: The file is missing or damaged.
    """
    try:
        kept = TeacherSamples(**torch.load(path, mmap=True, weights_only=True))
        (images,) = inputs.batch(kept.views, kept.indices)
        kinds = {output.dtype for output in kept.outputs.values()}
    except Exception as error:  # a damaged file makes torch raise anything
        raise StorageError(
            f"{path}: the teacher's samples cannot be read: {error}. Delete it: it is made again."
        ) from error
    if kinds != {torch.float32}:
        raise StorageError(
            f"{path}: the teacher's samples are not float32. Delete the file, and it is made again."
        )
    return Samples(images, kept.outputs, kept.indices)


def images_within(structure: Structure, memory: float) -> int:
    """How many images can be run at once in some bytes: `IMAGES` or fewer."""
    uses = structure.weight_uses
    largest = max(positions * structure.shapes[name][0] for name, positions in uses)
    return max(FEWEST_IMAGES, min(IMAGES, int(memory / (LIVE * FLOAT_BYTES * largest))))
