"""Datasets that are more than memory should hold, read once into a mapped file."""

from __future__ import annotations

import pickle
import threading
from typing import TYPE_CHECKING, Any

import pytest
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset

from plantnas.config import Data
from plantnas.errors import DataError
from plantnas.training import processes
from plantnas.training.augmenting import Augmented
from plantnas.training.data import load_dataset, load_test_images
from plantnas.training.decoding import Storing
from plantnas.training.handed_data import handed_data, images_of
from plantnas.training.stored_items import COMPARED, Reading
from plantnas.training.views import augmented_inputs, image_inputs
from tests.training.test_decoding import batches_of

if TYPE_CHECKING:
    from pathlib import Path

COUNT = 200


class Items(Dataset[Any]):
    """Images of a kind, each with its place's class; remembers which were read."""

    def __init__(self, kind: str = "uint8", count: int = COUNT, seed: int = 0) -> None:
        generator = torch.Generator().manual_seed(seed)
        self.pixels = torch.randint(256, (count, 3, 4, 4), dtype=torch.uint8, generator=generator)
        self.kind, self.read = kind, list[int]()

    def __len__(self) -> int:
        return len(self.pixels)

    def __getitem__(self, place: int) -> tuple[Any, int]:
        self.read.append(place)
        pixels = self.pixels[place]
        made: dict[str, Any] = {
            "uint8": pixels,
            "PIL": Image.fromarray(pixels.permute(1, 2, 0).numpy()),
            "grey": pixels[0],
            "whole": pixels.long(),
            "doubles": pixels.double() / 7,
            "signal": pixels.float().flatten(1),
            "features": pixels.float().flatten(),
        }
        return made[self.kind], place % 3


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def stored(tmp_path: Path, said: list[str]) -> Reading:
    """A reading that holds nothing in memory."""
    return Reading(Storing(tmp_path / "stored", said.append), limit_bytes=1)


