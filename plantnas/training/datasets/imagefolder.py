"""The user's own images: root/train/CLASS/* and root/test/CLASS/* (or root/val/CLASS/*)."""

from pathlib import Path

import torch
from torchvision import datasets
from torchvision.transforms import v2

from plantnas.config import Data
from plantnas.training.images import Images


def read(data: Data, split: str) -> Images:
    """The images of a split, resized and cropped to a square."""
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
