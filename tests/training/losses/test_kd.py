"""The distillation loss against its formula, written out."""

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from plantnas.config import Distillation
from plantnas.training.images import UNLABELLED
from plantnas.training.losses.kd import DistillationLoss, loss

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
    found = DistillationLoss(temperature, label_weight)(student, LABELS, teacher)
    assert_close(found, written_out(student, LABELS, teacher, temperature, label_weight))


def test_a_student_that_answers_like_its_teacher_has_no_loss(logits: Tensor) -> None:
    student, _ = logits
    # Softmax does not see a constant that is added to all logits.
    found = DistillationLoss(4.0, 0.0)(student, LABELS, student + 7)
    assert_close(found, torch.zeros_like(found), rtol=0, atol=1e-12)


@pytest.mark.parametrize("labels", [LABELS, torch.full_like(LABELS, UNLABELLED)])
@pytest.mark.parametrize("scale", [1.0, 1e4])
def test_gradients_are_finite(logits: Tensor, labels: Tensor, scale: float) -> None:
    student, teacher = (scale * logits).float()
    student.requires_grad_()
    DistillationLoss(4.0, 0.1)(student, labels, teacher).backward()
    assert student.grad is not None
    assert student.grad.isfinite().all()
    assert student.grad.abs().sum() > 0


def test_it_has_the_settings_of_the_study() -> None:
    settings = Distillation(temperature=2.0, label_weight=0.3)
    assert loss(settings) == DistillationLoss(2.0, 0.3)
