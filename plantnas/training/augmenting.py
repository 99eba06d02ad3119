"""The views of the training images where a study names transforms for them (augmentations.py).

An image's view is a function of (seed, view, image) alone: every worker makes the same, and a study
that goes on too. Views that fit are made once and kept in a file, which the workers of a machine
map; others are made when they are asked for.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from plantnas.errors import ConfigurationError, PlantnasError, Say
from plantnas.files import alone, write_atomically
from plantnas.named import raised
from plantnas.tasks import Data
from plantnas.training.augmentations import AUGMENTATIONS, mixes_of, transforms_of
from plantnas.training.data import Dataset
from plantnas.training.mapped import MappedFile
from plantnas.training.mixing import Mixing, mixed
from plantnas.training.seeds import derived_seed
from plantnas.training.views import (
    Inputs,
    MadeInputs,
    channels_last,
    normalised_by,
    seconds_an_image,
    shifted,
)

if TYPE_CHECKING:
    from plantnas.training.augmentations import Transform

CHUNK = 1_000
"""Images of a view that are made before they are written."""


@dataclass(frozen=True)
class Keeping:
    """Where views are kept that are made once, and how much of them.

    Attributes:
        limit_bytes: Views that are larger are made when they are asked for.
        path: A file of this machine, whose name says what the views depend on; without one they
            are kept in memory.
        say: Is told what takes a while.
    """

    limit_bytes: float = float("inf")
    path: Path | None = None
    say: Say = lambda message: None


class Augmented:
    """Makes views of images: mirrored and shifted as all are, then transformed and mixed.

    Attributes:
        source: The images.
        views: How many of each.
        mixing: Mixes two images' views and labels, if a study wants it.
    """

    def __init__(self, dataset: Dataset, data: Data, random_seed: int) -> None:
        """Makes nothing yet.

        Raises:
            ConfigurationError: The inputs are no images, or a mix does not take its arguments.
        """
        self.source, self.views = dataset.train, data.views
        self._data, self._seed = data, random_seed
        self._flip = dataset.train.have_pixels if data.flip is None else data.flip
        self._shift = data.shift
        shape = tuple(self.source.pixels.shape[1:])
        if len(shape) != 3:
            raise ConfigurationError(
                f"{AUGMENTATIONS.key}: {next(iter(data.augment[0]))}: changes images of channels x "
                f"height x width, but the inputs of {data.name} have the shape "
                f"{shape}."
            )
        mixes = mixes_of(data)
        self.mixing = None
        if mixes:
            size, count = shape[1:], len(self.source)
            self.mixing = Mixing(mixes, count, size, dataset.num_classes, random_seed)

    @property
    def bytes(self) -> int:
        """Those of all views of all images."""
        return self.views * self.source.pixels[:1].nbytes * len(self.source)

    def of(self, views: Tensor, indices: Tensor) -> Tensor:
        """One view of each indexed image: batch x channels x height x width.

        Raises:
            ConfigurationError: A transform fails, or makes no image of the same shape.
        """
        # torchvision's transforms draw from torch's own generator, whose state is put back.
        with torch.random.fork_rng(devices=[]):
            images = self._unmixed(views, indices)
            if self.mixing is None:
                return images
            partners, _, kept = self.mixing.pairs(views, indices)
            # The image itself, view 0, keeps all.
            return mixed(images, self._unmixed(views, partners), kept)

    def chunks(self) -> Iterator[tuple[int, slice, Tensor]]:
        """All views of all images, a part at a time: the view, which images, and their pixels."""
        for view in range(self.views):
            for start in range(0, len(self.source), CHUNK):
                indices = torch.arange(start, min(start + CHUNK, len(self.source)))
                yield (
                    view,
                    slice(start, start + CHUNK),
                    self.of(torch.full_like(indices, view), indices),
                )

    def _unmixed(self, views: Tensor, indices: Tensor) -> Tensor:
        images = self.source.of(indices).clone(memory_format=torch.contiguous_format)
        each = zip(images, views.tolist(), indices.tolist(), strict=True)
        return torch.stack([self._view(*of_one) for of_one in each])

    def _view(self, image: Tensor, view: int, index: int) -> Tensor:
        if view == 0:
            return image
        torch.default_generator.manual_seed(derived_seed(self._seed, view, index))
        if self._flip and view % 2:
            image = image.flip(-1)
        if self._shift:
            image = shifted(image.unsqueeze(0), self._shift, torch.default_generator)[0]
        return self._transformed(image)

    @cached_property
    def _transforms(self) -> "list[tuple[str, Transform]]":
        """Made when a view is: who finds the views kept imports no torchvision."""
        return transforms_of(self._data)

    def _transformed(self, image: Tensor) -> Tensor:
        wanted = (image.shape, image.dtype)
        for name, transform in self._transforms:
            try:
                image = transform(image)
            except PlantnasError:
                raise
            except Exception as error:  # whatever transforms say of images
                raise ConfigurationError(
                    f"{AUGMENTATIONS.key}: {name}: cannot be applied to images of "
                    f"{_shown(*wanted)}: {raised(error)}."
                ) from error
        if not isinstance(image, Tensor) or (image.shape, image.dtype) != wanted:
            is_tensor = isinstance(image, Tensor)
            got = _shown(image.shape, image.dtype) if is_tensor else f"a {type(image).__name__}"
            names = ", ".join(name for name, _ in self._transforms)
            raise ConfigurationError(
                f"{AUGMENTATIONS.key}: {names}: images of {_shown(*wanted)} become {got}, but must "
                "keep their shape and kind."
            )
        return image


def augmented_views(
    augmented: Augmented, dataset: Dataset, device: torch.device, keeping: Keeping
) -> Inputs:
    """The training images in all their views, with the transforms of a study.

    Raises:
        ConfigurationError: A transform does not make an image of the same shape.
    """
    normalised, size = normalised_by(dataset, device), augmented.bytes
    if augmented.views == 1:
        keeping.say(
            f"data.views is 1, and the first view is the image itself: {AUGMENTATIONS.key} changes "
            "nothing"
        )
    if size > keeping.limit_bytes:
        seconds = seconds_an_image(augmented.of, len(augmented.source), augmented.views)
        keeping.say(
            f"{augmented.views} views of {len(augmented.source):,} images are {size / 2**30:.2g} "
            f"GB, more than memory_gigabytes: they are made when they are needed, "
            f"{seconds * 1000:.2g} ms an image, {seconds * len(augmented.source):.0f} s an epoch"
        )
        return MadeInputs(augmented, dataset.train, normalised, device)
    kept, file = _kept(augmented, keeping)
    mean, std = normalised or (None, None)
    return Inputs((kept.to(device),), mean, std, file)


def _kept(augmented: Augmented, keeping: Keeping) -> tuple[Tensor, MappedFile | None]:
    """All views, views x images x height x width x channels, and the file that they are in."""
    path = keeping.path
    if path is not None:
        try:
            file = _mapped(augmented, path, keeping.say)
            return file.tensor.view(augmented.source.pixels.dtype).view(_shape(augmented)), file
        except OSError:  # full, or not writable: a study does not end for that
            keeping.say(f"{path.parent}: views cannot be kept there, but in memory")
    shape = _shape(augmented)
    views = torch.empty(shape, dtype=augmented.source.pixels.dtype)
    for view, images, pixels in augmented.chunks():
        views[view, images] = pixels.movedim(1, -1)
    return views, None


def _mapped(augmented: Augmented, path: Path, say: Say) -> MappedFile:
    """The file, which is written by the first worker of a machine that needs it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    size = augmented.bytes
    with alone(path.with_name(f"{path.name}.lock")):
        if not path.exists() or path.stat().st_size != size:
            count = f"{augmented.views} views of {len(augmented.source):,} images"
            say(f"making {count}")
            parts = (channels_last(pixels) for _, _, pixels in augmented.chunks())
            write_atomically(
                path, lambda file: file.writelines(part.numpy().data for part in parts)
            )
    return MappedFile(path, (size,))


def _shape(augmented: Augmented) -> tuple[int, ...]:
    channels, height, width = augmented.source.pixels.shape[1:]
    return (augmented.views, len(augmented.source), height, width, channels)


def _shown(shape: tuple[int, ...], dtype: torch.dtype) -> str:
    return f"{' x '.join(map(str, shape))} ({str(dtype).removeprefix('torch.')})"
