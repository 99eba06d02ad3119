"""What the readers of torchvision's data sets share. The readers are in datasets/."""

from collections.abc import Callable
from typing import Any

import torch

from plantnas.config import Data
from plantnas.training.images import Images, advising


def downloaded_images(dataset: Callable[..., Any], data: Data, **split: object) -> Images:
    """The arrays of a data set of torchvision: its `data`, and its `targets` or `labels`.

    Args:
        dataset: Its class.
        data: Where it is, and whether it may be downloaded.
        split: How the class is told which images are wanted.

    Raises:
        OSError: They cannot be read.
    """
    with advising("" if data.download else "Set data.root to its folder, or data.download: true."):
        read = dataset(root=data.root or "data", download=data.download, **split)
    pixels = torch.as_tensor(read.data)
    labels = torch.as_tensor(getattr(read, "targets", getattr(read, "labels", None)))
    if pixels.ndim == 3:
        pixels = pixels.unsqueeze(1)
    elif pixels.shape[-1] in (1, 3):
        pixels = pixels.permute(0, 3, 1, 2)
    return Images(pixels.contiguous(), labels.long())


def of_one_split(dataset: Any, split: str, files: int | None = None) -> Any:
    """A data set of torchvision that checks the first `files` of its own split alone.

    torchvision reads the files of all splits for their MD5, but a search runs without the test's.
    """
    if split == "test":
        return type(dataset.__name__, (dataset,), {"train_list": []})
    own = {"train_list": dataset.train_list[:files]} if files else {}
    return type(dataset.__name__, (dataset,), {"test_list": [], **own})
