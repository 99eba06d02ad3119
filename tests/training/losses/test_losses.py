"""A study's loss by its name: one of the user's own tells in a line what is wrong with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch

from plantnas.config import Distillation
from plantnas.errors import ConfigurationError
from plantnas.training.losses import loss_of
from plantnas.training.losses.kd import DistillationLoss

if TYPE_CHECKING:
    from pathlib import Path

OWN = """
def half(settings):
    return lambda logits, labels, teacher_logits: logits.mean() / 2

def raising(settings):
    return lambda logits, labels, teacher_logits: logits[:, 99].mean()

def number(settings):
    return lambda logits, labels, teacher_logits: 0.5

def nothing(settings):
    pass
"""
LOGITS, LABELS = torch.zeros(2, 3), torch.zeros(2, dtype=torch.int64)


@pytest.fixture(autouse=True)
def own(folder: Path) -> None:
    (folder / "of_mine.py").write_text(OWN)


def test_a_shipped_loss_is_itself() -> None:
    assert isinstance(loss_of(Distillation()), DistillationLoss)


def test_a_loss_of_the_users_is_what_it_computes() -> None:
    loss = loss_of(Distillation(loss="of_mine:half"))
    assert loss(LOGITS + 1, LABELS, LOGITS).item() == 0.5


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("raising", r": raised IndexError: .* \(of_mine.py:6\)\.$"),
        ("number", " returned a float, but is to be a function of"),
        ("nothing", " returned a NoneType, but is to be a function of"),
    ],
)
def test_what_is_wrong_with_a_loss_of_the_users_is_one_line(name: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^distillation.loss: 'of_mine:{name}'{message}"):
        loss_of(Distillation(loss=f"of_mine:{name}"))(LOGITS, LABELS, LOGITS)
