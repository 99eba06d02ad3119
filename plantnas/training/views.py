"""The fixed augmented views of the images, and the batches that a network is fed.

Augmentation is a function of (seed, view, image): the teacher's logits on each view are computed
once, and the student sees exactly the image that the teacher saw, as a good teacher is patient
and consistent (Beyer et al. 2022, arXiv 2106.05237).
"""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn import functional

from plantnas.tasks import Data
from plantnas.training.data import Dataset
from plantnas.training.images import Images


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
    ) -> None:
        """Keeps the tensors.

        Args:
            tensors: Each views x images x (sizes of one channel) x channels, as views x images x
                height x width x channels.
            mean: Per channel, subtracted from every tensor of a batch if given.
            std: Per channel, the divisor.
        """
        self.tensors = tensors
        self._mean = mean
        self._std = std

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
        return tuple(self._fed(tensor[views, indices]) for tensor in self.tensors)

    def chosen(self, indices: Tensor) -> "Inputs":
        """View 0 of the indexed images alone."""
        tensors = tuple(tensor[:1, indices] for tensor in self.tensors)
        return Inputs(tensors, self._mean, self._std)

    def in_order(self, view: int, batch_size: int) -> Iterator[tuple[Tensor, ...]]:
        """All images of a view, in order, in batches."""
        for start in range(0, self.images, batch_size):
            rows = slice(start, start + batch_size)
            # A copy: an operation of the network that works in place must not reach the original.
            yield tuple(self._fed(tensor[view, rows].clone()) for tensor in self.tensors)

    def _fed(self, values: Tensor) -> Tensor:
        if self._mean is not None and self._std is not None:
            values = (values.float() - self._mean) / self._std
        values = values.movedim(-1, 1)
        # Of signals there is no channels_last: networks may `view` them.
        return values.contiguous() if values.ndim == 3 else values


def image_inputs(images: Images, dataset: Dataset, device: torch.device | str = "cpu") -> Inputs:
    """The images themselves as their only view, normalised if the training split's pixels are."""
    return _pixel_inputs(images.pixels.unsqueeze(0), dataset, device)


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
    views = [pixels]
    for view in range(1, data.views if have_pixels or flip or data.shift else 1):
        mirrored = pixels.flip(-1) if flip and view % 2 else pixels
        views.append(shifted(mirrored, data.shift, generator))
    return _pixel_inputs(torch.stack(views), dataset, device)


def _pixel_inputs(pixels: Tensor, dataset: Dataset, device: torch.device | str) -> Inputs:
    """The inputs of pixels that are views x images x channels (x height x width)."""
    tensor = channels_last(pixels, 2).to(device)
    if not dataset.train.have_pixels:
        return Inputs((tensor,))
    return Inputs((tensor,), dataset.mean.to(device), dataset.std.to(device))


def channels_last(pixels: Tensor, channels: int = 1) -> Tensor:
    """A copy that has the channels in its last dimension instead of another one."""
    # Not by `contiguous`: it leaves the strides of a single channel, which is contiguous whatever
    # they are, and torch takes them for those of the other format.
    return pixels.movedim(channels, -1).clone(memory_format=torch.contiguous_format)


def shifted(pixels: Tensor, limit: int, generator: torch.Generator) -> Tensor:
    """Each image moved by its own random number of pixels, -limit to limit."""
    if limit == 0:
        return pixels
    height, width = pixels.shape[-2:]
    corners = torch.randint(2 * limit + 1, (2, len(pixels), 1), generator=generator)
    rows = (corners[0] + torch.arange(height))[:, None, :, None]
    columns = (corners[1] + torch.arange(width))[:, None, None, :]
    padded = functional.pad(pixels, (limit, limit, limit, limit))
    image = torch.arange(len(pixels)).view(-1, 1, 1, 1)
    channel = torch.arange(pixels.shape[1]).view(1, -1, 1, 1)
    return padded[image, channel, rows, columns]
