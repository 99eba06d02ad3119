"""The teacher's logits, and the file that they are kept in."""

from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pytest
import torch
from torch import nn

from plantnas.errors import StorageError
from plantnas.training.fitting import TrainingData
from plantnas.training.logits import (
    Answering,
    load_logits,
    save_logits,
    teacher_logits,
)
from plantnas.training.views import seconds_an_image


@pytest.fixture
def logits() -> torch.Tensor:
    return torch.randn(3, 20, 10, generator=torch.Generator().manual_seed(0))


def test_there_are_logits_of_every_view(
    teacher: nn.Module, digits: Callable[[], TrainingData]
) -> None:
    inputs = digits().inputs
    logits = teacher_logits(teacher, inputs)
    assert logits.shape == (inputs.views, inputs.images, 10)
    indices = torch.arange(inputs.images)
    with torch.no_grad():
        for view in range(inputs.views):
            expected = teacher(*inputs.batch(torch.full_like(indices, view), indices))
            torch.testing.assert_close(logits[view], expected)


def test_a_file_gives_back_what_was_saved(tmp_path: Path, logits: torch.Tensor) -> None:
    save_logits(tmp_path / "new" / "logits.npy", logits)
    assert torch.equal(load_logits(tmp_path / "new" / "logits.npy"), logits)


def test_what_is_done_to_loaded_logits_does_not_reach_the_file(
    tmp_path: Path, logits: torch.Tensor
) -> None:
    save_logits(tmp_path / "logits.npy", logits)
    load_logits(tmp_path / "logits.npy").zero_()
    assert torch.equal(load_logits(tmp_path / "logits.npy"), logits)


def test_a_failing_write_leaves_no_file_behind(
    tmp_path: Path, logits: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def half_a_file(file: BinaryIO, array: object) -> None:
        file.write(b"\x93NUMPY half of it")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "save", half_a_file)
    with pytest.raises(StorageError, match=r"logits\.npy: cannot be written: No space left"):
        save_logits(tmp_path / "logits.npy", logits)
    assert list(tmp_path.iterdir()) == []


def test_a_failing_write_keeps_the_earlier_file(
    tmp_path: Path, logits: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_logits(tmp_path / "logits.npy", logits)

    def fails(*args: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("os.fsync", fails)
    with pytest.raises(StorageError):
        save_logits(tmp_path / "logits.npy", logits + 1)
    assert torch.equal(load_logits(tmp_path / "logits.npy"), logits)


def test_a_folder_that_is_a_file_is_an_error_in_one_line(
    tmp_path: Path, logits: torch.Tensor
) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(StorageError, match="cannot be written") as error:
        save_logits(tmp_path / "file" / "logits.npy", logits)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("share", [0.0, 0.001, 0.5, 0.99])
def test_a_truncated_file_is_an_error_that_names_it(
    tmp_path: Path, logits: torch.Tensor, share: float
) -> None:
    path = tmp_path / "logits.npy"
    save_logits(path, logits)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(StorageError, match=r"logits\.npy: the teacher's logits cannot be read"):
        load_logits(path)


@pytest.mark.parametrize("content", [b"no numbers at all", b"\x93NUMPY\x01\x00v\x00{'descr'"])
def test_a_file_of_something_else_is_an_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "logits.npy").write_bytes(content)
    with pytest.raises(StorageError):
        load_logits(tmp_path / "logits.npy")


@pytest.mark.parametrize("array", [np.zeros(3, "f4"), np.zeros((1, 2, 3), complex)])
def test_an_array_of_another_form_is_told_of_by_its_name(tmp_path: Path, array: np.ndarray) -> None:
    np.save(tmp_path / "logits.npy", array)
    with pytest.raises(StorageError, match=r"logits\.npy: the teacher's logits are .* not float32"):
        load_logits(tmp_path / "logits.npy")


def test_an_archive_of_arrays_is_no_file_of_logits(tmp_path: Path) -> None:
    with (tmp_path / "logits.npy").open("wb") as file:
        np.savez(file, np.zeros(3))
    with pytest.raises(StorageError, match=r"logits\.npy: the teacher's logits cannot be read"):
        load_logits(tmp_path / "logits.npy")


def test_missing_logits_are_an_error_that_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"nowhere\.npy: the teacher's logits cannot be read"):
        load_logits(tmp_path / "nowhere.npy")


def test_a_teacher_that_is_asked_again_answers_as_it_did(
    teacher: nn.Module, digits: Callable[[], TrainingData]
) -> None:
    inputs = digits().inputs
    answering = Answering(teacher, inputs)
    views, indices = torch.tensor([1, 0, 1]), torch.tensor([7, 7, 90])
    answer = answering(views, indices)
    torch.testing.assert_close(answer, teacher_logits(teacher, inputs)[views, indices])
    assert not answer.requires_grad
    assert seconds_an_image(answering, inputs.images, inputs.views) > 0
