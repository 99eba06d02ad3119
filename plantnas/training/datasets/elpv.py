"""ELPV (Deitsch et al. 2019): 2,624 grey photographs of solar cells of 300 x 300 pixels.

Experts said how likely each cell is defective: 0, 1/3, 2/3 or 1. From a half on the class is 1,
`defective`, as in the publication, below it 0, `functional`. The images are read from the Python
package `elpv-dataset`, whose licence (CC BY-NC-SA 4.0) allows no commercial use, or from a copy of
its folder `data`.

A fifth is the test split. Of the images with the same probability and the same kind of cell
(monocrystalline or polycrystalline), those are in it whose names in labels.csv come first when
they are sorted by their SHA-256.
"""

from collections import defaultdict
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import torch

from plantnas.config import Data
from plantnas.errors import missing
from plantnas.training.datasets.imagefolder import square_of
from plantnas.training.decoding import ImageFiles
from plantnas.training.images import by_hash

TEST_SHARE = 5
"""One image of so many is a test image."""


def read(data: Data, split: str) -> ImageFiles:
    """The images of a split, in RGB, to be resized as the study says."""
    folder = _folder(data)
    by_stratum = defaultdict[tuple[float, str], list[str]](list)
    for name, probability, kind in _rows(folder / "labels.csv"):
        by_stratum[probability, kind].append(name)
    chosen = list[tuple[str, int]]()
    for (probability, _), names in by_stratum.items():
        order, tested = by_hash(names), round(len(names) / TEST_SHARE)
        chosen += [
            (name, int(probability >= 0.5))
            for name in (order[:tested] if split == "test" else order[tested:])
        ]
    chosen.sort()
    paths = [folder / name for name, _ in chosen]
    labels = torch.tensor([label for _, label in chosen])
    return ImageFiles(paths, labels, *square_of(data), 2)


def _folder(data: Data) -> Path:
    """Where labels.csv and the images are."""
    if data.root is not None:
        return Path(data.root)
    package = find_spec("elpv_dataset")
    if package is None or package.origin is None:
        raise ValueError(
            f"{missing('elpv_dataset', 'examples')} Or set data.root to a copy of its folder data, "
            "with labels.csv."
        )
    return Path(package.origin).with_name("data")


def _rows(path: Path) -> Iterator[tuple[str, float, str]]:
    """The file name, the probability of a defect and the kind of each cell.

    Raises:
        OSError: The file cannot be read.
        ValueError: A line says something else.
    """
    for number, line in enumerate(path.read_text().splitlines(), 1):
        try:
            name, probability, kind = line.split()
            yield name, float(probability), kind
        except ValueError as error:
            raise ValueError(
                f"{path}: line {number}: {line!r} is no file name, probability and kind of cell."
            ) from error
