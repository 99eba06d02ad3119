"""What a network or a search may cost, and the only way to train a baseline: within that.

One budget of epochs is for one network, whatever its method trains on the way to it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import torch
from torch import nn

from plantnas.channels.containers import logits_in
from plantnas.channels.costs.parameters import parameters_of
from plantnas.config import Recipe
from plantnas.errors import PlantnasError
from plantnas.listening import part_of_training
from plantnas.measured import Epoch
from plantnas.records.record import NetworkRecord
from plantnas.training.fitting import Optimizer, Stop, TrainingData, fit
from plantnas.training.loss import Targets
from plantnas.training.optimizers import whole_network_optimizer
from plantnas.training.phases import Phases

Regularize = Callable[[nn.Module], object]
"""Adds to the gradients of a network before each step of the optimiser."""


class BudgetExceeded(PlantnasError):
    """A method asked for more than it was given."""


@dataclass
class Budget:
    """Epochs of the study's training images that may be spent on one network.

    Attributes:
        epochs: All of them.
        spent: How many are spent.
    """

    epochs: int
    spent: int = 0

    @property
    def left(self) -> int:
        """Epochs that are not spent."""
        return self.epochs - self.spent

    def spend(self, epochs: int) -> None:
        """Take these epochs, before they are trained.

        Raises:
            BudgetExceeded: So many are not left.
        """
        if epochs > self.left:
            raise BudgetExceeded(
                f"{epochs} epochs are more than the {self.left} left of {self.epochs}."
            )
        self.spent += epochs


@dataclass
class TimeBudget:
    """Seconds of training that a search may take.

    Attributes:
        seconds: All of them.
        spent: How many are spent.
        epoch: What the last epoch took.
    """

    seconds: float
    spent: float = 0.0
    epoch: float = 0.0

    @property
    def left(self) -> float:
        """Seconds that are not spent."""
        return self.seconds - self.spent

    @property
    def is_spent(self) -> bool:
        """Whether another epoch, as long as the last one, would not fit."""
        return self.left <= 0 or self.left < self.epoch

    def after(self, epoch: Epoch) -> bool:
        """Spend an epoch that was trained; whether the training must end with it."""
        self.spent, self.epoch = self.spent + epoch.seconds, epoch.seconds
        return self.is_spent


class Member(NamedTuple):
    """A trained network, and what its training gave and took."""

    network: nn.Module
    epochs: Sequence[Epoch]
    phases: Phases
    """Of one that was trained together with others, its share."""


@dataclass
class Trainer:
    """Trains what a method needs for one network, and remembers what it cost.

    Attributes:
        training_data: What is learnt from; without the teacher's logits, by labels alone.
        recipe: Optimiser, peak learning rate, batch size and schedule; every call of `train` has
            its own warm-up and cosine.
        budget: Is spent by `train`.
        generator: Draws the batches.
        epochs: All epochs so far, numbered through.
        phases: What it took.
    """

    training_data: TrainingData
    recipe: Recipe
    budget: Budget
    generator: torch.Generator
    epochs: list[Epoch] = field(default_factory=list)
    phases: Phases = field(default_factory=Phases)

    def inherit(self, ancestors: Sequence[NetworkRecord]) -> None:
        """Spend what other networks took that this one continues, oldest first.

        Raises:
            BudgetExceeded: They had more epochs than there are.
        """
        trained = [epoch for network in ancestors for epoch in network.epochs]
        self.budget.spend(len(trained))
        for number, epoch in enumerate(trained, len(self.epochs) + 1):
            self.epochs.append(epoch._replace(epoch=number))
        spent = sum(sum(network.seconds.values()) for network in ancestors)
        self.phases.add({"ancestors": spent})

    def train(
        self,
        network: nn.Module,
        epochs: int,
        phase: str = "training",
        regularize: Regularize | None = None,
        stop: Stop = lambda epoch: False,
    ) -> None:
        """Train a whole network in place.

        Raises:
            BudgetExceeded: There are not so many epochs left.
            TrainingDiverged: A loss was not finite.
        """
        self.budget.spend(epochs)
        recipe = self.recipe.for_size(parameters_of(network)).model_copy(update={"epochs": epochs})
        plain = whole_network_optimizer(network, recipe)
        whole = plain if regularize is None else _Regularized(plain, network, regularize)
        part = part_of_training(self.budget.spent - epochs, self.budget.epochs)
        with self.phases(phase), part:
            trained = fit(network, whole, self.training_data, recipe, self.generator, stop)
        before = self.epochs[-1].epoch if self.epochs else 0
        self.epochs += [epoch._replace(epoch=epoch.epoch + before) for epoch in trained]

    def trained(self, network: nn.Module) -> Member:
        """The network with all that was spent on it."""
        return Member(network, self.epochs, self.phases)

    def accumulate_gradients(self, network: nn.Module, batches: int) -> None:
        """Leave in the parameters the gradients of the loss over some batches; nothing moves."""
        training_data, size = self.training_data, self.recipe.batch_size
        indices = training_data.targets.usable()
        drawn = indices[torch.randperm(len(indices), generator=self.generator)][: batches * size]
        network.eval().requires_grad_(True).zero_grad()
        for batch in torch.split(drawn, size):
            views = torch.zeros_like(batch)
            logits = logits_in(network(*training_data.inputs.batch(views, batch)))
            loss = training_data.loss(logits, *training_data.targets.batch(views, batch))
            loss.backward()  # type: ignore[no-untyped-call]


class _Regularized:
    """An optimiser that adds to the gradients before each step."""

    def __init__(self, optimizer: Optimizer, network: nn.Module, regularize: Regularize) -> None:
        self._optimizer, self._network, self._regularize = optimizer, network, regularize
        self.zero_grad = optimizer.zero_grad
        self.set_learning_rate = optimizer.set_learning_rate

    def step(self) -> None:
        self._regularize(self._network)
        self._optimizer.step()


def by_labels(training_data: TrainingData) -> TrainingData:
    """The same images to be learnt by their labels alone."""
    return replace(
        training_data,
        targets=training_data.targets._replace(teacher_logits=None, answering=None),
        validation_targets=Targets(training_data.validation_targets.labels),
        loss=training_data.label_loss,
    )
