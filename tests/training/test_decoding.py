"""Files of images, decoded into memory or once into a file that is mapped."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from plantnas.errors import DataError
from plantnas.tasks import Data
from plantnas.training import processes
from plantnas.training.data import Dataset, load_dataset, load_test_images
from plantnas.training.decoding import Storing
from plantnas.training.views import Inputs, augmented_inputs, image_inputs
from tests.training.test_data_formats import Written, write_image_folder


@pytest.fixture
def written(tmp_path: Path) -> Written:
    return write_image_folder(tmp_path / "images")


def changed(data: Data, **changes: Any) -> Data:
    return data.model_copy(update={"views": 3, "shift": 2, **changes})


def stored(data: Data, folder: Path, say: Callable[[str], None] = lambda line: None) -> Dataset:
    """The images, of which none may be in memory."""
    return load_dataset(changed(data, memory_gigabytes=1e-9), 0, Storing(folder, say))


def batches_of(inputs: Inputs) -> list[Tensor]:
    """In order, drawn and chosen ones."""
    drawn = [(torch.tensor([2, 0, 1]) % inputs.views, torch.tensor([1, 2, 0]))] * 2
    chosen = inputs.chosen(torch.tensor([2, 0])).in_order(0, 2)
    parts = [*inputs.in_order(inputs.views - 1, 2), *inputs.batches(drawn), *chosen]
    return [tensor for (tensor,) in parts]


def test_batches_are_bit_equal_whether_images_are_in_memory_or_in_a_file(
    written: Written, tmp_path: Path
) -> None:
    data = changed(written.data)
    here, there = load_dataset(data, 0), stored(data, tmp_path / "stored")
    assert here.train.file is None
    assert there.train.file is not None
    assert (here.fingerprint, here.num_classes) == (there.fingerprint, there.num_classes)
    for dataset in (here, there):
        assert torch.equal(dataset.mean, here.mean)
        assert torch.equal(dataset.std, here.std)
    for first, second in (
        (augmented_inputs(here, data, 7), augmented_inputs(there, data, 7)),
        (image_inputs(here.validation, here), image_inputs(there.validation, there)),
    ):
        for one, other in zip(batches_of(first), batches_of(second), strict=True):
            assert torch.equal(one, other)
            assert one.stride() == other.stride()


def test_images_are_decoded_once_and_again_when_a_file_of_them_changes(
    written: Written, tmp_path: Path
) -> None:
    said: list[str] = []
    for _ in range(2):
        stored(written.data, tmp_path / "stored", said.append)
    assert len([line for line in said if line.startswith("decoding 5 images into")]) == 1
    os.utime(written.train_file, (1, 1))
    stored(written.data, tmp_path / "stored", said.append)
    assert len(said) == 3  # of training and validation images one is another file's


def test_what_a_process_left_that_died_is_no_file_of_pixels(
    written: Written, tmp_path: Path
) -> None:
    before = stored(written.data, tmp_path / "stored").fingerprint
    for path in (tmp_path / "stored").glob("*.pixels"):
        path.rename(path.with_name(f"{path.name}.999999999.partial"))
    assert stored(written.data, tmp_path / "stored").fingerprint == before
    assert not list((tmp_path / "stored").glob("*.partial"))


def test_what_processes_decode_is_what_one_decodes(
    written: Written, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone, state = load_test_images(written.data).pixels, torch.get_rng_state()
    monkeypatch.setattr(processes, "FEW", 1)
    assert torch.equal(load_test_images(written.data).pixels, alone)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.fixture
def damaged(written: Written) -> Written:
    """One whose first and second test images are none."""
    for path in written.test_files[:2]:
        path.write_bytes(b"no image")
    return written


def test_all_files_that_are_no_images_are_listed(damaged: Written) -> None:
    with pytest.raises(DataError) as error:
        load_test_images(damaged.data)
    message = str(error.value)
    assert "\n" not in message
    assert message.startswith("data.name: imagefolder: cannot be read: 2 of 8 files: ")
    assert all(f"{path}: is no image that" in message for path in damaged.test_files[:2])


@pytest.mark.parametrize("limit", [1.0, 1e-9])
def test_files_that_are_no_images_are_left_out_where_that_is_asked_for(
    damaged: Written, tmp_path: Path, limit: float
) -> None:
    said: list[str] = []
    data = damaged.data.model_copy(update={"on_error": "skip", "memory_gigabytes": limit})
    for _ in range(2):  # made, and found
        images = load_test_images(data, Storing(tmp_path / "stored", said.append))
        assert torch.equal(images.pixels, torch.from_numpy(damaged.test[0][2:]))
        assert images.labels.tolist() == damaged.test[1][2:]
    told = [line for line in said if "2 of 8 files of imagefolder are left out, as " in line]
    assert len(told) == 2


@pytest.mark.parametrize("limit", [1.0, 1e-9])
def test_a_split_of_which_nothing_would_be_left_is_refused(
    damaged: Written, tmp_path: Path, limit: float
) -> None:
    for path in damaged.test_files:
        path.write_bytes(b"no image")
    data = damaged.data.model_copy(update={"on_error": "skip", "memory_gigabytes": limit})
    for _ in range(2):  # and nothing was stored that the second could take for images
        with pytest.raises(DataError, match="imagefolder: cannot be read: 8 of 8 files: "):
            load_test_images(data, Storing(tmp_path / "stored"))


def test_files_that_are_stored_and_were_left_out_are_refused_where_that_is_asked_for(
    damaged: Written, tmp_path: Path
) -> None:
    skipping = damaged.data.model_copy(update={"on_error": "skip", "memory_gigabytes": 1e-9})
    refusing = skipping.model_copy(update={"on_error": "refuse"})
    load_test_images(skipping, Storing(tmp_path / "stored"))
    with pytest.raises(DataError, match="2 of 8 files"):
        load_test_images(refusing, Storing(tmp_path / "stored"))


def test_a_class_may_have_no_images_in_one_split(written: Written) -> None:
    for path in (written.train_file.parents[1] / "bee").iterdir():
        path.unlink()
    dataset = load_dataset(written.data, 0)
    assert (len(dataset.train), dataset.num_classes) == (3, 3)
    assert set(load_test_images(written.data).labels.tolist()) == {0, 1, 2}


def test_a_class_without_images_in_both_splits_is_refused(written: Written) -> None:
    bees = [path for path in written.test_files if path.parent.name == "bee"]
    for path in [*bees, *(written.train_file.parents[1] / "bee").iterdir()]:
        path.unlink()
    with pytest.raises(DataError, match=r"train/bee has no images, nor has .*test/bee\.$"):
        load_dataset(written.data, 0)
