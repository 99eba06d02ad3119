"""What a network should answer, and the loss by labels alone."""

import math

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from plantnas.errors import ConfigurationError
from plantnas.training.images import UNLABELLED
from plantnas.training.loss import Targets, by_both, cross_entropy, label_loss, rarity

LABELS = torch.tensor([2, 0, UNLABELLED, 1, 2])


def test_without_a_teacher_it_is_the_cross_entropy_of_the_labelled_images() -> None:
    student = 3 * torch.randn(5, 3, generator=torch.Generator().manual_seed(0))
    labelled = LABELS != UNLABELLED
    loss = cross_entropy(student, LABELS, None)
    assert_close(loss, torch.nn.functional.cross_entropy(student[labelled], LABELS[labelled]))


def test_a_batch_has_the_teachers_logits_on_the_drawn_views() -> None:
    logits = torch.arange(2 * 5 * 3.0).view(2, 5, 3)
    labels, drawn = Targets(LABELS, logits).batch(torch.tensor([1, 0]), torch.tensor([4, 1]))
    assert labels.tolist() == [2, 0]
    assert drawn is not None
    assert torch.equal(drawn, torch.stack([logits[1, 4], logits[0, 1]]))


def test_a_teacher_that_is_asked_again_answers_drawn_views_alone() -> None:
    kept = torch.zeros(1, 5, 3)
    targets = Targets(LABELS, kept, lambda views, indices: torch.stack([views, indices], 1))
    _, drawn = targets.batch(torch.tensor([1, 0]), torch.tensor([4, 1]))
    assert drawn is not None
    assert drawn.tolist() == [[1, 4], [0, 1]]
    assert targets.chosen(torch.tensor([2])).answering is None


def test_in_order_are_the_teachers_logits_on_the_images_themselves() -> None:
    logits = torch.arange(2 * 5 * 3.0).view(2, 5, 3)
    labels, first_view = Targets(LABELS, logits).in_order()
    assert torch.equal(labels, LABELS)
    assert first_view is not None
    assert torch.equal(first_view, logits[0])


def test_unlabelled_images_are_usable_with_a_teacher_only() -> None:
    assert Targets(LABELS, torch.zeros(1, 5, 3)).usable().tolist() == [0, 1, 2, 3, 4]
    assert Targets(LABELS).usable().tolist() == [0, 1, 3, 4]


def test_those_of_chosen_images_are_on_the_images_themselves() -> None:
    logits = torch.arange(2 * 5 * 3.0).view(2, 5, 3)
    labels, first_view = Targets(LABELS, logits).chosen(torch.tensor([4, 1])).in_order()
    assert labels.tolist() == [2, 0]
    assert first_view is not None
    assert torch.equal(first_view, logits[0, [4, 1]])


# Labels of other tasks

NAN = float("nan")
ANSWERS = torch.tensor([[0.5, -1.0], [2.0, 0.0], [1.0, 1.0]])


def test_the_loss_by_several_labels_is_the_binary_cross_entropy_of_each() -> None:
    labels = torch.tensor([[1.0, 0.0], [0.0, 0.0], [NAN, NAN]])
    right = torch.tensor([[0.5, 1.0], [-2.0, 0.0]]).sigmoid()
    assert_close(label_loss("multilabel")(ANSWERS, labels), -right.log().mean())


def test_the_loss_by_numbers_is_of_those_that_are_known() -> None:
    labels = torch.tensor([[0.5, 1.0], [NAN, NAN], [1.0, 2.0]])
    assert label_loss("regression")(ANSWERS, labels).item() == (4 + 1) / 4
    assert label_loss("regression", "l1")(ANSWERS, labels).item() == (2 + 1) / 4


def test_images_without_labels_send_no_gradient_and_no_nan() -> None:
    answers = ANSWERS.clone().requires_grad_()
    label_loss("regression").of_each(answers, torch.full_like(ANSWERS, NAN)).mean().backward()
    assert answers.grad is not None
    assert (answers.grad == 0).all()


