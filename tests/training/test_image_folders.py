"""Images of the user's own, in folders: of any size and mode, resized as the study says."""

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from plantnas.config import Data
from plantnas.training.data import load_dataset, load_test_images
from plantnas.training.images import Images
from tests.training.test_data_formats import Written, drawn, one_line, write_image_folder


def test_photographs_of_any_size_and_mode_become_coloured_squares(tmp_path: Path) -> None:
    written = write_image_folder(tmp_path / "images")
    Image.fromarray(drawn(9, 40, 24)).save(written.train_file)  # 24 x 40 and grey
    for image in load_images(written):
        assert image.shape == (3, 16, 16)


def load_images(written: Written) -> list[torch.Tensor]:
    dataset = load_dataset(written.data, 0)
    return [*dataset.train.pixels, *dataset.validation.pixels]


def test_the_test_images_may_be_in_a_folder_val(tmp_path: Path) -> None:
    written = write_image_folder(tmp_path / "images")
    (tmp_path / "images" / "test").rename(tmp_path / "images" / "val")
    assert isinstance(load_test_images(written.data), Images)


def test_test_images_of_other_classes_than_the_training_images_are_an_error(
    tmp_path: Path,
) -> None:
    written = write_image_folder(tmp_path / "images")
    (tmp_path / "images" / "test" / "bee").rename(tmp_path / "images" / "test" / "dog")
    message = one_line(lambda: load_test_images(written.data), written.data)
    assert "dog" in message
    assert "bee" in message


@pytest.mark.parametrize(
    ("said", "columns"),
    [
        ({}, [8, 10, 12, 14]),
        ({"crop": 0.5}, [10, 11, 12, 13]),
        ({"resize": "both"}, [0, 6, 12, 18]),
    ],
)
def test_images_in_folders_are_resized_as_the_study_says(
    tmp_path: Path, said: dict[str, Any], columns: list[int]
) -> None:
    for split, label in itertools.product(("train", "test"), "ab"):
        (tmp_path / split / label).mkdir(parents=True)
        wide = np.tile(np.arange(24, dtype=np.uint8), (8, 1))
        Image.fromarray(wide).save(tmp_path / split / label / "it.png")
    nearest = {"image_size": 4, "interpolation": "nearest", **said}
    data = Data(name="imagefolder", root=str(tmp_path), **nearest)
    pixels = load_test_images(data).pixels
    assert pixels[0, 0, 0].tolist() == columns
