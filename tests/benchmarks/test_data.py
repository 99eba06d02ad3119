"""The measurement of images that are larger than memory should hold."""

from pathlib import Path

import torch

from benchmarks.data import Normalised, make_files
from plantnas.config import Data
from plantnas.training.data import load_dataset
from plantnas.training.decoding import Storing
from plantnas.training.views import augmented_inputs


def test_both_readers_give_the_same_numbers(tmp_path: Path) -> None:
    make_files(tmp_path / "photos", 6, 16)
    data = Data(
        name="imagefolder",
        root=str(tmp_path / "photos"),
        image_size=16,
        validation=2,
        views=1,
        memory_gigabytes=1e-9,
    )
    dataset = load_dataset(data, 0, Storing(tmp_path / "images"))
    assert dataset.train.file is not None
    inputs = augmented_inputs(dataset, data, 0)
    (batch,) = inputs.batch(torch.zeros(4, dtype=torch.int64), torch.arange(4))
    items = Normalised(lambda place: dataset.train.pixels[place], 4, dataset)
    for place, image in enumerate(batch):
        theirs = items[place]
        assert torch.equal(image, theirs) or torch.equal(image, theirs.flip(-1))
