"""scikit-learn's 1,797 handwritten digits of 8 x 8 pixels; every fifth is a test image.

They are read from its file, since to import it takes each worker more than a second.
"""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch

from plantnas.config import Data
from plantnas.training.images import Images


def read(data: Data, split: str) -> Images:
    """The images of a split."""
    package = find_spec("sklearn")
    assert package is not None  # it is a dependency
    assert package.origin is not None
    rows = np.loadtxt(Path(package.origin).parent / "datasets/data/digits.csv.gz", delimiter=",")
    is_test = np.arange(len(rows)) % 5 == 4
    chosen = rows[is_test if split == "test" else ~is_test]
    pixels = torch.from_numpy((chosen[:, :-1] * 15.9375).astype(np.uint8)).view(-1, 1, 8, 8)
    return Images(pixels, torch.from_numpy(chosen[:, -1]).long())
