"""DIST against NumPy's correlations."""

import numpy as np
import pytest
import torch

from plantnas.tasks import Distillation
from plantnas.training.losses.dist import loss

LABELS = torch.tensor([0, 1, 2, 0, 1])


def test_the_loss_is_its_formula() -> None:
    generator = torch.Generator().manual_seed(0)
    student, teacher = torch.randn(2, 5, 3, generator=generator, dtype=torch.double)
    given, wanted = (each.div(2).softmax(1).numpy() for each in (student, teacher))
    inter = 1 - np.mean([np.corrcoef(given[row], wanted[row])[0, 1] for row in range(5)])
    intra = 1 - np.mean([np.corrcoef(given[:, each], wanted[:, each])[0, 1] for each in range(3)])
    settings = Distillation(temperature=2.0, label_weight=0.0, inter_weight=0.5, intra_weight=2.0)
    found = loss(settings)(student, LABELS, teacher).item()
    assert found == pytest.approx(4 * (0.5 * inter + 2 * intra), rel=1e-5)


def test_an_image_alone_has_no_order_among_images_and_a_finite_loss() -> None:
    student, teacher = torch.tensor([[1.0, 0.0, 2.0]]).requires_grad_(), torch.eye(3)[:1]
    found = loss(Distillation())(student, LABELS[:1], teacher)
    found.backward()
    assert student.grad is not None
    assert torch.cat([found.detach().view(1), student.grad.flatten()]).isfinite().all()
