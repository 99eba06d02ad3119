"""The user's own images: root/train/CLASS/* and root/test/CLASS/* (or root/val/CLASS/*)."""

import warnings
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor
from torchvision.datasets.folder import IMG_EXTENSIONS, make_dataset
from torchvision.transforms import v2
from torchvision.transforms.v2.functional import center_crop, pad, pil_to_tensor, resize

from plantnas.config import Data
from plantnas.files import read_file
from plantnas.training.decoding import ImageFiles
from plantnas.training.images import DEEP, reason_of

FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "PPM", "GIF")
"""What a file may be, whatever its name says: formats of pixels, and none that other programs run,
as Ghostscript runs PostScript."""

MOST_BYTES = 2**28
"""Of a file."""

MOST_PIXELS = 2**26
"""Of an image in a file, and of what resizing makes of it: a few kilobytes may say billions."""


def read(data: Data, split: str) -> ImageFiles:
    """The images of a split, to be resized and cropped to a square as the study says."""
    root = Path(data.root or ".")
    folder = _folder_of(root, split)
    classes, found = _classes(root / "train"), _classes(folder)
    if set(found) - set(classes):  # labels are places in the sorted list of folders
        raise ValueError(f"{folder} has the classes {found}, train has {classes}.")
    if len(classes) == 1:
        raise ValueError(
            f"{folder} has one class alone, {classes[0]!r}: there is none to tell it from."
        )
    by_class = {name: place for place, name in enumerate(classes)}
    samples = make_dataset(str(folder), by_class, IMG_EXTENSIONS, allow_empty=True)
    if not samples:
        raise ValueError(f"{folder} has no images in the folders of its classes.")
    labels = torch.tensor([label for _, label in samples], dtype=torch.int64)
    other = _folder_of(root, "test" if split == "train" else "train")
    for label in sorted(set(range(len(classes))) - set(labels.tolist())):
        if not any((other / classes[label]).rglob("*")):
            raise ValueError(
                f"{folder / classes[label]} has no images, nor has {other / classes[label]}."
            )
    paths = [Path(path) for path, _ in samples]
    return ImageFiles(paths, labels, *square_of(data), len(classes))


def square_of(data: Data) -> "tuple[tuple[int, int, int], Square | Bordered]":
    """The shape of the squares that a study wants of images in files, and what cuts them out."""
    size = data.image_size or 64
    side = int(size / (data.crop or 1.0) + 1e-6)  # a crop may be the quotient of two sides
    shape, interpolation = (3, size, size), data.interpolation or "bilinear"
    if data.resize == "longer":
        colour = tuple(round(255 * each) for each in data.mean or (0, 0, 0))
        return shape, Bordered(size, side, interpolation, colour)
    return shape, Square(size, side, data.resize != "both", interpolation)


def _folder_of(above: Path, split: str) -> Path:
    """A split's; that of test images may be called val."""
    folder = above / split
    return folder if split == "train" or folder.is_dir() else above / "val"


def _classes(above: Path) -> list[str]:
    return sorted(entry.name for entry in above.iterdir() if entry.is_dir())


@dataclass(frozen=True)
class Square:
    """Reads an image, resizes it and cuts a square out of its middle.

    Attributes:
        size: Height and width of the square.
        side: Pixels that the image is resized to.
        is_of_shorter: Whether its shorter side is, and not both.
        interpolation: How.
    """

    size: int
    side: int
    is_of_shorter: bool
    interpolation: str

    def __call__(self, path: Path) -> Tensor:
        """The pixels, channels x height x width, uint8.

        Raises:
            ValueError: The file is no image that can be used.
        """
        resized = v2.Resize(
            self.side if self.is_of_shorter else (self.side, self.side),
            v2.InterpolationMode(self.interpolation),
            antialias=True,
        )
        square = v2.Compose([v2.PILToTensor(), resized, v2.CenterCrop(self.size)])
        pixels: Tensor = square(_image(path, self.side))
        return pixels


@dataclass(frozen=True)
class Bordered:
    """Reads an image, resizes its longer side and cuts a square out of the middle, as timm does.

    Attributes:
        size: Height and width of the square.
        side: Pixels of the longer side.
        interpolation: How the image is resized.
        colour: Red, green and blue, 0 to 255, of what the image does not fill.
    """

    size: int
    side: int
    interpolation: str
    colour: tuple[int, ...]

    def __call__(self, path: Path) -> Tensor:
        """The pixels, channels x height x width, uint8.

        Raises:
            ValueError: The file is no image that can be used.
        """
        image = pil_to_tensor(_image(path, self.side))
        ratio = max(image.shape[1:]) / self.side
        height, width = (max(1, round(length / ratio)) for length in image.shape[1:])
        resized = resize(image, [height, width], v2.InterpolationMode(self.interpolation))
        above, left = (max(0, self.size - length) for length in (height, width))
        borders = [left // 2, above // 2, (left + 1) // 2, (above + 1) // 2]
        pixels: Tensor = center_crop(pad(resized, borders, list(self.colour)), [self.size])
        return pixels


def _image(path: Path, size: int) -> Image.Image:
    """The image in a file, in RGB, whose shorter side is to have so many pixels.

    Raises:
        ValueError: It is none, or one that is far too large.
    """
    try:
        content = BytesIO(read_file(path, MOST_BYTES))
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            image = Image.open(content, formats=FORMATS)
        shorter, longer = sorted(image.size)
        if max(shorter * longer, size * size * longer / shorter) > MOST_PIXELS:
            raise ValueError(f"it has {image.width} x {image.height} pixels, which are too many.")
        if image.mode.startswith(DEEP):
            raise ValueError(
                f"it has more than 8 bits a value (mode {image.mode}): save it with 8."
            )
        return image.convert("RGB")
    except UnidentifiedImageError as error:
        kinds = f"{', '.join(FORMATS[:-1])} or {FORMATS[-1]}"
        raise ValueError(f"{path}: is no image that can be used: it is no {kinds}") from error
    except Exception as error:  # a damaged file makes PIL raise anything
        reason = getattr(error, "strerror", None) or reason_of(error)
        raise ValueError(f"{path}: is no image that can be used: {reason}") from error
