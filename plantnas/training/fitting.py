"""The loop that trains every network: teacher, seed, planted child and baseline.

What is special about planted channels (which entries are trained, what is frozen and cached) is in
planted.py.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import torch
from torch import Tensor, nn

from plantnas.config import Recipe
from plantnas.errors import PlantnasError
from plantnas.training.evaluation import evaluate
from plantnas.training.loss import DistillationLoss, Targets
from plantnas.training.precision import mixed_precision
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


Stop = Callable[[Epoch], bool]
"""Is asked after each epoch but the last whether training ends with it."""


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
    stop: Stop = lambda epoch: False,
) -> tuple[Epoch, ...]:
    """Trains a network in place, on one random view of each image an epoch.

    Args:
        network: Called with the tensors of a batch of the data's inputs.
        optimizer: Moves whatever of the network is trained.
        data: Inputs, targets and loss.
        recipe: Batch size, schedule and precision.
        epochs: Number of epochs, whatever the recipe's.
        generator: Draws the order and the views of the images.
        stop: Ends training early; the schedule is that of all epochs.

    Returns:
        One entry for each epoch that was run, with the metrics on validation after it, in the
        precision of the training.

    Raises:
        TrainingDiverged: An epoch's mean loss was not finite.
    """
    history: list[Epoch] = []
    for epoch in range(epochs):
        start = time.perf_counter()
        training_loss, rate = _train_epoch(
            network, optimizer, data, recipe, epoch, epochs, generator
        )
        _check_finite(training_loss, epoch + 1, recipe)
        with mixed_precision(recipe.precision, data.targets.labels.device):
            metrics = evaluate(network, data.validation_inputs, data.validation_targets, data.loss)
        measured = (training_loss, metrics.loss, metrics.accuracy, time.perf_counter() - start)
        history.append(Epoch(epoch + 1, rate, *measured))
        if epoch + 1 < epochs and stop(history[-1]):
            break
    return tuple(history)


def _train_epoch(
    network: nn.Module,
    optimizer: Optimizer,
    data: TrainingData,
    recipe: Recipe,
    epoch: int,
    epochs: int,
    generator: torch.Generator,
) -> tuple[float, float]:
    """The mean training loss and the last learning rate of one epoch, counted from 0."""
    network.train()
    device = data.targets.labels.device
    total, images = torch.zeros((), device=device), 0
    batches = _drawn_batches(data, recipe.batch_size, generator)
    for number, (views, indices) in enumerate(batches, start=1):
        rate = learning_rate_at(recipe, (epoch + number / len(batches)) / epochs)
        optimizer.set_learning_rate(rate)
        optimizer.zero_grad()
        with mixed_precision(recipe.precision, device):
            logits = network(*data.inputs.batch(views, indices))
        loss = data.loss(logits.float(), *data.targets.batch(views, indices))
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        total += loss.detach() * len(indices)
        images += len(indices)
    return total.item() / images, rate


def _drawn_batches(
    data: TrainingData, batch_size: int, generator: torch.Generator
) -> list[tuple[Tensor, Tensor]]:
    """Each image once, in random order, in a random view: (views, indices) a batch.

    A single image left at the end is dropped: BatchNorm has no statistics of one image where the
    features are 1 x 1.
    """
    usable = data.targets.usable()
    order = usable[torch.randperm(len(usable), generator=generator)]
    views = torch.randint(data.inputs.views, (data.inputs.images,), generator=generator)
    batches = list(torch.split(order, batch_size))
    if len(batches) > 1 and len(batches[-1]) == 1 < batch_size:
        batches.pop()
    return [(views[indices], indices) for indices in batches]


def _check_finite(training_loss: float, epoch: int, recipe: Recipe) -> None:
    if not math.isfinite(training_loss):
        raise TrainingDiverged(
            f"epoch {epoch}: the training loss is {training_loss}; a learning rate of "
            f"{recipe.learning_rate} is too high."
        )
