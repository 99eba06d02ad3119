"""The cosine of embeddings."""

import math

import pytest
import torch

from plantnas.tasks import Distillation
from plantnas.training.losses.cosine import loss

TEACHER = torch.tensor([[2.0, 0.0], [0.0, 3.0]])


def test_the_loss_is_one_minus_the_cosine_whatever_the_length() -> None:
    student = torch.tensor([[5.0, 5.0], [0.0, 0.1]])
    found = loss(Distillation(label_weight=0.0))(student, TEACHER, TEACHER).item()
    assert found == pytest.approx((1 - math.sqrt(0.5)) / 2, abs=1e-6)
