"""The loop that trains every network: teacher, seed, planted child and baseline.

What is special about planted channels (which entries are trained, what is frozen and cached) is in
planted.py.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from plantnas.config import Recipe
from plantnas.errors import PlantnasError
from plantnas.measured import Epoch, Evaluation
from plantnas.training.evaluation import evaluate
from plantnas.training.loss import Loss, Targets
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
    loss: Loss

    @property
    def example(self) -> Tensor:
        """Two images as networks are fed them, to analyse networks with."""
        (example,) = next(self.validation_inputs.in_order(0, 2))
        return example


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
    training_data: TrainingData,
    recipe: Recipe,
    generator: torch.Generator,
    stop: Stop = lambda epoch: False,
) -> tuple[Epoch, ...]:
    """Trains a network in place, on one random view of each image an epoch.

    Args:
        network: Called with the tensors of a batch of the data's inputs.
        optimizer: Moves whatever of the network is trained.
        training_data: Inputs, targets and loss.
        recipe: Epochs, batch size, schedule and precision.
        generator: Draws the order and the views of the images.
        stop: Ends training early; the schedule is that of all epochs.

    Returns:
        One entry for each epoch that was run, with the metrics on validation after it, in the
        precision of the training.

    Raises:
        TrainingDiverged: An epoch's mean loss was not finite.
    """
    targets, history = training_data.targets, list[Epoch]()
    device = targets.labels.device
    for epoch in range(1, recipe.epochs + 1):
        start, total = time.perf_counter(), torch.zeros((), device=device)
        network.train()
        batches = _drawn_batches(training_data, recipe.batch_size, generator)
        for number, (views, indices) in enumerate(batches, start=1):
            rate = learning_rate_at(recipe, (epoch - 1 + number / len(batches)) / recipe.epochs)
            optimizer.set_learning_rate(rate)
            optimizer.zero_grad()
            with mixed_precision(recipe.precision, device):
                logits = network(*training_data.inputs.batch(views, indices))
            loss = training_data.loss(logits.float(), *targets.batch(views, indices))
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            total += loss.detach() * len(indices)
        training_loss = total.item() / sum(len(indices) for _, indices in batches)
        _check_finite(training_loss, epoch, recipe)
        with mixed_precision(recipe.precision, device):
            validation = validate(network, training_data)
        measured = (validation.loss, validation.accuracy, time.perf_counter() - start)
        history.append(Epoch(epoch, rate, training_loss, *measured))
        if epoch < recipe.epochs and stop(history[-1]):
            break
    return tuple(history)


def validate(network: nn.Module, training_data: TrainingData) -> Evaluation:
    """What a network achieves on the images that networks are chosen by."""
    inputs, targets = training_data.validation_inputs, training_data.validation_targets
    return evaluate(network, inputs, targets, training_data.loss, "validation")


def _drawn_batches(
    training_data: TrainingData, batch_size: int, generator: torch.Generator
) -> list[tuple[Tensor, Tensor]]:
    """Each image once, in random order, in a random view: (views, indices) a batch.

    A single image left at the end is dropped: BatchNorm has no statistics of one image where the
    features are 1 x 1.
    """
    usable, inputs = training_data.targets.usable(), training_data.inputs
    order = usable[torch.randperm(len(usable), generator=generator)]
    views = torch.randint(inputs.views, (inputs.images,), generator=generator)
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
