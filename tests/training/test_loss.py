"""What a network should answer, and the loss by labels alone."""

import torch
from torch.testing import assert_close

from plantnas.training.images import UNLABELLED
from plantnas.training.loss import Targets, cross_entropy

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