@pytest.fixture(params=["here", "by processes"])
def anywhere(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "by processes":
        monkeypatch.setattr(processes, "FEW", 1)


KINDS = ("uint8", "PIL", "grey", "whole", "doubles", "signal", "features")


@pytest.mark.usefixtures("anywhere")
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_mapped_is_what_memory_would_hold(kind: str, stored: Reading) -> None:
    splits = Items(kind), Items(kind, 50, 1)
    here, there = handed_data(*splits, None), handed_data(*splits, None, stored)
    for name, images in there.by_name().items():
        assert images.file is not None
        assert torch.equal(images.pixels, here.by_name()[name].pixels)
        assert torch.equal(images.labels, here.by_name()[name].labels)
    assert here.fingerprint() == there.fingerprint()


def test_what_fits_is_held_in_memory(stored: Reading, tmp_path: Path) -> None:
    size = COUNT * 48
    for views, is_held in ((1, True), (2, False)):
        reading = Reading(stored.storing, size, views)
        assert (images_of(Items(), "train", reading).file is None) == is_held
        assert images_of(Items(), "validation", reading).file is None


def test_a_data_set_that_was_read_before_is_compared_and_not_written(
    stored: Reading, said: list[str]
) -> None:
    for _ in range(2):
        images_of(Items(), "train", stored)
    assert len(said) == 1
    assert said[0].startswith("reading 200 images of train into ")


@pytest.mark.parametrize("changed", ["pixel", "target", "count"])
def test_another_data_set_is_read_anew(stored: Reading, said: list[str], changed: str) -> None:
    images_of(Items(), "train", stored)
    other: Any = Items(count=COUNT - (changed == "count"))
    if changed == "pixel":
        other.pixels[150, 2, 3, 3] += 1
    if changed == "target":
        other = [
            (image, 1 if place == 150 else target) for place, (image, target) in enumerate(other)
        ]
    images = images_of(other, "train", stored)
    assert len(said) == 2
    expected = images_of(other, "train")
    assert torch.equal(images.pixels, expected.pixels)
    assert torch.equal(images.labels, expected.labels)


def test_a_file_that_was_cut_short_is_written_anew(stored: Reading, said: list[str]) -> None:
    images_of(Items(), "train", stored)
    assert stored.storing.folder is not None
    for path in stored.storing.folder.glob("*.targets"):
        path.write_bytes(b"")
    images_of(Items(), "train", stored)
    for path in stored.storing.folder.glob("*.pixels"):
        path.write_bytes(path.read_bytes()[:-1])
    assert torch.equal(images_of(Items(), "train", stored).pixels, Items().pixels)
    assert len(said) == 3


def test_where_a_name_says_what_is_read_a_few_items_tell_whether_it_was(
    stored: Reading, said: list[str]
) -> None:
    reading = Reading(stored.storing, 1, source="my:read")
    images_of(Items(), "train", reading)
    again = Items()
    images_of(again, "train", reading)
    assert len(set(again.read)) == COMPARED
    images_of(Items(seed=1), "train", reading)
    assert len(said) == 2


@pytest.mark.usefixtures("anywhere")
@pytest.mark.parametrize(
    ("item", "message"),
    [
        (
            (torch.zeros(3, 4, 5, dtype=torch.uint8), 1),
            "image 3 is 3 x 4 x 5, image 0 3 x 4 x 4: images of",
        ),
        ((torch.zeros(3, 4, 4, dtype=torch.uint8), "cat"), "target 3 is 'cat', where"),
        (
            (torch.zeros(3, 4, 4, dtype=torch.uint8), torch.zeros(2)),
            "target 3 is 2, target 0 a number: targets of",
        ),
        ((torch.zeros(3, 4, 4), 1), "image 3 is of float32, image 0 of uint8: images of one kind"),
        ((torch.full((3, 4, 4), 300), 1), "has values from 300 to 300, not from 0 to 255"),
        ((1, 2, 3), "item 3 is 3 things, where"),
    ],
)
def test_an_item_that_is_odd_is_one_line(item: Any, message: str, stored: Reading) -> None:
    items: list[Any] = [Items()[index] for index in range(COUNT)]
    items[3] = item
    with pytest.raises(DataError, match=rf"^train: {message}") as told:
        images_of(items, "train", stored)
    assert "\n" not in str(told.value)
    assert stored.storing.folder is not None
    assert not [*stored.storing.folder.glob("*.pixels"), *stored.storing.folder.glob("*.partial")]


def test_numbers_that_are_not_finite_are_one_line(stored: Reading) -> None:
    items = [Items("doubles")[index] for index in range(COUNT)]
    items[3] = (items[3][0] / 0, 1)
    with pytest.raises(DataError, match=r"^train: image 3 has NaN or infinite values\.$"):
        images_of(items, "train", stored)


def test_a_data_set_that_cannot_be_sent_to_processes_is_read_here(
    stored: Reading, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "FEW", 1)
    items = Items()
    items.lock = threading.Lock()  # type: ignore[attr-defined]
    assert torch.equal(images_of(items, "train", stored).pixels, items.pixels)
    assert set(items.read) == set(range(COUNT))


def test_another_process_gets_the_place_of_the_file(stored: Reading) -> None:
    images = images_of(Items(count=2000), "train", stored)
    some = images.subset(torch.tensor([5, 3]))
    for each in (images, some):
        sent = pickle.dumps(each)
        assert len(sent) < 2000 * 8 + 3000  # the labels'
        assert torch.equal(torch.cat([*pickle.loads(sent).parts()]), torch.cat([*each.parts()]))


OWN = """
from tests.training.test_stored_items import Items

def read(data, split):
    return Items("KIND", 60) if split == "train" else Items("KIND", 20, 1)
"""


@pytest.mark.parametrize("kind", KINDS)
def test_a_reader_may_return_more_than_memory_should_hold(
    folder: Path, tmp_path: Path, kind: str
) -> None:
    (folder / f"mine_{kind}.py").write_text(OWN.replace("KIND", kind))
    data = Data(
        name=f"mine_{kind}:read", validation=20, views=3, channels=3 if kind == "grey" else None
    )
    small = data.model_copy(update={"memory_gigabytes": 1e-9})
    here, there = load_dataset(data, 0), load_dataset(small, 0, Storing(tmp_path / "stored"))
    assert there.train.file is not None
    assert there.validation.file is not None
    assert here.fingerprint == there.fingerprint
    for first, second in (
        (augmented_inputs(here, data, 7), augmented_inputs(there, data, 7)),
        (image_inputs(here.validation, here), image_inputs(there.validation, there)),
    ):
        for one, other in zip(batches_of(first), batches_of(second), strict=True):
            assert torch.equal(one, other)
    test = load_test_images(small, Storing(tmp_path / "stored"))
    assert test.file is not None
    assert torch.equal(test.pixels, load_test_images(data).pixels)


def test_transforms_see_the_same_images_in_memory_or_in_a_file(
    folder: Path, tmp_path: Path
) -> None:
    (folder / "mine_augmented.py").write_text(OWN.replace("KIND", "uint8"))
    given = {"name": "mine_augmented:read", "validation": 20, "views": 4, "shift": 1}
    data = Data(**given, augment=({"RandomResizedCrop": {"size": 4}}, "ColorJitter", "MixUp"))
    small = data.model_copy(update={"memory_gigabytes": 1e-9})
    here, there = load_dataset(data, 0), load_dataset(small, 0, Storing(tmp_path / "stored"))
    made: list[Tensor] = []
    for dataset in (here, there):
        views, indices = torch.arange(40) % 4, torch.arange(40)
        made.append(Augmented(dataset, data, 3).of(views, indices))
    assert torch.equal(*made)
