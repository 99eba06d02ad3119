"""The user's own images: root/train/CLASS/* and root/test/CLASS/* (or root/val/CLASS/*)."""

import warnings
from functools import partial
from io import BytesIO
from pathlib import Path

import torch
from PIL import Image
from torchvision import datasets
from torchvision.transforms import v2

from plantnas.config import Data
from plantnas.files import read_file
from plantnas.training.images import Images, reason_of

FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "PPM", "GIF")
"""What a file may be, whatever its name says: formats of pixels, and none that other programs run,
as Ghostscript runs PostScript."""

MOST_BYTES = 2**28
"""Of a file."""

MOST_PIXELS = 2**26
"""Of an image in a file, and of what resizing makes of it: a few kilobytes may say billions."""


def read(data: Data, split: str) -> Images:
    """The images of a split, resized and cropped to a square as the study says."""
    root = Path(data.root or ".")
    folder = root / split
    if split == "test" and not folder.is_dir():
        folder = root / "val"
    size = data.image_size or 64
    side = int(size / (data.crop or 1.0) + 1e-6)  # a crop may be the quotient of two sides
    resized = v2.Resize(
        side if data.resize != "both" else (side, side),
        v2.InterpolationMode(data.interpolation or "bilinear"),
        antialias=True,
    )
    square = v2.Compose([v2.PILToTensor(), resized, v2.CenterCrop(size)])
    dataset = datasets.ImageFolder(str(folder), square, loader=partial(_image, size=side))
    classes = sorted(entry.name for entry in (root / "train").iterdir() if entry.is_dir())
    if dataset.classes != classes:  # labels are places in the sorted list of folders
        raise ValueError(f"{folder} has the classes {dataset.classes}, train has {classes}.")
    if len(classes) == 1:
        raise ValueError(
            f"{folder} has one class alone, {classes[0]!r}: there is none to tell it from."
        )
    pixels = torch.stack([image for image, _ in dataset])
    return Images(pixels, torch.tensor(dataset.targets))


def _image(path: str, size: int) -> Image.Image:
    """The image in a file, in RGB, whose shorter side is to have so many pixels.

    Raises:
        ValueError: It is none, or one that is far too large.
    """
    try:
        content = BytesIO(read_file(Path(path), MOST_BYTES))
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            image = Image.open(content, formats=FORMATS)
        shorter, longer = sorted(image.size)
        if max(shorter * longer, size * size * longer / shorter) > MOST_PIXELS:
            raise ValueError(f"it has {image.width} x {image.height} pixels, which are too many.")
        return image.convert("RGB")
    except Exception as error:  # a damaged file makes PIL raise anything
        reason = getattr(error, "strerror", None) or reason_of(error)
        raise ValueError(f"{path}: is no image that can be used: {reason}") from error
