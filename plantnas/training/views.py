"""The fixed augmented views of the images, and the batches that a network is fed.

Augmentation is a function of (seed, view, image): the teacher's logits on each view are computed
once, and the student sees exactly the image that the teacher saw, as a good teacher is patient
and consistent (Beyer et al. 2022, arXiv 2106.05237).
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional

from plantnas.tasks import Data
from plantnas.training.data import Dataset
from plantnas.training.images import Images
from plantnas.training.mapped import MappedFile
from plantnas.training.prefetching import prefetched

TIMED = 32
"""Images by which it is told how long one takes."""


class Inputs:
    """What a network is fed: for every view and image, one or more tensors.

    Either the images themselves, normalised if they are pixels, or the cached features behind a
    frozen prefix. They are kept and fed in torch's channels_last format: the gradient of a narrow
    convolution is up to four times faster in it on a CPU.
    """

    def __init__(
        self,
        tensors: tuple[Tensor, ...],
        mean: Tensor | None = None,
        std: Tensor | None = None,
        mapped: MappedFile | None = None,
    ) -> None:
        """Keeps the tensors.

        Args:
            tensors: Each views x images x (sizes of one channel) x channels, as views x images x
                height x width x channels.
            mean: Per channel, subtracted from every tensor of a batch if given.
            std: Per channel, the divisor.
            mapped: What the tensors are mapped from, if they are not in memory.
        """
        self.tensors = tensors
        self._mean = mean
        self._std = std
        self._file = mapped

    @property
    def views(self) -> int:
        """Number of views of each image."""
        return self.tensors[0].shape[0]

    @property
    def images(self) -> int:
        """Number of images of each view."""
        return self.tensors[0].shape[1]

    @property
    def device(self) -> torch.device:
        """Where the tensors are."""
        return self.tensors[0].device

    def batch(self, views: Tensor, indices: Tensor) -> tuple[Tensor, ...]:
        """One view of each indexed image: tensors of batch x channels (x sizes of a channel)."""
        return self._all_fed(tuple(tensor[views, indices] for tensor in self.tensors))

    def batches(self, drawn: Iterable[tuple[Tensor, Tensor]]) -> Iterator[tuple[Tensor, ...]]:
        """The batches of (views, indices), one after another."""
        return (self.batch(views, indices) for views, indices in drawn)

    def chosen(self, indices: Tensor) -> "Inputs":
        """View 0 of the indexed images alone."""
        tensors = tuple(tensor[:1, indices] for tensor in self.tensors)
        return Inputs(tensors, self._mean, self._std)

    def in_order(self, view: int, batch_size: int) -> Iterator[tuple[Tensor, ...]]:
        """All images of a view, in order, in batches."""
        for start in range(0, self.images, batch_size):
            rows = slice(start, start + batch_size)
            # A copy: an operation of the network that works in place must not reach the original.
            yield self._all_fed(tuple(tensor[view, rows].clone() for tensor in self.tensors))

    def _all_fed(self, copies: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        if self._file is not None:
            self._file.note(sum(each.nbytes for each in copies))
        return tuple(map(self._fed, copies))

    def _fed(self, values: Tensor) -> Tensor:
        if self._mean is not None and self._std is not None:
            # Whole rows at a time: an inner loop of three channels takes several times as long.
            width, floats = values.shape[-2], values.to(torch.float32, copy=True)
            rows = floats.flatten(-2).sub_(self._mean.repeat(width)).div_(self._std.repeat(width))
            values = rows.view(values.shape)
        values = values.movedim(-1, 1)
        # Of signals there is no channels_last: networks may `view` them.
        return values.contiguous() if values.ndim == 3 else values


class Views(Protocol):
    """Makes views of images."""

    @property
    def views(self) -> int:
        """How many there are of each image."""

    def of(self, views: Tensor, indices: Tensor) -> Tensor:
        """One view of each indexed image: batch x channels x height x width."""


class MadeInputs(Inputs):
    """Views of images that are made when they are asked for."""

    def __init__(
        self,
        made: Views,
        source: Images,
        normalised: tuple[Tensor, Tensor] | None,
        device: torch.device | str,
    ) -> None:
        """Makes nothing yet.

        Args:
            made: Makes the views.
            source: The images that they are of.
            normalised: Mean and standard deviation of each channel, if the images are pixels.
            device: Where they are fed.
        """
        # The pixels tell where batches are drawn; they may be of more images.
        super().__init__((source.pixels.movedim(1, -1).unsqueeze(0),), *(normalised or ()))
        self._made, self._source, self._device = made, source, torch.device(device)
        self._last: tuple[Tensor, Tensor, Tensor] | None = None

    @property
    def views(self) -> int:
        """Number of views of each image."""
        return self._made.views

    @property
    def images(self) -> int:
        """Number of images of each view."""
        return len(self._source)

    @property
    def device(self) -> torch.device:
        """Where batches are fed."""
        return self._device

    def batch(self, views: Tensor, indices: Tensor) -> tuple[Tensor, ...]:
        """One view of each indexed image; a teacher may ask for the batch of its student again."""
        last = self._last
        if last is None or last[0] is not views or last[1] is not indices:
            made = channels_last(self._made.of(views, indices))
            self._source.note(made.nbytes)
            if self._device.type == "cuda":  # sent while the device computes
                made = made.pin_memory().to(self._device, non_blocking=True)
            made = made.to(self._device)
            self._last = last = views, indices, made
        return (self._fed(last[2].clone()),)

    def chosen(self, indices: Tensor) -> Inputs:
        """View 0 of the indexed images alone."""
        normalised = None
        if self._mean is not None and self._std is not None:
            normalised = self._mean, self._std
        chosen = self._source.subset(indices)
        return ReadInputs(FixedViews(chosen), chosen, normalised, self._device)

    def in_order(self, view: int, batch_size: int) -> Iterator[tuple[Tensor, ...]]:
        """All images of a view, in order, in batches."""
        parts = torch.split(torch.arange(self.images), batch_size)
        return self.batches((torch.full_like(indices, view), indices) for indices in parts)


class ReadInputs(MadeInputs):
    """Views of images that a thread reads from a file, the next batches while one is used."""

    def batches(self, drawn: Iterable[tuple[Tensor, Tensor]]) -> Iterator[tuple[Tensor, ...]]:
        """The batches of (views, indices), one after another."""
        return prefetched(lambda each: self.batch(*each), drawn)


class FixedViews:
    """Makes views of images: the images themselves, and mirrored or shifted ones.

    Attributes:
        views: How many of each image.
    """

    def __init__(
        self,
        source: Images,
        count: int = 1,
        flip: bool = False,
        shift: int = 0,
        corners: Sequence[Tensor] = (),
    ) -> None:
        """Makes nothing yet.

        Args:
            source: The images, of which none is read yet.
            count: How many views of each.
            flip: Whether odd views are mirrored.
            shift: Pixels by which views but the first are shifted, at most.
            corners: Of each of these, how far each image is, as `_drawn_corners` says.
        """
        self.views, self._flip, self._shift, self._corners = count, flip, shift, corners
        self._source = source

    def of(self, views: Tensor, indices: Tensor) -> Tensor:
        """One view of each indexed image: batch x channels x height x width."""
        pixels = self._source.of(indices)
        for view in set(views.tolist()):
            if view and (self._shift or (self._flip and view % 2)):
                rows = (views == view).nonzero().flatten()
                pixels[rows] = self._changed(pixels[rows], view, indices[rows])
        return pixels

    def _changed(self, pixels: Tensor, view: int, indices: Tensor) -> Tensor:
        mirrored = pixels.flip(-1) if self._flip and view % 2 else pixels
        if not self._shift:
            return mirrored
        return _moved(mirrored, self._shift, self._corners[view - 1][:, indices])


def image_inputs(source: Images, dataset: Dataset, device: torch.device | str = "cpu") -> Inputs:
    """The images themselves as their only view, normalised if the training split's pixels are."""
    if source.file is not None:
        normalised = normalised_by(dataset, device)
        return ReadInputs(FixedViews(source), source, normalised, device)
    return _pixel_inputs(source.pixels.unsqueeze(0), dataset, device)


