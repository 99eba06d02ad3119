"""Decoupled distillation against its formula, written out a class at a time."""

import math

import pytest
import torch
from torch import Tensor

from plantnas.tasks import Distillation
from plantnas.training.images import UNLABELLED
from plantnas.training.losses.dkd import loss
from plantnas.training.losses.kd import loss as kd

STUDENT = torch.tensor([[1.0, 0.0, -1.0], [0.5, 2.0, 0.0]], dtype=torch.double)
TEACHER = torch.tensor([[3.0, 1.0, 0.0], [0.0, 1.0, 2.0]], dtype=torch.double)
LABELS = torch.tensor([1, UNLABELLED])
ALONE = {"temperature": 2.0, "label_weight": 0.0}


def shares(logits: Tensor) -> list[float]:
    exponentials = [math.exp(each / 2) for each in logits.tolist()]
    return [each / sum(exponentials) for each in exponentials]


def divergence(wanted: list[float], given: list[float]) -> float:
    return sum(p * math.log(p / q) for p, q in zip(wanted, given, strict=True))


def test_the_loss_is_its_formula_where_the_teacher_names_a_missing_label() -> None:
    total = 0.0
    for row, right in enumerate([1, 2]):  # of the second image the teacher's choice
        given, wanted = shares(STUDENT[row]), shares(TEACHER[row])
        target = [[each[right], 1 - each[right]] for each in (wanted, given)]
        others = [
            [share / (1 - each[right]) for place, share in enumerate(each) if place != right]
            for each in (wanted, given)
        ]
        total += 4 * (0.5 * divergence(*target) + 3 * divergence(*others))
    made = loss(Distillation(target_weight=0.5, others_weight=3.0, **ALONE))
    assert made(STUDENT, LABELS, TEACHER).item() == pytest.approx(total / 2)


def test_with_the_weights_that_kd_has_it_is_kd() -> None:
    """Equation 6: others count by the teacher's doubt; with one image, that is one weight."""
    doubt = 1 - shares(TEACHER[0])[1]
    made = loss(Distillation(target_weight=1.0, others_weight=doubt, **ALONE))
    pair = STUDENT[:1], LABELS[:1], TEACHER[:1]
    assert made(*pair).item() == pytest.approx(kd(Distillation(**ALONE))(*pair).item())


def test_gradients_are_finite_where_the_teacher_is_sure() -> None:
    student = STUDENT.float().requires_grad_()
    loss(Distillation())(student, LABELS, 1e4 * TEACHER.float()).backward()
    assert student.grad is not None
    assert student.grad.isfinite().all()


def test_of_mixed_images_the_class_that_most_is_of_is_right() -> None:
    made = loss(Distillation(**ALONE))
    nothing = torch.full((STUDENT.shape[1],), torch.nan)
    shares = torch.stack([torch.zeros_like(nothing).index_fill(0, LABELS[:1], 0.6), nothing])
    assert torch.equal(made(STUDENT, shares, TEACHER), made(STUDENT, LABELS, TEACHER))
