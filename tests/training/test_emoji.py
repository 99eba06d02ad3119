"""Drawings of emoji are read from the packages of both vendors and split by emoji."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from plantnas.config import Data
from plantnas.errors import DataError
from plantnas.training.data import load_dataset, load_test_images
from plantnas.training.images import Images

CATEGORIES = ["Animals", "Flags", "Objects"]
EMOJI = 10
"""Of each category; the first has two more drawings, in other skin tones."""


def drawing(number: int, tone: int) -> Image.Image:
    """The emoji's number in red, the tone in green; the upper half is clear."""
    pixels = np.zeros((64, 64, 4), dtype=np.uint8)
    pixels[32:] = (number, tone, 7, 255)
    pixels[:32] = (1, 2, 3, 0)
    return Image.fromarray(pixels)


@pytest.fixture
def data(tmp_path: Path) -> Data:
    for vendor in ("google", "twitter"):
        listed = []
        folder = tmp_path / f"emoji-datasource-{vendor}" / "img" / vendor / "64"
        folder.mkdir(parents=True)
        for number in range(EMOJI * len(CATEGORIES)):
            category = CATEGORIES[number // EMOJI]
            tones = range(1, 3) if number % EMOJI == 0 else range(0)
            for tone in (0, *tones):
                drawing(number, tone).save(folder / f"{number}-{tone}.png")
            listed.append(
                {
                    "unified": f"1F{number:03}",
                    "category": category,
                    "image": f"{number}-0.png",
                    "has_img_google": True,
                    "has_img_twitter": number != 5,
                    "skin_variations": {t: {"image": f"{number}-{t}.png"} for t in tones},
                }
            )
        (folder.parents[2] / "emoji.json").write_text(json.dumps(listed))
    return Data(name="emoji", root=str(tmp_path), views=1)


def emoji_of(images: Images) -> torch.Tensor:
    return images.pixels[:, 0, -1, -1].long()


def test_all_drawings_of_an_emoji_are_in_one_split(data: Data) -> None:
    dataset = load_dataset(data, 0)
    splits = [dataset.train, dataset.validation, load_test_images(data)]
    emoji = [set(emoji_of(split).tolist()) for split in splits]
    assert [len(each) for each in emoji] == [18, 6, 6]
    assert set.union(*emoji) == set(range(30))
    # Two vendors, but for one drawing, and two more tones of three emoji.
    assert sum(map(len, splits)) == 2 * 30 - 1 + 2 * 2 * 3


def test_each_category_has_its_share_of_each_split(data: Data) -> None:
    dataset = load_dataset(data, 0)
    assert dataset.num_classes == 3
    for split, count in ((dataset.train, 6), (dataset.validation, 2), (load_test_images(data), 2)):
        assert torch.equal(split.labels, emoji_of(split) // EMOJI)
        for label in range(3):
            assert len(emoji_of(split)[split.labels == label].unique()) == count


def test_what_is_clear_is_white(data: Data) -> None:
    images = load_test_images(data)
    assert (images.pixels[:, :, :32] == 255).all()
    assert (images.pixels[:, 2, 32:] == 7).all()


def test_the_packages_are_asked_for_where_they_are_missing(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="Install the packages with: npm install emoji-datasource-"):
        load_dataset(Data(name="emoji", root=str(tmp_path)), 0)


@pytest.mark.parametrize("content", ["{", "{}", '[{"unified": "1F600"}]'])
def test_a_damaged_list_is_an_error_in_one_line(data: Data, content: str) -> None:
    (Path(data.root or "") / "emoji-datasource-google" / "emoji.json").write_text(content)
    with pytest.raises(DataError) as error:
        load_dataset(data, 0)
    assert "\n" not in str(error.value)


def test_a_damaged_drawing_is_an_error_in_one_line(data: Data) -> None:
    for path in Path(data.root or "").rglob("*.png"):
        path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(DataError, match=r"^data.name: emoji: cannot be read: [^\n]*$"):
        load_dataset(data, 0)
