"""The loop that trains every network: teacher, seed, planted child and baseline.

What is special about planted channels (which entries are trained, what is frozen and cached) is in
planted.py.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol

import torch
from torch import Tensor, nn

from plantnas.channels.containers import logits_in
from plantnas.config import Recipe, StudyConfig
from plantnas.errors import ConfigurationError
from plantnas.listening import tell_epoch
from plantnas.measured import Epoch, Evaluation
from plantnas.training.augmenting import Augmented, Keeping, augmented_views
from plantnas.training.data import Dataset
from plantnas.training.evaluation import TrainingDiverged as TrainingDiverged
from plantnas.training.evaluation import evaluate
from plantnas.training.hints import Hint, answered
from plantnas.training.images import UNLABELLED
from plantnas.training.loss import LabelLoss, Loss, Targets, cross_entropy, label_loss, rarity
from plantnas.training.metrics import ACCURACY, Metrics, metrics_of
from plantnas.training.precision import mixed_precision
from plantnas.training.seeds import derived_seed
from plantnas.training.views import Inputs, augmented_inputs, image_inputs


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
        label_loss: What is minimised without a teacher.
        metrics: What is measured on validation, and maximised.
        chances: How often each training image is drawn in an epoch, relative to others; each is
            once, if not given.
        hint: What the last layer should be given, beside the loss.
    """

    inputs: Inputs
    targets: Targets
    validation_inputs: Inputs
    validation_targets: Targets
    loss: Loss
    label_loss: LabelLoss = cross_entropy
    metrics: Metrics = ACCURACY
    chances: Tensor | None = None
    hint: Hint | None = None

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
        return recipe.peak * progress / recipe.warmup
    cooled = (progress - recipe.warmup) / (1 - recipe.warmup)
    return recipe.peak * (1 + math.cos(math.pi * cooled)) / 2


class Part(NamedTuple):
    """One of the networks that are trained together."""

    network: nn.Module
    """Called with the tensors of a batch of the data's inputs."""
    weight: float = 1.0
    """Of its loss in their sum."""
    every: int = 1
    """It is trained in the first of every so many batches."""
    in_place: bool = False
    """It learns what the first part has just answered to the same batch, instead of what the
    teacher has: in-place distillation (Yu and Huang 2019, arXiv 1903.05134)."""


def labelled(
    config: StudyConfig, dataset: Dataset, device: torch.device, keeping: Keeping | None = None
) -> TrainingData:
    """A study's images on the device, with their labels and nothing of a teacher.

    Args:
        config: The study's.
        dataset: Its images.
        device: Where they are to be.
        keeping: Where views with transforms are kept; in memory, if not given.
    """
    seed = derived_seed(config.random_seed, "views")
    by_labels = label_loss_of(config, dataset)
    targets = Targets(dataset.train.labels.to(device))
    if config.data.augment:
        augmented = Augmented(dataset, config.data, seed)
        inputs = augmented_views(augmented, dataset, device, keeping or Keeping())
        targets = targets._replace(mixing=augmented.mixing)
    else:
        inputs = augmented_inputs(dataset, config.data, seed, device)
    return TrainingData(
        inputs=inputs,
        targets=targets,
        validation_inputs=image_inputs(dataset.validation, dataset, device),
        validation_targets=Targets(dataset.validation.labels.to(device)),
        loss=by_labels,
        label_loss=by_labels,
        metrics=metrics_of(config.search.metric, dataset.task),
        chances=_chances(config, dataset),
    )


def label_loss_of(config: StudyConfig, dataset: Dataset) -> LabelLoss:
    """A study's loss by labels.

    Raises:
        ConfigurationError: It is not one of the data's task.
    """
    weights, teacher, balance = config.teacher.class_weights, config.teacher, config.data.balance
    if weights is not None:
        _check_weights(weights, balance, dataset)
    if balance != "none" and dataset.task == "regression":
        raise ConfigurationError(f"data.balance: {balance}: numbers have no classes to balance.")
    if balance == "sampling" and dataset.task == "multilabel":
        raise ConfigurationError(
            "data.balance: sampling: is of one class an image; several labels have 'weights'."
        )
    if balance == "weights":
        weights = rarity(dataset.train.labels, dataset.num_classes)
    return label_loss(dataset.task, teacher.loss, teacher.label_smoothing, weights)


def _check_weights(class_weights: tuple[float, ...], balance: str, dataset: Dataset) -> None:
    key = f"teacher.class_weights: {list(class_weights)}"
    if dataset.task == "regression":
        raise ConfigurationError(f"{key}: numbers have no classes to weigh.")
    if len(class_weights) != dataset.num_classes:
        what = "classes" if dataset.task == "classification" else "labels"
        raise ConfigurationError(
            f"{key}: has {len(class_weights)} numbers, where the data has {dataset.num_classes} "
            f"{what}."
        )
    if balance == "weights":
        raise ConfigurationError(f"{key}: data.balance 'weights' would say another weight of each.")


