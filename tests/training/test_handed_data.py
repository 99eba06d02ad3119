"""Torch Datasets and pairs of tensors become the images of a study, or one line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, TensorDataset

from plantnas.config import Data
from plantnas.errors import DataError
from plantnas.training.data import load_dataset
from plantnas.training.handed_data import handed_data, images_of

if TYPE_CHECKING:
    from pathlib import Path

PIXELS = torch.arange(48, dtype=torch.uint8).view(4, 1, 3, 4) * 5
TARGETS = torch.tensor([0, 1, 2, 1])
DEEP = Image.fromarray(np.full((3, 4), 40_000, np.uint16))


class Items(Dataset[Any]):
    """A Dataset of these items."""

    def __init__(self, *items: Any) -> None:
        self.items = items

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, place: int) -> Any:
        return self.items[place]


def of(images: list[Any]) -> Items:
    return Items(*zip(images, TARGETS.tolist(), strict=False))


@pytest.mark.parametrize(
    "given",
    [
        (PIXELS, TARGETS),
        (PIXELS.numpy(), TARGETS.numpy()),
        (PIXELS.squeeze(1), TARGETS.tolist()),
        (PIXELS.long(), TARGETS.int()),
        (PIXELS.to(torch.uint16), TARGETS.to(torch.uint16)),
        (PIXELS.flip(0).numpy()[::-1], TARGETS.numpy().astype(">i8")),
        TensorDataset(PIXELS, TARGETS),
        of(list(PIXELS)),
        of([Image.fromarray(each[0].numpy()) for each in PIXELS]),
        of([each.permute(1, 2, 0).numpy() for each in PIXELS]),
        Items(
            *((pixels, np.int64(target)) for pixels, target in zip(PIXELS, TARGETS, strict=True))
        ),
        list(zip(PIXELS, TARGETS, strict=True)),
    ],
)
def test_images_become_pixels_with_labels(given: Any) -> None:
    images = images_of(given, "train")
    assert torch.equal(images.pixels, PIXELS)
    assert torch.equal(images.labels, TARGETS)


@pytest.mark.parametrize("shape", [(4, 1, 3, 4), (4, 2, 6), (4, 12)])
def test_floats_of_any_shape_stay_as_they_are(shape: tuple[int, ...]) -> None:
    values = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    for given in ((values, TARGETS), TensorDataset(values.double(), TARGETS), of(list(values))):
        torch.testing.assert_close(images_of(given, "train").pixels, values)


@pytest.mark.parametrize(
    ("targets", "labels"),
    [
        (TARGETS.int(), TARGETS),
        (torch.tensor([True, False, True, True]), torch.tensor([1, 0, 1, 1])),
        (torch.tensor([[1, 0], [1, 1], [0, 0], [0, 1]]), None),
        (torch.tensor([0.5, 2.0, 1.0, 0.0]), torch.tensor([[0.5], [2.0], [1.0], [0.0]])),
    ],
)
def test_targets_are_classes_or_numbers(targets: Tensor, labels: Tensor | None) -> None:
    expected = targets.float() if labels is None else labels
    for given in ((PIXELS, targets), Items(*zip(PIXELS, targets, strict=True))):
        assert torch.equal(images_of(given, "train").labels, expected)


def test_images_in_colour_have_three_channels() -> None:
    coloured = Image.new("P", (4, 3), 1).convert("RGBA")
    assert images_of(of([coloured]), "train").pixels.shape == (1, 3, 3, 4)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (Items(), "is empty: it has no images"),
        ((PIXELS[:0], TARGETS[:0]), "is empty: it has no images"),
        (of([PIXELS[0], PIXELS[1, :, 1:]]), "image 1 is 1 x 2 x 4, image 0 1 x 3 x 4: images of"),
        (of(["file.png"]), "image 0 is a str, where a PIL image, a tensor or an array is needed"),
        (of([torch.full((1, 3, 4), torch.nan)]), "1 of its 1 images have NaN or infinite values"),
        ((PIXELS.long() + 99, TARGETS), "has values from 99 to 334, not from 0 to 255"),
        ((PIXELS, TARGETS[:2]), r"4 images have 2 labels\."),
        ((PIXELS, TARGETS - 3), "its labels are from -3 to -1, not from 0 to the number of"),
        ((PIXELS, ["cat"]), "its targets: no tensor can be made of it: "),
        ((PIXELS + 1j, TARGETS), "is a tensor of torch.strided and torch.complex64, where real"),
        ((PIXELS, TARGETS + 1j), "its targets: is a tensor of torch.strided and torch.complex64"),
        (of([PIXELS[0].to_sparse()]), "image 0: is a tensor of torch.sparse_coo and torch.uint8"),
        ((PIXELS.numpy().astype(object), TARGETS), "no tensor can be made of it: can't convert"),
        ((PIXELS.to(torch.uint16) * 99, TARGETS), "has values from 0 to "),
        (of([DEEP]), "image 0 is a PIL image of mode I;16, which has more than 8 bits a value"),
        (
            Items((PIXELS[0], 1), (PIXELS[0], torch.zeros(3))),
            "target 1 is 3, target 0 a number: targets of",
        ),
        (Items((PIXELS[0], "cat")), "target 0 is 'cat', where a number or a tensor is needed"),
        (Items((PIXELS[0], {})), "target 0 is a dict, where a number or a tensor is needed"),
        (Items(PIXELS[0]), "item 0 is Tensor, where"),
        (Items((1, 2, 3)), "item 0 is 3 things, where"),
        (DataLoader(TensorDataset(PIXELS)), "is a DataLoader, where .*: hand over its dataset"),
        (PIXELS, "is a Tensor, where a torch Dataset"),
        (None, "is a NoneType, where a torch Dataset"),
    ],
)
def test_what_are_no_images_is_one_line(given: Any, message: str) -> None:
    with pytest.raises(DataError, match=rf"^train: {message}") as told:
        images_of(given, "train")
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("pixels", "targets", "message"),
    [
        (PIXELS[..., 1:], TARGETS, "images are uint8 1 x 3 x 3, those of train uint8 1 x 3 x 4"),
        (PIXELS.float(), TARGETS, "images are 1 x 3 x 4, those of train uint8 1 x 3 x 4"),
        (PIXELS, TARGETS.float(), "targets are 1, those of train single whole numbers"),
    ],
)
def test_splits_are_alike(pixels: Tensor, targets: Tensor, message: str) -> None:
    with pytest.raises(DataError, match=f"^validation: its {message}: all are to be alike"):
        handed_data((PIXELS, TARGETS), (pixels, targets), None)


def test_the_fingerprint_is_that_of_what_is_searched_with() -> None:
    def fingerprint(validation: Tensor, test: Any) -> str:
        return handed_data((PIXELS, TARGETS), (validation, TARGETS), test).fingerprint()

    assert fingerprint(PIXELS, None) == fingerprint(PIXELS, (PIXELS, TARGETS))
    assert fingerprint(PIXELS, None) != fingerprint(PIXELS + 1, None)


OWN = """
import torch
from torch.utils.data import TensorDataset
images = torch.arange(80, dtype=torch.uint8).view(20, 1, 2, 2)
targets = torch.arange(20) % 3

def read(data, split):
    if split == "test":
        return images[:5], targets[:5]
    train = TensorDataset(images[:12], targets[:12])
    return {"train": train, "validation": (images[12:], targets[12:])}
"""


def test_a_reader_may_return_data_sets_with_a_validation_split_of_their_own(folder: Path) -> None:
    (folder / "of_mine.py").write_text(OWN)
    dataset = load_dataset(Data(name="of_mine:read"), 0)
    assert (len(dataset.train), len(dataset.validation), dataset.num_classes) == (12, 8, 3)
    assert dataset.validation.pixels[0, 0, 0, 0] == 48
