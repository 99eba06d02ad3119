"""The squared difference of logits, with and without labels."""

import pytest
import torch

from plantnas.tasks import Distillation
from plantnas.training.loss import LabelLoss
from plantnas.training.losses.mse import loss

STUDENT = torch.tensor([[1.0, 2.0], [0.0, 4.0]])
TEACHER = torch.tensor([[1.0, 0.0], [2.0, 4.0]])


def test_the_loss_is_the_mean_squared_difference() -> None:
    assert loss(Distillation(label_weight=0.0))(STUDENT, STUDENT, TEACHER).item() == 2.0


def test_labels_of_numbers_have_their_share() -> None:
    made = loss(Distillation(label_weight=0.25), LabelLoss("l1"))
    assert made(STUDENT, STUDENT + 3, TEACHER).item() == pytest.approx(0.75 * 2 + 0.25 * 3)
