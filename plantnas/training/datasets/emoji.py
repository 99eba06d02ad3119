"""Drawings of emoji by two vendors, 64 x 64 pixels in colour, in ten categories.

They are those of the npm packages `emoji-datasource-twitter` (CC BY 4.0) and
`emoji-datasource-google` (Apache 2.0), about 7,500 together, on white.

A fifth of the emoji of each category is for the test split, and another fifth chooses networks:
those whose codes come first when they are sorted by their SHA-256. All drawings of one emoji, of
both vendors and in all skin tones, are in one split: they are nearly the same.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms.v2 import functional

from plantnas.config import Data
from plantnas.files import read_file
from plantnas.training.images import Images, Splits, advising, by_hash

VENDORS = ("google", "twitter")
"""Whose drawings are read; each has a package of its own."""

SHARE = 5
"""One emoji of so many is in the test split, and one in the validation split."""

INSTALL = (
    f"Install the packages with: npm install {' '.join(f'emoji-datasource-{v}' for v in VENDORS)}, "
    "and set data.root to their folder node_modules."
)


def read(data: Data, split: str) -> Images | Splits:
    """The images of a split. The training split comes with its own validation images."""
    root = Path(data.root or "node_modules")
    with advising(INSTALL):
        found = _emoji(root / f"emoji-datasource-{VENDORS[0]}")
    categories = sorted({each["category"] for each in found})
    parts = defaultdict[str, list[tuple[Path, int]]](list)
    for label, category in enumerate(categories):
        codes = {each["unified"]: each for each in found if each["category"] == category}
        share = round(len(codes) / SHARE)
        for place, code in enumerate(by_hash(list(codes))):
            part = "test" if place < share else "validation" if place < 2 * share else "train"
            parts[part] += [(path, label) for path in _drawings(root, codes[code])]
    with advising(INSTALL):
        if split == "test":
            return _images(parts["test"])
        return Splits(_images(parts["train"]), _images(parts["validation"]), len(categories))


def _emoji(folder: Path) -> list[dict[str, Any]]:
    """What a package says of each emoji.

    Raises:
        OSError: There is no such package.
        ValueError: It says something else.
    """
    path = folder / "emoji.json"
    found: Any = json.loads(read_file(path))
    if not isinstance(found, list) or not all(
        isinstance(each, dict) and {"unified", "category", "image"} <= each.keys() for each in found
    ):
        raise ValueError(f"{path}: is no list of emoji, each with unified, category and image.")
    return found


def _drawings(above: Path, emoji: dict[str, Any]) -> Iterator[Path]:
    """The files of an emoji: of each vendor, in each skin tone."""
    tones: dict[str, dict[str, Any]] = emoji.get("skin_variations", {})
    for vendor in VENDORS:
        folder = above / f"emoji-datasource-{vendor}" / "img" / vendor / "64"
        for each in (emoji, *tones.values()):
            if each.get(f"has_img_{vendor}", True):
                yield folder / each["image"]


def _images(drawings: Iterable[tuple[Path, int]]) -> Images:
    paths, labels = zip(*drawings, strict=True)
    return Images(torch.stack([_pixels(path) for path in paths]), torch.tensor(labels))


def _pixels(path: Path) -> Tensor:
    """A drawing on white, channels x height x width."""
    with Image.open(path, formats=["PNG"]) as image:
        drawing = image.convert("RGBA")
    white = Image.new("RGBA", drawing.size, "white")
    pixels: Tensor = functional.pil_to_tensor(Image.alpha_composite(white, drawing).convert("RGB"))
    return pixels
