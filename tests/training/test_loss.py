"""The distillation loss against its formula, written out."""

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from plantnas.training.images import UNLABELLED
from plantnas.training.loss import DistillationLoss, Targets

LABELS = torch.tensor([2, 0, UNLABELLED, 1, 2])


@pytest.fixture
def logits() -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return 3 * torch.randn(2, 5, 3, generator=generator, dtype=torch.double)


def written_out(
    student: Tensor, labels: Tensor, teacher: Tensor, temperature: float, label_weight: float
) -> Tensor:
    total = torch.zeros((), dtype=student.dtype)
    for row in range(len(labels)):
        wanted = (teacher[row] / temperature).exp()
        given = (student[row] / temperature).exp()
        wanted, given = wanted / wanted.sum(), given / given.sum()
        divergence = (wanted * (wanted / given).log()).sum()
        total += (1 - label_weight) * temperature**2 * divergence
        if labels[row] != UNLABELLED:
            probabilities = student[row].exp() / student[row].exp().sum()
            total -= label_weight * probabilities[labels[row]].log()
    return total / len(labels)


@pytest.mark.parametrize("temperature", [1.0, 4.0])
@pytest.mark.parametrize("label_weight", [0.0, 0.1, 1.0])
def test_the_loss_is_its_formula(logits: Tensor, temperature: float, label_weight: float) -> None:
    student, teacher = logits
    loss = DistillationLoss(temperature, label_weight)(student, LABELS, teacher)
    assert_close(loss, written_out(student, LABELS, teacher, temperature, label_weight))


def test_a_student_that_answers_like_its_teacher_has_no_loss(logits: Tensor) -> None:
    student, _ = logits
    # Softmax does not see a constant that is added to all logits.
    loss = DistillationLoss(4.0, 0.0)(student, LABELS, student + 7)
    assert_close(loss, torch.zeros_like(loss), rtol=0, atol=1e-12)


def test_without_a_teacher_it_is_the_cross_entropy_of_the_labelled_images(logits: Tensor) -> None:
    student, _ = logits
    labelled = LABELS != UNLABELLED
    loss = DistillationLoss(4.0, 0.1)(student, LABELS, None)
    assert_close(loss, torch.nn.functional.cross_entropy(student[labelled], LABELS[labelled]))


@pytest.mark.parametrize("labels", [LABELS, torch.full_like(LABELS, UNLABELLED)])
@pytest.mark.parametrize("scale", [1.0, 1e4])
def test_gradients_are_finite(logits: Tensor, labels: Tensor, scale: float) -> None:
    student, teacher = (scale * logits).float()
    student.requires_grad_()
    DistillationLoss(4.0, 0.1)(student, labels, teacher).backward()
    assert student.grad is not None
    assert student.grad.isfinite().all()
    assert student.grad.abs().sum() > 0


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
