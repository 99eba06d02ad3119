"""Trains the planted channels of a network, and nothing else of it.

What makes it cheap: the frozen prefix runs once a parent (features.py), no gradient goes below the
first planted layer, weight gradients are for planted layers, and in wide ones for planted slices
(sliced.py), and the optimiser moves one vector of planted entries (optimizers.py).
"""

from collections.abc import Mapping, Set
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.hooks import RemovableHandle

from plantnas.config import Planting, Precision
from plantnas.training.features import FeatureCache
from plantnas.training.fitting import Epoch, Stop, TrainingData, fit
from plantnas.training.optimizers import EntryOptimizer
from plantnas.training.phases import Phases
from plantnas.training.precision import mixed_precision
from plantnas.training.prefix import BehindPrefix, Cut, cut_before
from plantnas.training.sliced import sliced_gradients


@dataclass(frozen=True)
class PlantedTraining:
    """What training a planting gave.

    Attributes:
        epochs: One entry for each epoch that was run.
        trained_entries: How many numbers were trained.
        seconds: Wall time of the phases `prefix` (features of the frozen part, if they were not
            cached already) and `training` (with the validation after each epoch).
    """

    epochs: tuple[Epoch, ...]
    trained_entries: int
    seconds: dict[str, float]


def train_planted(
    child: nn.Module,
    planted: Mapping[str, Tensor],
    classifier: Set[str],
    training_data: TrainingData,
    recipe: Planting,
    cache: FeatureCache,
    parent: object,
    generator: torch.Generator,
    stop: Stop = lambda epoch: False,
) -> PlantedTraining:
    """Trains the planted entries of a child in place by knowledge distillation.

    Args:
        child: The parent with a planting.
        planted: For each tensor of the child's state_dict with planted entries, a bool mask.
        classifier: Names of the classifier's parameters, retrained whole if the recipe says so.
        training_data: Images, targets and loss.
        recipe: Optimiser, schedule and what becomes of earlier BatchNorms.
        cache: Keeps the prefix's features between the trials of a parent.
        parent: Identity of the parent network, for the cache.
        generator: Draws the order and the views of the images.
        stop: Asked after each epoch but the last whether training ends with it.

    Raises:
        TrainingDiverged: The loss was not finite.
    """
    phases = Phases()
    with phases("prefix"):
        example = next(training_data.validation_inputs.in_order(0, 2))[0]
        cut = cut_before(child, planted.keys(), example)
        network, training_data = _behind(cut, training_data, cache, parent, recipe.precision)
    with phases("training"):
        trained = _trained(child, planted, classifier, recipe)
        rates = {name: _rates(mask, planted.get(name), recipe) for name, mask in trained.items()}
        optimizer = EntryOptimizer(child, rates, recipe, recipe.l2_sp)
        hooks = _freeze_statistics(child, planted) if recipe.batch_norm == "running" else []
        with sliced_gradients(child, trained):
            epochs = fit(network, optimizer, training_data, recipe, generator, stop)
        for hook in hooks:
            hook.remove()
    return PlantedTraining(epochs, optimizer.trained_entries, phases.seconds)


def _behind(
    cut: Cut, training_data: TrainingData, cache: FeatureCache, parent: object, precision: Precision
) -> tuple[nn.Module, TrainingData]:
    """The part of the network that is trained and the inputs of that part."""
    if cut.prefix is None:
        return cut.suffix, training_data
    validation = cache.features(cut, training_data.validation_inputs, "validation", parent)
    with mixed_precision(precision, training_data.targets.labels.device):  # as BehindPrefix runs it
        train = cache.features(cut, training_data.inputs, f"train-{precision}", parent)
    if validation is None or train is None:
        return BehindPrefix(cut), training_data
    return cut.suffix, replace(training_data, inputs=train, validation_inputs=validation)


def _trained(
    child: nn.Module, planted: Mapping[str, Tensor], classifier: Set[str], recipe: Planting
) -> dict[str, Tensor]:
    parameters = dict(child.named_parameters())
    trained = {name: mask for name, mask in planted.items() if name in parameters}
    if recipe.classifier == "retrained":
        for name in classifier:
            trained[name] = torch.ones_like(parameters[name], dtype=torch.bool)
    return trained


def _rates(trained: Tensor, planted: Tensor | None, recipe: Planting) -> Tensor:
    """For each entry, the multiple of the learning rate that it is trained at; 0 if it is not."""
    rates = trained.double()
    if planted is not None:
        new_channels = planted.flatten(1).all(1) if planted.ndim > 1 else planted
        rates[new_channels] *= recipe.row_rate
    return rates


def _freeze_statistics(child: nn.Module, planted: Mapping[str, Tensor]) -> list[RemovableHandle]:
    """Normalises the earlier channels of each BatchNorm by their running statistics, for good."""
    return [
        module.register_forward_hook(
            _RunningStatistics(module, planted.get(f"{name}.running_mean"))
        )
        for name, module in child.named_modules()
        if isinstance(module, _BatchNorm)
    ]


class _RunningStatistics:
    """A forward hook: in train mode, only planted channels use and update batch statistics."""

    def __init__(self, module: _BatchNorm, planted: Tensor | None) -> None:
        assert module.running_mean is not None
        assert module.running_var is not None
        self._mean = module.running_mean.clone()
        self._variance = module.running_var.clone()
        none = torch.zeros(self._mean.shape, dtype=torch.bool)
        self._planted = (none if planted is None else planted).to(self._mean.device)

    def __call__(self, module: Any, args: tuple[Tensor, ...], output: Tensor) -> Tensor:
        if not module.training:
            return output
        # New tensors: the gradient's computation still needs the ones that the module updated.
        module.running_mean = torch.where(self._planted, module.running_mean, self._mean)
        module.running_var = torch.where(self._planted, module.running_var, self._variance)
        by_running = functional.batch_norm(
            args[0], self._mean, self._variance, module.weight, module.bias, eps=module.eps
        )
        shape = (1, -1) + (1,) * (output.ndim - 2)
        return torch.where(self._planted.view(shape), output, by_running)
