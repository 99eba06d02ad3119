"""Fashion-MNIST (Xiao, Rasul and Vollgraf 2017): 70,000 grey images of 28 x 28 pixels."""

import gzip
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from plantnas.config import Data
from plantnas.training.images import Images, advising
from plantnas.training.torchvision_images import downloaded_images

DEBIAN = Path("/usr/share/datasets/fashion-mnist")
"""Where Debian's package dataset-fashion-mnist puts its files."""


def read(data: Data, split: str) -> Images:
    """The images of a split: of `data.root`, of Debian's package, or downloaded."""
    if data.download:
        from torchvision import datasets

        return downloaded_images(datasets.FashionMNIST, data, train=split == "train")
    folder = Path(data.root) if data.root else DEBIAN
    for candidate in (folder, folder / "FashionMNIST" / "raw"):
        if list(candidate.glob("*-idx3-ubyte*")):
            folder = candidate
    prefix = "train" if split == "train" else "t10k"
    way = "Set data.root to its folder,"
    if data.root is None:
        way = "Install Debian's dataset-fashion-mnist, or set data.root"
    with advising(f"{way} or data.download: true."):
        pixels = _idx(folder / f"{prefix}-images-idx3-ubyte").unsqueeze(1)
        labels = _idx(folder / f"{prefix}-labels-idx1-ubyte")
    return Images(pixels, labels.long())


def _idx(path: Path) -> Tensor:
    """A file in MNIST's IDX format, plain or with .gz behind its name: uint8 of its own shape."""
    zipped = path.with_name(path.name + ".gz")
    content = path.read_bytes() if path.exists() else gzip.decompress(zipped.read_bytes())
    dimensions = content[3]
    shape = np.frombuffer(content, ">u4", dimensions, offset=4).astype(np.int64)
    values = np.frombuffer(content, np.uint8, offset=4 + 4 * dimensions)
    if values.size != shape.prod():
        raise ValueError(f"{path} is truncated: {values.size} bytes of {shape.prod()}.")
    return torch.from_numpy(values.reshape(shape).copy())