def test_a_loss_of_another_task_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"^teacher.loss: l1: is not of classification"):
        label_loss("classification", "l1")


def test_images_without_labels_have_the_teachers_part_alone() -> None:
    labels = torch.full_like(ANSWERS, NAN)
    found = by_both(torch.tensor(2.0), ANSWERS, labels, 0.25, label_loss("regression"))
    assert found.item() == 0.75 * 2


# Rare classes, and labels that are not quite sure


def test_smoothing_spreads_a_share_of_each_label() -> None:
    classes = torch.tensor([0, 1, UNLABELLED])
    found = label_loss("classification", smoothing=0.2)(ANSWERS, classes)
    logs = ANSWERS[:2].log_softmax(1)
    assert_close(found, -(0.9 * logs[[0, 1], [0, 1]] + 0.1 * logs[[0, 1], [1, 0]]).mean())
    labels = torch.tensor([[1.0, 0.0], [0.0, 0.0], [NAN, NAN]])
    softened = torch.tensor([[0.9, 0.1], [0.1, 0.1]])
    sure = ANSWERS[:2].sigmoid()
    expected = -(softened * sure.log() + (1 - softened) * (1 - sure).log()).mean()
    assert_close(label_loss("multilabel", smoothing=0.2)(ANSWERS, labels), expected)


def test_numbers_have_nothing_to_be_smoothed() -> None:
    with pytest.raises(ConfigurationError, match=r"^teacher.label_smoothing: 0.1: is of classes"):
        label_loss("regression", smoothing=0.1)


def test_a_rare_class_weighs_more_and_an_image_one_on_average() -> None:
    classes = torch.tensor([0, 0, 0, 1, UNLABELLED])
    weights = rarity(classes, 3)
    assert weights == pytest.approx((2 / 3, 2, 1))
    answers = torch.randn(5, 3, generator=torch.Generator().manual_seed(0))
    found = label_loss("classification", weights=weights).of_each(answers, classes)
    plain = cross_entropy.of_each(answers, classes)
    assert_close(found, plain * torch.tensor([2 / 3, 2 / 3, 2 / 3, 2, 0]))


def test_of_labels_the_presence_of_a_rare_one_weighs_more() -> None:
    labels = torch.tensor([[1.0, 0, 1], [0, 0, 1], [0, 0, 1], [NAN, NAN, NAN]])
    assert rarity(labels, 3) == (2.0, 1.0, 1.0)
    found = label_loss("multilabel", weights=(2.0, 1.0, 1.0))
    answers = torch.zeros(4, 3)
    expected = math.log(2) * torch.tensor([4 / 3, 1, 1, 0])
    assert_close(found.of_each(answers, labels), expected)


def shares_of(labels: Tensor) -> Tensor:
    """Classes as shares; NaN of images without a label."""
    known = (labels != UNLABELLED).unsqueeze(1)
    return torch.nn.functional.one_hot(labels.clamp_min(0), 3).float().where(known, torch.nan)


@pytest.mark.parametrize("weights", [None, (0.5, 1.0, 3.0)])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_shares_of_one_class_are_learnt_as_the_class_is(
    weights: tuple[float, ...] | None, smoothing: float
) -> None:
    logits, loss = torch.randn(5, 3), label_loss("classification", None, smoothing, weights)
    assert_close(loss(logits, shares_of(LABELS)), loss(logits, LABELS))
    assert_close(loss.of_each(logits, shares_of(LABELS)), loss.of_each(logits, LABELS))


def test_the_loss_of_mixed_labels_is_the_mix_of_both_losses() -> None:
    logits, first, second = (
        torch.randn(4, 3),
        torch.tensor([0, 1, 2, 0]),
        torch.tensor([2, 2, 1, 0]),
    )
    mixed = 0.3 * shares_of(first) + 0.7 * shares_of(second)
    expected = 0.3 * cross_entropy(logits, first) + 0.7 * cross_entropy(logits, second)
    assert_close(cross_entropy(logits, mixed), expected)
