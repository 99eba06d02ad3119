"""Fashion-MNIST (Xiao, Rasul and Vollgraf 2017): 70,000 grey images of 28 x 28 pixels."""

import gzip
import math
import struct
import zlib
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
import torch
from torch import Tensor

from plantnas.config import Data
from plantnas.files import read_file
from plantnas.training.images import Images, advising
from plantnas.training.torchvision_images import downloaded_images

DEBIAN = Path("/usr/share/datasets/fashion-mnist")
"""Where Debian's package dataset-fashion-mnist puts its files."""

BYTES = b"\0\0\x08"
"""How an IDX file of bytes begins."""

MOST_BYTES = 2**32
"""Of an array that is read."""


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
        pixels = _idx(folder / f"{prefix}-images-idx3-ubyte", 3).unsqueeze(1)
        labels = _idx(folder / f"{prefix}-labels-idx1-ubyte", 1)
    return Images(pixels, labels.long())


def _idx(path: Path, dimensions: int) -> Tensor:
    """A file in MNIST's IDX format, plain or with .gz behind its name: uint8 of its own shape.

    Raises:
        OSError: It cannot be read.
        ValueError: It is no IDX file of bytes, or has other dimensions.
    """
    zipped = not path.exists()
    file = path.with_name(path.name + ".gz") if zipped else path
    content: BinaryIO = BytesIO(read_file(file))
    if zipped:
        content = cast(BinaryIO, gzip.GzipFile(fileobj=content))
    try:
        header = content.read(4 + 4 * dimensions)
        if header[:3] != BYTES or len(header) != 4 + 4 * dimensions:
            raise ValueError(f"is no IDX file of bytes: it begins with {header[:4].hex(' ')}.")
        if header[3] != dimensions:
            raise ValueError(f"has {header[3]} dimensions, where {dimensions} are needed.")
        shape = struct.unpack(f">{dimensions}I", header[4:])
        wanted = math.prod(shape)
        # What is too much is not unpacked: a few kilobytes may be gigabytes.
        values = content.read(min(wanted, MOST_BYTES) + 1)
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise ValueError(f"{file}: {error}") from error
    if len(values) != wanted:
        raise ValueError(f"{file}: has not the {wanted} bytes that its header says.")
    return torch.from_numpy(np.frombuffer(values, np.uint8).reshape(shape).copy())
