"""Images that networks without training are measured by: none that they were fitted to."""

import torch
from torch import nn

from plantnas.training.fitting import TrainingData
from plantnas.training.held_back import FEWEST, IMAGES, held_back
from plantnas.training.loss import Targets
from plantnas.training.losses.kd import DistillationLoss
from plantnas.training.views import Inputs

CLASSES = 3


def numbered(first: int, count: int, views: int) -> tuple[Inputs, Targets]:
    """Images whose only pixel is their number, negative in all views but the first."""
    numbers = torch.arange(first, first + count, dtype=torch.float32)
    pixels = torch.stack([numbers, *[-numbers - 1] * (views - 1)]).view(views, count, 1, 1, 1)
    logits = pixels.view(views, count, 1).expand(views, count, CLASSES)
    return Inputs((pixels,)), Targets(numbers.long() % CLASSES, logits)


def data(count: int) -> TrainingData:
    """So many training images in two views, and 50 of validation, from 10 000."""
    loss = DistillationLoss(temperature=4.0, label_weight=0.1)
    return TrainingData(*numbered(0, count, 2), *numbered(10_000, 50, 1), loss)


def kept(count: int, seen: torch.Tensor, seed: int = 0) -> list[int]:
    inputs = held_back(data(count), seen, torch.Generator().manual_seed(seed)).inputs
    return [int(image) for (batch,) in inputs.in_order(0, 100) for image in batch.flatten()]


def test_they_are_training_images_that_were_not_seen() -> None:
    numbers = kept(700, torch.arange(500))
    assert sorted(numbers) == list(range(500, 700))


def test_they_are_drawn_by_the_generator() -> None:
    seen = torch.arange(500)
    assert kept(3_000, seen) == kept(3_000, seen) != kept(3_000, seen, seed=1)
    assert len(set(kept(3_000, seen))) == IMAGES


def test_where_too_few_were_not_seen_they_are_those_of_validation() -> None:
    assert min(kept(500 + FEWEST, torch.arange(500))) == 500
    assert sorted(kept(499 + FEWEST, torch.arange(500))) == list(range(10_000, 10_050))


def test_the_loss_is_the_studys_own_against_the_teachers_logits_on_them() -> None:
    class Same(nn.Module):
        """Answers what the made-up teacher does, and something else for larger numbers."""

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            numbers = images.flatten(1).expand(-1, CLASSES)
            return torch.where(numbers < 600, numbers, numbers * torch.tensor([1.0, 2.0, 3.0]))

    generator = torch.Generator().manual_seed(0)
    right = held_back(data(600), torch.arange(500), generator)
    wrong = held_back(data(700), torch.arange(600), generator)
    by_label = 0.1 * torch.tensor(3.0).log().item()
    assert abs(right.loss(Same()) - by_label) < 1e-4
    assert wrong.loss(Same()) > 1
