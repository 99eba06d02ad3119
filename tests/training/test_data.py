"""The draw of training and validation images; the formats on disk are in test_data_formats.py."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch

from plantnas.config import Data
from plantnas.errors import DataError
from plantnas.training.data import check_fingerprint, dataset_of, load_dataset, load_test_images
from plantnas.training.images import UNLABELLED, Images

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import StudyFolder

DIGITS = Data(name="digits", train=300, validation=200)


def as_set(images: Images) -> set[bytes]:
    return {image.numpy().tobytes() for image in images.pixels}


def test_the_splits_have_as_many_images_as_wanted() -> None:
    dataset = load_dataset(DIGITS, random_seed=0)
    assert (len(dataset.train), len(dataset.validation)) == (300, 200)


def test_validation_leaves_all_other_images_to_training_by_default() -> None:
    dataset = load_dataset(Data(name="digits", validation=200), random_seed=0)
    assert len(dataset.train) + 200 + len(load_test_images(DIGITS)) == 1797


def test_training_validation_and_test_images_are_disjoint() -> None:
    dataset = load_dataset(Data(name="digits", validation=200), random_seed=0)
    splits = [as_set(dataset.train), as_set(dataset.validation), as_set(load_test_images(DIGITS))]
    assert len(set.union(*splits)) == sum(map(len, splits))


def test_the_same_seed_draws_the_same_images() -> None:
    first, second = load_dataset(DIGITS, 7), load_dataset(DIGITS, 7)
    assert first.fingerprint == second.fingerprint
    assert torch.equal(first.train.pixels, second.train.pixels)


def test_another_seed_draws_other_images() -> None:
    first, second = load_dataset(DIGITS, 7), load_dataset(DIGITS, 8)
    assert first.fingerprint != second.fingerprint
    assert as_set(first.validation) != as_set(second.validation)


@pytest.mark.parametrize(
    ("train", "fingerprint"),
    [
        (300, "35c289cb5380b4641e707ae2c5b01d8bef39e005d6a144f5d3675f7fe922a1de"),
        (None, "2a9daab6d39413ecf99473f0136ef7741ed6a2bb098bc4b702396de5c0b00398"),
    ],
)
def test_the_draw_is_that_of_studies_which_exist(train: int | None, fingerprint: str) -> None:
    dataset = load_dataset(Data(name="digits", train=train, validation=200), 7)
    assert dataset.fingerprint == fingerprint


@pytest.mark.parametrize("train", [None, 100])
def test_a_stratified_draw_has_every_classs_share(train: int | None) -> None:
    data = Data(name="digits", train=train, validation=200, stratify=True)
    dataset = load_dataset(data, 0)
    pool = torch.cat(
        [
            load_dataset(Data(name="digits", validation=200), 0).train.labels,
            load_dataset(Data(name="digits", validation=200), 0).validation.labels,
        ]
    )
    shares = torch.bincount(pool) / len(pool)
    for split in (dataset.train, dataset.validation):
        counts = torch.bincount(split.labels, minlength=10)
        assert ((counts - shares * len(split)).abs() < 1).all()
    other = load_dataset(data, 1).validation
    assert as_set(dataset.validation) != as_set(other)
    assert not as_set(dataset.validation) & as_set(dataset.train)


def test_a_label_stays_with_its_image() -> None:
    every = load_dataset(Data(name="digits", validation=1), 0).train
    label_of = {
        image.numpy().tobytes(): int(label)
        for image, label in zip(every.pixels, every.labels, strict=True)
    }
    drawn = load_dataset(DIGITS, 3).train
    found = [label_of.get(image.numpy().tobytes(), -2) for image in drawn.pixels]
    different = sum(a != b for a, b in zip(found, drawn.labels.tolist(), strict=True))
    assert different <= 1  # the one that is the other draw's validation image


def test_mean_and_deviation_are_those_of_the_training_pixels() -> None:
    dataset = load_dataset(DIGITS, 0)
    pixels = dataset.train.pixels.double()
    torch.testing.assert_close(dataset.mean.double(), pixels.mean((0, 2, 3)), rtol=1e-6, atol=1e-6)
    deviation = pixels.std((0, 2, 3), correction=0)
    torch.testing.assert_close(dataset.std.double(), deviation, rtol=1e-6, atol=1e-6)


def test_three_channels_repeat_the_grey_one() -> None:
    grey = load_dataset(DIGITS, 0).train.pixels
    coloured = load_dataset(DIGITS.model_copy(update={"channels": 3}), 0)
    assert coloured.channels == 3
    assert all(torch.equal(coloured.train.pixels[:, i], grey[:, 0]) for i in range(3))


@pytest.mark.parametrize("train", [None, 1000])
def test_more_images_than_there_are_is_an_error_that_names_both_keys(train: int | None) -> None:
    with pytest.raises(DataError) as error:
        load_dataset(Data(name="digits", train=train, validation=1438), 0)
    message = str(error.value)
    assert "\n" not in message
    for part in ("data.train", "data.validation: 1438", "1438 labelled", "digits"):
        assert part in message


# The training images that are left, without their labels

PARTLY_LABELLED = DIGITS.model_copy(update={"unlabelled": True})


def test_the_images_that_are_left_are_trained_on_without_their_labels() -> None:
    dataset = load_dataset(PARTLY_LABELLED, 7)
    whole = load_dataset(Data(name="digits", validation=200), 7)
    assert torch.equal(dataset.train.pixels, whole.train.pixels)
    assert torch.equal(dataset.train.labels[:300], whole.train.labels[:300])
    assert (dataset.train.labels[300:] == UNLABELLED).all()


def test_the_labelled_and_validation_images_are_the_same_without_the_others() -> None:
    dataset, labelled = load_dataset(PARTLY_LABELLED, 7), load_dataset(DIGITS, 7)
    for found, expected in (
        (dataset.train.subset(torch.arange(300)), labelled.train),
        (dataset.validation, labelled.validation),
    ):
        assert torch.equal(found.pixels, expected.pixels)
        assert torch.equal(found.labels, expected.labels)


def test_no_memory_behind_the_labels_holds_those_that_are_hidden() -> None:
    labels = load_dataset(PARTLY_LABELLED, 7).train.labels
    assert labels.untyped_storage().nbytes() == labels.nbytes


def test_images_without_labels_make_another_fingerprint_than_none() -> None:
    partly, labelled = load_dataset(PARTLY_LABELLED, 7), load_dataset(DIGITS, 7)
    whole = load_dataset(Data(name="digits", validation=200), 7)
    assert len({partly.fingerprint, labelled.fingerprint, whole.fingerprint}) == 3


def test_a_class_that_no_labelled_image_has_still_counts() -> None:
    dataset = load_dataset(PARTLY_LABELLED.model_copy(update={"train": 2}), 7)
    assert dataset.train.labels.max() < 9
    assert dataset.num_classes == 10


def test_test_images_keep_their_labels() -> None:
    assert torch.equal(load_test_images(PARTLY_LABELLED).labels, load_test_images(DIGITS).labels)


def test_images_without_labels_need_a_number_of_those_with_them() -> None:
    with pytest.raises(DataError, match=r"^data\.unlabelled: true: needs data\.train.* digits .*$"):
        load_dataset(Data(name="digits", validation=200, unlabelled=True), 0)


def test_no_image_left_to_use_without_its_label_is_an_error() -> None:
    everything = Data(name="digits", train=1238, validation=200, unlabelled=True)
    with pytest.raises(DataError, match=r"^data\.unlabelled: .* leave none of the 1438 training"):
        load_dataset(everything, 0)


def test_data_that_is_not_the_studys_is_refused(tiny: StudyFolder) -> None:
    dataset = dataset_of(tiny.config)
    check_fingerprint(dataset, dataset.fingerprint, tiny.config)
    with pytest.raises(DataError, match="is not the data that study 'tiny' was made with"):
        check_fingerprint(dataset, "feed", tiny.config)


OWN = """
import torch
from plantnas.training.images import Images