def _chances(config: StudyConfig, dataset: Dataset) -> Tensor | None:
    """Of images without a label as often as of others on average."""
    if config.data.balance != "sampling":
        return None
    labels = dataset.train.labels
    by_class = torch.tensor(rarity(labels, dataset.num_classes))
    return by_class[labels.clamp_min(0)].where(labels != UNLABELLED, 1.0)


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
        TrainingDiverged: An epoch's mean loss was not finite, or what the network then answers.
    """
    (history,) = fit_together([Part(network)], optimizer, training_data, recipe, generator, stop)
    return history


def fit_together(
    parts: Sequence[Part],
    optimizer: Optimizer,
    training_data: TrainingData,
    recipe: Recipe,
    generator: torch.Generator,
    stop: Stop = lambda epoch: False,
) -> list[tuple[Epoch, ...]]:
    """Trains several networks in place, on the same batches: the sum of their losses is minimised.

    Arguments and errors as for `fit`; `stop` is asked about the first part, and listeners are told
    of it.

    Returns:
        The epochs of each part. Their seconds add up to all that was taken.
    """
    device, history = training_data.targets.labels.device, [list[Epoch]() for _ in parts]
    begin = time.perf_counter()
    quick = replace(training_data, metrics=training_data.metrics.alone)
    for epoch in range(1, recipe.epochs + 1):
        rate, trained = _train_epoch(parts, optimizer, training_data, recipe, generator, epoch)
        for part, (loss, seconds), epochs in zip(parts, trained, history, strict=True):
            start = time.perf_counter()
            with mixed_precision(recipe.precision, device):
                validation = validate(part.network, quick)
            seconds += time.perf_counter() - start
            epochs.append(Epoch(epoch, rate, loss, validation.loss, validation.accuracy, seconds))
        pace = (time.perf_counter() - begin) / epoch
        left = (recipe.epochs - epoch) * pace
        tell_epoch(history[0][-1], recipe.epochs, left, training_data.metrics.chosen)
        if epoch < recipe.epochs and stop(history[0][-1]):
            break
    return [tuple(epochs) for epochs in history]


def _train_epoch(
    parts: Sequence[Part],
    optimizer: Optimizer,
    training_data: TrainingData,
    recipe: Recipe,
    generator: torch.Generator,
    number: int,
) -> tuple[float, list[tuple[float, float]]]:
    """The rate of the epoch's last step, and each part's mean loss and seconds."""
    start, device = time.perf_counter(), training_data.targets.labels.device
    losses, images = torch.zeros(len(parts), device=device), [0] * len(parts)
    own = [0.0] * len(parts)
    for part in parts:
        part.network.train()
    batches = _drawn_batches(training_data, recipe.batch_size, generator)
    read = training_data.inputs.batches(batches)
    for step, ((views, indices), inputs) in enumerate(zip(batches, read, strict=True)):
        rate = learning_rate_at(recipe, (number - 1 + (step + 1) / len(batches)) / recipe.epochs)
        optimizer.set_learning_rate(rate)
        optimizer.zero_grad()
        labels, teacher_logits = training_data.targets.batch(views, indices)
        answers, hint = teacher_logits, training_data.hint
        for place, part in enumerate(parts):
            if step % part.every:
                continue
            before = time.perf_counter()
            with mixed_precision(recipe.precision, device):
                if hint is None or part.in_place:
                    answer = part.network(*inputs)
                else:
                    answer, given = answered(part.network, inputs, hint.layer)
                logits = logits_in(answer).float()
            loss = training_data.loss(logits, labels, answers if part.in_place else teacher_logits)
            if hint is not None and not part.in_place:
                loss = loss + hint.loss(given, views, indices)
            (part.weight * loss).backward()  # type: ignore[no-untyped-call]
            if place == 0:
                answers = logits.detach()
            losses[place] += loss.detach() * len(indices)
            images[place] += len(indices)
            own[place] += time.perf_counter() - before
        optimizer.step()
    means = [loss / count for loss, count in zip(losses.tolist(), images, strict=True)]
    for mean in means:
        _check_finite(mean, number, recipe)
    # What is for all of them, the batches and the optimiser, each has an equal share of.
    common = (time.perf_counter() - start - sum(own)) / len(parts)
    return rate, [(mean, common + each) for mean, each in zip(means, own, strict=True)]


def validate(network: nn.Module, training_data: TrainingData) -> Evaluation:
    """What a network achieves on the images that networks are chosen by."""
    inputs, targets = training_data.validation_inputs, training_data.validation_targets
    loss, metrics = training_data.loss, training_data.metrics
    return evaluate(network, inputs, targets, loss, "validation", metrics)


def before_training(network: nn.Module, training_data: TrainingData, peak: float) -> Epoch:
    """What a network is before it is trained, beside the peak of the schedule that follows."""
    start = validate(network, training_data)
    return Epoch(0, peak, float("nan"), start.loss, start.accuracy, seconds=0.0)


def _drawn_batches(
    training_data: TrainingData, batch_size: int, generator: torch.Generator
) -> list[tuple[Tensor, Tensor]]:
    """Each image once, in random order, in a random view: (views, indices) a batch.

    They are drawn on the processor, so that every device gets the same, and lie where they choose
    from: to send them in each step would be to wait for all that was asked of the device before.

    Or, where images have chances, as many images, drawn by these with replacement. A single image
    left at the end is dropped: BatchNorm has no statistics of one where the features are 1 x 1.
    """
    usable, inputs = training_data.targets.usable(), training_data.inputs
    if training_data.chances is None:
        order = usable[torch.randperm(len(usable), generator=generator)]
    else:
        chances = training_data.chances[usable]
        order = usable[torch.multinomial(chances, len(usable), True, generator=generator)]
    views = torch.randint(inputs.views, (inputs.images,), generator=generator)
    place = inputs.tensors[0].device
    order, views = order.to(place), views.to(place)
    batches = list(torch.split(order, batch_size))
    if len(batches) > 1 and len(batches[-1]) == 1 < batch_size:
        batches.pop()
    return [(views[indices], indices) for indices in batches]


def _check_finite(training_loss: float, epoch: int, recipe: Recipe) -> None:
    if not math.isfinite(training_loss):
        raise TrainingDiverged(
            f"epoch {epoch}: the training loss is {training_loss}; a learning rate of "
            f"{recipe.peak} is too high."
        )
