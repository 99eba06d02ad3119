"""The distillation of several labels against its formula, written out."""

import math

import pytest
import torch

from plantnas.tasks import Distillation
from plantnas.training.loss import label_loss
from plantnas.training.losses.sigmoid_kd import loss

STUDENT = torch.tensor([[0.5, -1.0], [2.0, 0.0]], dtype=torch.double)
TEACHER = torch.tensor([[1.5, -2.0], [-1.0, 0.3]], dtype=torch.double)
LABELS = torch.tensor([[1.0, 0.0], [math.nan, math.nan]], dtype=torch.double)


def probability(logit: float) -> float:
    return 1 / (1 + math.exp(-logit))


def test_the_loss_is_its_formula() -> None:
    made = loss(Distillation(temperature=2.0, label_weight=0.3), label_loss("multilabel"))
    divergences, errors = [], []
    for row in range(2):
        for label in range(2):
            p = probability(TEACHER[row, label].item() / 2)
            q = probability(STUDENT[row, label].item() / 2)
            divergences.append(p * math.log(p / q) + (1 - p) * math.log((1 - p) / (1 - q)))
    for label in range(2):  # of the image that has them
        right = probability(STUDENT[0, label].item())
        errors.append(-math.log(right if LABELS[0, label] else 1 - right))
    by_teacher, by_labels = 4 * sum(divergences) / 4, sum(errors) / 2 / 2
    found = made(STUDENT, LABELS, TEACHER).item()
    assert found == pytest.approx(0.7 * by_teacher + 0.3 * by_labels)