def squares(data, split):
    count = 40 if split == "train" else 10
    return Images(torch.zeros(count, 1, 6, 6, dtype=torch.uint8), torch.arange(count) % 4)

def missing(data, split):
    raise OSError("no such disk")

def pair(data, split):
    return torch.zeros(3), torch.zeros(3)

def text(data, split):
    return "images"

def floats(data, split):
    return Images(torch.zeros(3, 1, 6, 6).int(), torch.arange(3))

def numpy(data, split):
    return Images(torch.zeros(3, 1, 6, 6, dtype=torch.uint8).numpy(), torch.arange(3))

def flat(data, split):
    return Images(torch.zeros(3, 1, 6, 6, dtype=torch.uint8), torch.zeros(3, 1).long())

def fewer(data, split):
    return Images(torch.zeros(3, 1, 6, 6, dtype=torch.uint8), torch.arange(2))

def none(data, split):
    return Images(torch.zeros(3, 1, 0, 6, dtype=torch.uint8), torch.arange(3))

def below(data, split):
    return Images(torch.zeros(3, 1, 6, 6, dtype=torch.uint8), torch.arange(3) - 2)

def above(data, split):
    return Images(torch.zeros(3, 1, 6, 6, dtype=torch.uint8), torch.arange(3) + 10**9)
"""


def test_a_data_set_may_be_the_users_own(folder: Path) -> None:
    (folder / "of_mine.py").write_text(OWN)
    data = Data(name="of_mine:squares", validation=8)
    dataset = load_dataset(data, 0)
    assert (len(dataset.train), len(dataset.validation), dataset.num_classes) == (32, 8, 4)
    assert len(load_test_images(data)) == 10


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("missing", r"cannot be read: raised OSError: no such disk \(.*of_mine.py:10\)\.$"),
        (
            "pair",
            r"train: its pixels are torch\.float32 of shape \(3,\), not uint8, images x",
        ),
        ("text", r"returned a str, where plantnas\.training\.images\.Images is needed\.$"),
        ("floats", r"its pixels are torch\.int32 of shape \(3, 1, 6, 6\), not uint8, images x"),
        ("numpy", r"its pixels are a ndarray, where a Tensor is needed: uint8, images x"),
        ("flat", r"its labels are torch\.int64 of shape \(3, 1\), not int64, a label an image, or"),
        ("fewer", r"3 images have 2 labels\.$"),
        ("none", r"its pixels are none: their shape is \(3, 1, 0, 6\)\.$"),
        ("below", r"its labels are from -2 to 0, not from 0 to the number of classes - 1, or -1"),
        ("above", r"its labels are from 1000000000 to 1000000002, not from 0"),
    ],
)
def test_a_data_set_of_the_users_that_is_none_is_told_in_one_line(
    folder: Path, name: str, message: str
) -> None:
    (folder / "of_mine.py").write_text(OWN)
    with pytest.raises(DataError, match=rf"^data\.name: of_mine:{name}: {message}") as error:
        load_dataset(Data(name=f"of_mine:{name}", validation=1), 0)
    assert "\n" not in str(error.value)
