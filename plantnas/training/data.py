"""Reads data sets into memory and splits them. The views of the images are in views.py.

The test split has a function of its own, which only the report calls: a search cannot read it.
"""

import gzip
import hashlib
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from plantnas.config import Data
from plantnas.errors import DataError

UNLABELLED = -1
"""The label of images without one: they are distilled from, not learnt by label."""

DEBIAN_FASHION_MNIST = Path("/usr/share/datasets/fashion-mnist")
"""Where Debian's package dataset-fashion-mnist puts its files."""


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


@dataclass(frozen=True)
class Dataset:
    """What a search may see of a data set.

    Attributes:
        train: Images to train on.
        validation: Images to choose networks by, disjoint from `train`.
        num_classes: Number of classes.
        mean: Mean of the training pixels of each channel, in 0 .. 255.
        std: Their standard deviation.
        fingerprint: SHA-256 of both splits' pixels and labels.
    """

    train: Images
    validation: Images
    num_classes: int
    mean: Tensor
    std: Tensor
    fingerprint: str

    @property
    def channels(self) -> int:
        """Channels of the images."""
        return self.train.pixels.shape[1]


def load_dataset(data: Data, random_seed: int) -> Dataset:
    """Training and validation images, drawn from the data set's training split.

    Args:
        data: Which data set, and how many images.
        random_seed: Seed of the draw.

    Raises:
        DataError: Files are missing or damaged, there are too few images, or none to be used
            without labels.
    """
    pool = _with_channels(_read(data, "train"), data)
    labelled = (pool.labels != UNLABELLED).nonzero().flatten()
    order = labelled[torch.randperm(len(labelled), generator=_generator(random_seed))]
    wanted = data.train or len(order) - data.validation
    if wanted < 1 or wanted + data.validation > len(order):
        raise DataError(
            f"data.train: {data.train} and data.validation: {data.validation} are more images "
            f"than the {len(order)} labelled training images of {data.name}."
        )
    chosen, left = order[data.validation :].tensor_split([wanted])
    unlabelled = _unlabelled(pool, left, data)
    train = pool.without_labels(unlabelled).subset(torch.cat([chosen, unlabelled]))
    validation = pool.subset(order[: data.validation])
    mean, std = _statistics(train.pixels)
    return Dataset(
        train=train,
        validation=validation,
        num_classes=int(pool.labels.max()) + 1,
        mean=mean,
        std=std,
        fingerprint=_fingerprint(train, validation),
    )


def load_test_images(data: Data) -> Images:
    """The test split, for the final report only.

    Raises:
        DataError: Files are missing or damaged.
    """
    return _with_channels(_read(data, "test"), data)


def _unlabelled(pool: Images, left: Tensor, data: Data) -> Tensor:
    """Indices of the training images to use without labels: of stl10's own split, or those left."""
    if not data.unlabelled:
        return left[:0]
    if data.name == "stl10":
        return (pool.labels == UNLABELLED).nonzero().flatten()
    if data.train is None:
        raise DataError(
            "data.unlabelled: true: needs data.train, the number of training images of "
            f"{data.name} that keep their labels; the rest is used without."
        )
    if not len(left):
        raise DataError(
            f"data.unlabelled: true: data.train: {data.train} and data.validation: "
            f"{data.validation} leave none of the {len(pool)} training images of {data.name}."
        )
    return left


