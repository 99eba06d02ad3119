"""What a data set's reader may give, and the one line that tells what is wrong with it."""

import re

import pytest
import torch
from torch import Tensor

from plantnas.tasks import Task
from plantnas.training.giving import plain, problem_of, task_of
from plantnas.training.images import Images

CLASSES = torch.tensor([0, 2, 1])
LABELS = torch.tensor([[0.0, 1.0], [1.0, 1.0], [0.0, 0.0]])
NUMBERS = torch.tensor([[0.5], [-3.0], [1.0]])
NAN = float("nan")


@pytest.mark.parametrize(
    "pixels",
    [
        torch.zeros(3, 1, 4, 4, dtype=torch.uint8),
        torch.randn(3, 3, 4, 4),
        torch.randn(3, 2, 50),
        torch.randn(3, 7),
    ],
)
@pytest.mark.parametrize("labels", [CLASSES, LABELS, NUMBERS])
def test_inputs_and_labels_of_any_kind_are_given(pixels: Tensor, labels: Tensor) -> None:
    assert problem_of(Images(pixels, labels)) is None


def test_floats_are_taken_in_float32_and_a_number_an_image_as_one_output() -> None:
    given = plain(Images(torch.zeros(3, 7, dtype=torch.double), torch.rand(3).double()))
    assert isinstance(given, Images)
    assert (given.pixels.dtype, given.labels.dtype) == (torch.float32, torch.float32)
    assert given.labels.shape == (3, 1)


@pytest.mark.parametrize(
    ("pixels", "labels", "message"),
    [
        (torch.tensor([[0.0], [NAN], [1.0]]), CLASSES, "1 of its 3 images have NaN .* first is 1"),
        (torch.rand(3, 4), torch.tensor([[0, NAN], [1, 1], [0, 1]]), "labels of image 0 are not"),
        (torch.rand(3, 4), torch.tensor([[0.0], [1], [torch.inf]]), "labels of image 2 are not"),
        (torch.rand(3), CLASSES, r"pixels are torch.float32 of shape \(3,\), not uint8, images"),
        (
            [torch.rand(3, 4), torch.rand(3, 5)],
            CLASSES,
            r"list of 2 shapes, as \(3, 4\) and",
        ),
        (torch.rand(3, 4), torch.empty(3, 0), r"its labels are none: their shape is \(3, 0\)"),
        (torch.rand(0, 4), torch.empty(0).long(), r"its pixels are none: their shape is \(0, 4\)"),
    ],
)
def test_what_cannot_be_learnt_from_is_told(pixels: Tensor, labels: Tensor, message: str) -> None:
    problem = problem_of(Images(pixels, labels)) or ""
    assert re.search(message, problem)
    assert "\n" not in problem


def test_an_image_without_labels_has_none_of_them() -> None:
    unknown = torch.tensor([[NAN, NAN], [1, 1], [0, 1]])
    assert problem_of(Images(torch.rand(3, 4), unknown)) is None


@pytest.mark.parametrize(
    ("labels", "asked", "task"),
    [
        (CLASSES, None, "classification"),
        (LABELS, None, "multilabel"),
        (torch.tensor([[NAN], [1], [0]]), None, "multilabel"),
        (NUMBERS, None, "regression"),
        (LABELS, "regression", "regression"),
    ],
)
def test_the_task_follows_from_the_labels(labels: Tensor, asked: Task | None, task: Task) -> None:
    assert task_of(labels, asked) == task


@pytest.mark.parametrize(
    ("labels", "asked", "message"),
    [
        (CLASSES, "regression", "its labels are int64, one class an image, not float32"),
        (LABELS, "classification", r"float32 of shape \(3, 2\), not int64, a label an image"),
        (NUMBERS, "multilabel", "a label is 0.5, where each is 0 or 1"),
    ],
)
def test_a_task_that_the_labels_are_not_of_is_refused(
    labels: Tensor, asked: Task, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        task_of(labels, asked)