def augmented_inputs(
    dataset: Dataset, data: Data, random_seed: int, device: torch.device | str = "cpu"
) -> Inputs:
    """The training images in all their fixed views; those with transforms are in augmenting.py.

    View 0 is the image itself. Odd views are mirrored if `data.flip`; every view but 0 is shifted
    by up to `data.shift` pixels in both directions, with black behind the edge. What networks take
    as it is has no other view unless one of them is asked for.
    """
    generator = torch.Generator().manual_seed(random_seed)
    pixels, have_pixels = dataset.train.pixels, dataset.train.have_pixels
    flip = have_pixels if data.flip is None else data.flip
    count = data.views if have_pixels or flip or data.shift else 1
    if dataset.train.file is not None:
        images = len(dataset.train)
        corners = [_drawn_corners(images, data.shift, generator) for _ in range(1, count)]
        fixed = FixedViews(dataset.train, count, flip, data.shift, corners)
        return ReadInputs(fixed, dataset.train, normalised_by(dataset, device), device)
    views = [pixels]
    for view in range(1, count):
        mirrored = pixels.flip(-1) if flip and view % 2 else pixels
        views.append(shifted(mirrored, data.shift, generator))
    return _pixel_inputs(torch.stack(views), dataset, device)


def _pixel_inputs(pixels: Tensor, dataset: Dataset, device: torch.device | str) -> Inputs:
    """The inputs of pixels that are views x images x channels (x height x width)."""
    return Inputs((channels_last(pixels, 2).to(device),), *(normalised_by(dataset, device) or ()))