def _generator(random_seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(random_seed)


def _statistics(pixels: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of each channel, by its histogram (exact and small)."""
    values = torch.arange(256, dtype=torch.float64)
    counts = torch.stack(
        [torch.bincount(channel.flatten(), minlength=256) for channel in pixels.unbind(1)]
    ).double()
    shares = counts / counts.sum(1, keepdim=True)
    mean = shares @ values
    variance = shares @ values.square() - mean.square()
    return mean.float(), variance.clamp_min(1e-6).sqrt().float()


def _fingerprint(*splits: Images) -> str:
    digest = hashlib.sha256()
    for split in splits:
        digest.update(split.pixels.contiguous().numpy().data)
        digest.update(split.labels.contiguous().numpy().data)
    return digest.hexdigest()


def _with_channels(images: Images, data: Data) -> Images:
    channels = images.pixels.shape[1]
    if data.channels is None or data.channels == channels:
        return images
    if channels != 1:
        raise DataError(f"data.channels: {data.channels}: {data.name} has {channels} channels.")
    return Images(images.pixels.expand(-1, data.channels, -1, -1), images.labels)


def _read(data: Data, split: str) -> Images:
    """All images of the data set's own `train` or `test` split."""
    try:
        images = _READERS[data.name](data, split)
        if len(images.pixels) != len(images.labels):
            raise ValueError(f"{len(images.pixels)} images have {len(images.labels)} labels.")
        return images
    except (OSError, EOFError, RuntimeError, ValueError, LookupError, zlib.error) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DataError(f"data.name: {data.name}: cannot be read: {reason}{_hint(data)}") from error


def _hint(data: Data) -> str:
    if data.name == "fashion-mnist" and data.root is None:
        return " Install Debian's dataset-fashion-mnist, or set data.root or data.download: true."
    if data.download or data.name in ("digits", "imagefolder"):
        return ""
    return " Set data.root to its folder, or data.download: true."


def _read_digits(data: Data, split: str) -> Images:
    """scikit-learn's 1797 handwritten digits of 8 x 8 pixels; every fifth is a test image."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    is_test = np.arange(len(digits.target)) % 5 == 4
    chosen = is_test if split == "test" else ~is_test
    pixels = torch.from_numpy((digits.images[chosen] * 15.9375).astype(np.uint8)).unsqueeze(1)
    return Images(pixels, torch.from_numpy(digits.target[chosen]).long())


def _read_fashion_mnist(data: Data, split: str) -> Images:
    folder = Path(data.root) if data.root else DEBIAN_FASHION_MNIST
    if data.download:
        from torchvision import datasets

        return _from_arrays(datasets.FashionMNIST(_root(data), split == "train", download=True))
    for candidate in (folder, folder / "FashionMNIST" / "raw"):
        if list(candidate.glob("*-idx3-ubyte*")):
            folder = candidate
    prefix = "train" if split == "train" else "t10k"
    pixels = _read_idx(folder / f"{prefix}-images-idx3-ubyte").unsqueeze(1)
    labels = _read_idx(folder / f"{prefix}-labels-idx1-ubyte")
    return Images(pixels, labels.long())


def _read_idx(path: Path) -> Tensor:
    """A file in MNIST's IDX format, plain or with .gz behind its name: uint8 of its own shape."""
    zipped = path.with_name(path.name + ".gz")
    content = path.read_bytes() if path.exists() else gzip.decompress(zipped.read_bytes())
    dimensions = content[3]
    shape = np.frombuffer(content, ">u4", dimensions, offset=4).astype(np.int64)
    values = np.frombuffer(content, np.uint8, offset=4 + 4 * dimensions)
    if values.size != shape.prod():
        raise ValueError(f"{path} is truncated: {values.size} bytes of {shape.prod()}.")
    return torch.from_numpy(values.reshape(shape).copy())


def _root(data: Data) -> str:
    return data.root or "data"


def _read_torchvision(name: str, split_argument: Callable[[str], dict[str, Any]]) -> Any:
    """A reader of one of torchvision's array data sets."""

    def read(data: Data, split: str) -> Images:
        from torchvision import datasets

        constructor = _of_one_split(getattr(datasets, name), split)
        return _from_arrays(
            constructor(root=_root(data), download=data.download, **split_argument(split))
        )

    return read


def _of_one_split(dataset: Any, split: str, files: int | None = None) -> Any:
    """A data set of torchvision that checks the first `files` of its own split alone.

    torchvision reads the files of all splits for their MD5, but a search runs without the test's.
    """
    if split == "test":
        return type(dataset.__name__, (dataset,), {"train_list": []})
    own = {"train_list": dataset.train_list[:files]} if files else {}
    return type(dataset.__name__, (dataset,), {"test_list": [], **own})


def _read_stl10(data: Data, split: str) -> Images:
    from torchvision import datasets

    unlabelled = split == "train" and data.unlabelled
    constructor = _of_one_split(datasets.STL10, split, files=3 if unlabelled else 2)
    name = "train+unlabeled" if unlabelled else split
    return _from_arrays(constructor(_root(data), name, download=data.download))


def _from_arrays(dataset: Any) -> Images:
    """The arrays of a torchvision data set: `data` and `targets` or `labels`."""
    pixels = torch.as_tensor(dataset.data)
    labels = torch.as_tensor(getattr(dataset, "targets", getattr(dataset, "labels", None)))
    if pixels.ndim == 3:
        pixels = pixels.unsqueeze(1)
    elif pixels.shape[-1] in (1, 3):
        pixels = pixels.permute(0, 3, 1, 2)
    return Images(pixels.contiguous(), labels.long())


def _read_image_folder(data: Data, split: str) -> Images:
    """`root/train/CLASS/*` and `root/test/CLASS/*` (or `val`), resized and cropped to a square."""
    from torchvision import datasets
    from torchvision.transforms import v2

    root = Path(data.root or ".")
    folder = root / split
    if split == "test" and not folder.is_dir():
        folder = root / "val"
    size = data.image_size or 64
    square = v2.Compose([v2.PILToTensor(), v2.Resize(size, antialias=True), v2.CenterCrop(size)])
    dataset = datasets.ImageFolder(str(folder), transform=square)
    classes = sorted(entry.name for entry in (root / "train").iterdir() if entry.is_dir())
    if dataset.classes != classes:  # labels are places in the sorted list of folders
        raise ValueError(f"{folder} has the classes {dataset.classes}, train has {classes}.")
    pixels = torch.stack([image for image, _ in dataset])
    return Images(pixels, torch.tensor(dataset.targets))


_READERS: dict[str, Callable[[Data, str], Images]] = {
    "digits": _read_digits,
    "fashion-mnist": _read_fashion_mnist,
    "cifar10": _read_torchvision("CIFAR10", lambda split: {"train": split == "train"}),
    "cifar100": _read_torchvision("CIFAR100", lambda split: {"train": split == "train"}),
    "svhn": _read_torchvision("SVHN", lambda split: {"split": split}),
    "stl10": _read_stl10,
    "imagefolder": _read_image_folder,
}
