"""Memory and images a second of a worker whose images are larger than memory should hold.

Makes a folder of JPEG files (a thousand are written, the others are links to them), lets a study's
reader decode it into its file, and reads an epoch of batches from that: shuffled, every second view
mirrored, normalised. torch's DataLoader does the same from the files, and from the mapped pixels,
with as many processes as serve it best.

Usage: python -m benchmarks.data [--images 100000] [--size 160] [--folder /tmp]
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset

from benchmarks.common import heading, line
from plantnas.config import Data
from plantnas.training.data import Dataset, load_dataset
from plantnas.training.datasets.imagefolder import Square
from plantnas.training.decoding import Storing
from plantnas.training.views import augmented_inputs

WRITTEN = 1_000
"""Files that are written; the others are links to them."""
BATCH = 64
PROCESSES = (0, 1, 2)
"""Of the DataLoader; the fastest counts."""
FEW = 2_000
"""Images by which its numbers of processes are compared, and those read from JPEG files."""
COLUMNS = {"": "<52", "images/s": ">9"}


def make_files(root: Path, images: int, size: int) -> None:
    """Images of smooth noise, of two classes, a quarter larger than what is read of them."""
    generator = np.random.default_rng(0)
    for split, count in (("train", images), ("test", 2)):
        for place in range(count):
            path = root / split / "ab"[place % 2] / f"{place}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            if place >= WRITTEN:
                os.link(root / split / "ab"[place % 2] / f"{place % WRITTEN}.jpg", path)
                continue
            noise = generator.integers(0, 256, (size // 8, size // 8, 3), dtype=np.uint8)
            Image.fromarray(noise).resize((size * 5 // 4, size * 5 // 4)).save(path, quality=90)


def megabytes(key: str) -> float:
    """Of this process, as Linux counts them: `VmRSS` now, `VmHWM` at most, `RssAnon` its own."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(each for each in lines if each.startswith(key)).split()[1]) / 1e3


def rate(images: int, batches: Iterable[Any]) -> float:
    """Images a second of an epoch."""
    start = time.perf_counter()
    for _ in batches:
        pass
    return images / (time.perf_counter() - start)


class Normalised(TorchDataset[Tensor]):
    """What a person writes for a DataLoader: an image, perhaps mirrored, normalised."""

    def __init__(self, read: Callable[[int], Tensor], count: int, dataset: Dataset) -> None:
        """Keeps what reads an image, how many there are, and their statistics."""
        self._read, self._count = read, count
        self._mean, self._std = (each.view(-1, 1, 1) for each in (dataset.mean, dataset.std))

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, place: int) -> Tensor:
        image = self._read(place)
        if torch.rand(()) < 0.5:
            image = image.flip(-1)
        return (image.float() - self._mean) / self._std


def tuned(items: Normalised, few: Normalised) -> tuple[float, int]:
    """Images a second of a DataLoader over all items, and its processes."""

    def loader(each: Normalised, processes: int) -> DataLoader[Tensor]:
        return DataLoader(each, BATCH, shuffle=True, num_workers=processes)

    best = max(PROCESSES, key=lambda processes: rate(len(few), loader(few, processes)))
    return rate(len(items), loader(items, best)), best


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--size", type=int, default=160)
    parser.add_argument("--folder", default=tempfile.gettempdir())
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        root = Path(folder) / "photos"
        make_files(root, given.images + BATCH, given.size)
        data = Data(
            name="imagefolder", root=str(root), image_size=given.size, validation=BATCH, flip=True
        )
        before = megabytes("VmRSS")
        start = time.perf_counter()
        dataset = load_dataset(data, 0, Storing(Path(folder) / "images"))
        print(f"first reading, with hash and statistics: {time.perf_counter() - start:.0f} s")
        start = time.perf_counter()
        dataset = load_dataset(data, 0, Storing(Path(folder) / "images"))
        print(f"next reading: {time.perf_counter() - start:.0f} s")
        compare(dataset, root, before)


def compare(dataset: Dataset, root: Path, before: float) -> None:
    """Reads an epoch in each way."""
    count, size = len(dataset.train), dataset.train.pixels.shape[-1]
    print(f"{count:,} images of {size} x {size}: {dataset.train.pixels.nbytes / 1e9:.1f} GB")
    settings = Data(name="imagefolder", flip=True)
    inputs = augmented_inputs(dataset, settings, 0)
    drawn = torch.split(torch.randperm(count), BATCH)
    epoch = [(torch.randint(2, (len(part),)), part) for part in drawn]
    cells = [("plantnas, from its file", rate(count, inputs.batches(epoch)))]
    held, own = megabytes("VmRSS"), megabytes("RssAnon")
    print(
        f"resident: {held:,.0f} MB, {own:,.0f} of them its own; at most {megabytes('VmHWM'):,.0f}"
    )
    print(f"before the reading: {before:,.0f} MB")
    pixels, few = dataset.train.pixels, min(FEW, count)
    items = [Normalised(lambda place: pixels[place], each, dataset) for each in (count, few)]
    found, processes = tuned(items[0], items[1])
    cells.append((f"DataLoader, from the same file, {processes} processes", found))
    paths, decode = sorted(root.glob("train/*/*.jpg"))[:few], Square(size, size, True, "bilinear")
    files = Normalised(lambda place: decode(paths[place]), len(paths), dataset)
    found, processes = tuned(files, files)
    cells.append((f"DataLoader, from JPEG files, {processes} processes", found))
    print(heading(COLUMNS))
    for name, images_a_second in cells:
        print(line(COLUMNS, (name, f"{images_a_second:,.0f}")))


if __name__ == "__main__":
    main()
