"""Trains the planted channels of a network, and nothing else of it.

What makes it cheap: the frozen prefix runs once a parent (features.py), no gradient goes below the
first planted layer, weight gradients are for planted layers, and in wide ones for planted slices
(sliced.py), and the optimiser moves one vector of planted entries (optimizers.py). How a child is
made is in channels/planting.py.
"""

from collections.abc import Mapping, Set
from contextlib import nullcontext
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from plantnas.channels.structure import Structure
from plantnas.config import Planting
from plantnas.measured import Epoch
from plantnas.training.apart import apart
from plantnas.training.batch_norms import running_statistics
from plantnas.training.features import FeatureCache
from plantnas.training.fitting import Stop, TrainingData, fit
from plantnas.training.optimizers import EntryOptimizer
from plantnas.training.phases import Phases
from plantnas.training.precision import mixed_precision
from plantnas.training.prefix import BehindPrefix, Cut, cut_before
from plantnas.training.sliced import sliced_gradients


@dataclass(frozen=True)
class Child:
    """A parent with a planting, and what of it is to be trained.

    Attributes:
        network: From images to logits.
        planted: For each tensor of its state_dict with planted entries, a bool mask.
        classifier: Names of the tensors of its last layer, retrained whole if the recipe says so.
        parent: Identity of the parent network, which a cache of features is kept for.
        structure: Its own, which says how it is wired.
    """

    network: nn.Module
    planted: Mapping[str, Tensor]
    classifier: Set[str]
    parent: object
    structure: Structure


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
    child: Child,
    training_data: TrainingData,
    recipe: Planting,
    cache: FeatureCache,
    generator: torch.Generator,
    stop: Stop = lambda epoch: False,
) -> PlantedTraining:
    """Trains the planted entries of a child in place by knowledge distillation.

    Args:
        child: Its network is trained.
        training_data: Images, targets and loss.
        recipe: Optimiser, schedule and what becomes of earlier BatchNorms.
        cache: Keeps the prefix's features between the trials of a parent.
        generator: Draws the order and the views of the images.
        stop: Asked after each epoch but the last whether training ends with it.

    Raises:
        TrainingDiverged: The loss was not finite.
    """
    network, planted, phases = child.network, child.planted, Phases()
    is_triangular = child.structure.ancestors is not None
    with phases("prefix"):
        example = training_data.example
        parts = apart(network, child.structure, recipe, example) if is_triangular else None
        cut = parts.cut if parts else cut_before(network, planted.keys(), example)
        behind, training_data = _behind_prefix(cut, child.parent, training_data, recipe, cache)
    with phases("training"):
        if parts:
            optimizer = EntryOptimizer(parts.cut.suffix, parts.rates, recipe, recipe.l2_sp)
            epochs = fit(behind, optimizer, training_data, recipe, generator, stop)
            parts.put_back()
            return PlantedTraining(epochs, optimizer.trained_entries, phases.seconds)
        trained = _trained(child, recipe)
        rates = {name: _rates(mask, planted.get(name), recipe) for name, mask in trained.items()}
        optimizer = EntryOptimizer(network, rates, recipe, recipe.l2_sp)
        frozen = recipe.batch_norm == "running" or is_triangular
        with (
            sliced_gradients(network, trained),
            running_statistics(network, planted) if frozen else nullcontext(),
        ):
            epochs = fit(behind, optimizer, training_data, recipe, generator, stop)
    return PlantedTraining(epochs, optimizer.trained_entries, phases.seconds)


def _behind_prefix(
    cut: Cut, parent: object, training_data: TrainingData, recipe: Planting, cache: FeatureCache
) -> tuple[nn.Module, TrainingData]:
    """The part of the network that is trained, and the data with the inputs of that part."""
    if cut.prefix is None:
        return cut.suffix, training_data
    precision, device = recipe.precision, training_data.targets.labels.device
    validation = cache.features(cut, training_data.validation_inputs, "validation", parent)
    with mixed_precision(precision, device):  # as BehindPrefix runs it
        train = cache.features(cut, training_data.inputs, f"train-{precision}", parent)
    if validation is None or train is None:
        return BehindPrefix(cut), training_data
    return cut.suffix, replace(training_data, inputs=train, validation_inputs=validation)


def _trained(child: Child, recipe: Planting) -> dict[str, Tensor]:
    """The entries that are trained: a bool mask for each parameter that has any."""
    parameters = dict(child.network.named_parameters())
    trained = {name: mask for name, mask in child.planted.items() if name in parameters}
    if recipe.classifier == "retrained":
        for name in child.classifier:
            trained[name] = torch.ones_like(parameters[name], dtype=torch.bool)
    return trained


def _rates(trained: Tensor, planted: Tensor | None, recipe: Planting) -> Tensor:
    """The multiple of the learning rate that each entry is trained at; 0 if it is not."""
    rates = trained.double()
    if planted is not None:
        new_channels = planted.flatten(1).all(1) if planted.ndim > 1 else planted
        rates[new_channels] *= recipe.row_rate
    return rates
