"""The loop that trains every network: teacher, seed, planted child and baseline.

What is special about planted channels (which entries are trained, what is frozen and cached) is in
planted.py.
"""

import math
import time
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import torch
from torch import nn

from plantnas.config import Recipe
from plantnas.errors import PlantnasError
from plantnas.training.evaluation import evaluate
from plantnas.training.loss import DistillationLoss, Targets
from plantnas.training.views import Inputs


class TrainingDiverged(PlantnasError):
    """A loss was not finite."""


class Optimizer(Protocol):
    """The part of torch.optim.Optimizer that the loop uses."""

    def zero_grad(self) -> None:
        """Forgets the gradients."""

    def step(self) -> None:
        """Moves what it trains."""

    def set_learning_rate(self, learning_rate: float) -> None:
        """The rate of the next step."""


@dataclass(frozen=True)
class TrainingData:
    """What a network is trained on and chosen by.

    Attributes:
        inputs: Views of the training images, or of their cached features.
        targets: Their labels and teacher's logits.
        validation_inputs: The validation images as one view.
        validation_targets: Their labels and teacher's logits.
        loss: The loss to minimise.
    """

    inputs: Inputs
    targets: Targets
    validation_inputs: Inputs
    validation_targets: Targets
    loss: DistillationLoss


class Epoch(NamedTuple):
    """What one epoch of training gave."""

    epoch: int
    learning_rate: float
    training_loss: float
    validation_loss: float
    validation_accuracy: float
    seconds: float


def learning_rate_at(recipe: Recipe, progress: float) -> float:
    """Linear warm-up, then half a cosine to zero; progress 0 .. 1 of all steps."""
    if progress < recipe.warmup:
        return recipe.learning_rate * progress / recipe.warmup
    cooled = (progress - recipe.warmup) / (1 - recipe.warmup)
    return recipe.learning_rate * (1 + math.cos(math.pi * cooled)) / 2


def fit(
    network: nn.Module,
    optimizer: Optimizer,
    data: TrainingData,
    recipe: Recipe,
    epochs: int,
    generator: torch.Generator,
) -> tuple[Epoch, ...]:
    """Trains a network in place, on one random view of each image an epoch.

    Args:
        network: Called with the tensors of a batch of the data's inputs.
        optimizer: Moves whatever of the network is trained.
        data: Inputs, targets and loss.
        recipe: Batch size and schedule.
        epochs: Number of epochs, whatever the recipe's.
        generator: Draws the order and the views of the images.

    Returns:
        One entry an epoch, with the metrics on validation after it.

    Raises:
        TrainingDiverged: An epoch's mean loss was not finite.
    """
    history = []
    images = data.inputs.images
    batches = math.ceil(images / recipe.batch_size)
    for epoch in range(epochs):
        start = time.perf_counter()
        network.train()
        total = torch.zeros((), device=data.targets.labels.device)
        order = torch.randperm(images, generator=generator)
        drawn_views = torch.randint(data.inputs.views, (images,), generator=generator)
        for number, indices in enumerate(torch.split(order, recipe.batch_size)):
            views = drawn_views[indices]
            rate = learning_rate_at(recipe, (epoch * batches + number + 1) / (epochs * batches))
            optimizer.set_learning_rate(rate)
            optimizer.zero_grad()
            logits = network(*data.inputs.batch(views, indices))
            loss = data.loss(logits, *data.targets.batch(views, indices))
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            total += loss.detach() * len(indices)
        training_loss = total.item() / images
        if not math.isfinite(training_loss):
            raise TrainingDiverged(
                f"epoch {epoch + 1}: the training loss is {training_loss}; a learning rate of "
                f"{recipe.learning_rate} is too high."
            )
        metrics = evaluate(network, data.validation_inputs, data.validation_targets, data.loss)
        seconds = time.perf_counter() - start
        history.append(
            Epoch(epoch + 1, rate, training_loss, metrics.loss, metrics.accuracy, seconds)
        )
    return tuple(history)