def normalised_by(dataset: Dataset, device: torch.device | str) -> tuple[Tensor, Tensor] | None:
    """What images are normalised by; None of what networks take as it is."""
    if not dataset.train.have_pixels:
        return None
    return dataset.mean.to(device), dataset.std.to(device)


def seconds_an_image(
    answer: Callable[[Tensor, Tensor], object], image_count: int, view_count: int
) -> float:
    """How long a function of (views, indices) takes for an image, by the last view of a few."""
    indices = torch.arange(min(TIMED, image_count))
    start = time.perf_counter()
    answer(torch.full_like(indices, view_count - 1), indices)
    return (time.perf_counter() - start) / len(indices)


def channels_last(pixels: Tensor, channels: int = 1) -> Tensor:
    """A copy that has the channels in its last dimension instead of another one."""
    # Not by `contiguous`: it leaves the strides of a single channel, which is contiguous whatever
    # they are, and torch takes them for those of the other format.
    return pixels.movedim(channels, -1).clone(memory_format=torch.contiguous_format)


def shifted(pixels: Tensor, limit: int, generator: torch.Generator) -> Tensor:
    """Each image moved by its own random number of pixels, -limit to limit."""
    if limit == 0:
        return pixels
    return _moved(pixels, limit, _drawn_corners(len(pixels), limit, generator))


def _drawn_corners(count: int, limit: int, generator: torch.Generator) -> Tensor:
    """Where each image begins in one that is wider by the limit on all sides: 2 x images x 1."""
    return torch.randint(2 * limit + 1, (2, count, 1), generator=generator)


def _moved(pixels: Tensor, limit: int, corners: Tensor) -> Tensor:
    height, width = pixels.shape[-2:]
    rows = (corners[0] + torch.arange(height))[:, None, :, None]
    columns = (corners[1] + torch.arange(width))[:, None, None, :]
    padded = functional.pad(pixels, (limit, limit, limit, limit))
    image = torch.arange(len(pixels)).view(-1, 1, 1, 1)
    channel = torch.arange(pixels.shape[1]).view(1, -1, 1, 1)
    return padded[image, channel, rows, columns]
