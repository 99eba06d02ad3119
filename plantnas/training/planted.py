"""Trains the planted channels of a network, and nothing else of it.

What makes it cheap: the frozen prefix runs once a parent (features.py), no gradient goes below the
first planted layer, weight gradients are for planted layers, and in wide ones for planted slices
(sliced.py), and the optimiser moves one vector of planted entries (optimizers.py). How a child is
made is in channels/planting.py.
"""

from collections.abc import Mapping, Sequence, Set
from contextlib import ExitStack
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from plantnas.channels.structure import Structure
from plantnas.config import Planting
from plantnas.measured import Epoch
from plantnas.training.apart import apart
from plantnas.training.batch_norms import running_statistics
from plantnas.training.features import FeatureCache
from plantnas.training.fitting import Part, Stop, TrainingData, fit_together
from plantnas.training.nested import Nested, NestedOptimizer
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
        own: Names of the parameters of normalisation layers that are not the parent's, but of this
            size, and trained whole.
    """

    network: nn.Module
    planted: Mapping[str, Tensor]
    classifier: Set[str]
    parent: object
    structure: Structure
    own: Set[str] = frozenset()


@dataclass(frozen=True)
class Ahead:
    """The network of the next size, which is trained along with a child that is a crop of it.

    Attributes:
        child: It, as a child of the same parent.
        weight: Of its loss; the narrower child's has 1.
    """

    child: Child
    weight: float


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
    ahead: Ahead | None = None,
) -> PlantedTraining:
    """Trains the planted entries of a child in place by knowledge distillation.

    Args:
        child: Its network is trained.
        training_data: Images, targets and loss.
        recipe: Optimiser, schedule and what becomes of earlier BatchNorms.
        cache: Keeps the prefix's features between the trials of a parent.
        generator: Draws the order and the views of the images.
        stop: Asked after each epoch but the last whether training ends with it.
        ahead: Is trained along, in place: the channels that both have are moved once.

    Raises:
        TrainingDiverged: The loss was not finite.
    """
    children, phases = [child] if ahead is None else [child, ahead.child], Phases()
    is_triangular, example = child.structure.ancestors is not None, training_data.example
    parts = None
    with phases("prefix"):
        if is_triangular and ahead is None:
            parts = apart(child.network, child.structure, recipe, example)
        cuts = [parts.cut] if parts else _cuts(children, example)
        behind, training_data = _behind_prefix(cuts, child.parent, training_data, recipe, cache)
    with phases("training"), ExitStack() as stack:
        if parts:
            stack.callback(parts.put_back)
            optimizer: EntryOptimizer | NestedOptimizer = EntryOptimizer(
                parts.cut.suffix, parts.rates, recipe, recipe.l2_sp
            )
        else:
            trained = [_trained(each, recipe) for each in children]
            optimizer = _optimizer(children, trained[-1], recipe)
            for each, masks in zip(children, trained, strict=True):
                stack.enter_context(sliced_gradients(each.network, masks))
                if recipe.batch_norm == "running" or is_triangular:
                    stack.enter_context(running_statistics(each.network, each.planted))
        weights = [1.0] if ahead is None else [1.0, ahead.weight]
        fitted = [Part(*each) for each in zip(behind, weights, strict=True)]
        epochs, *_ = fit_together(fitted, optimizer, training_data, recipe, generator, stop)
    return PlantedTraining(epochs, optimizer.trained_entries, phases.seconds)


def _cuts(children: Sequence[Child], example: Tensor) -> list[Cut]:
    """The children before the first layer that any of them has planted; none if one cannot be."""
    networks = [child.network for child in children]
    planted = {name for child in children for name in child.planted}
    cuts = [cut_before(network, planted, example) for network in networks]
    if any(cut.prefix is None for cut in cuts):
        return [Cut(None, network, ()) for network in networks]
    return cuts


def _behind_prefix(
    cuts: Sequence[Cut],
    parent: object,
    training_data: TrainingData,
    recipe: Planting,
    cache: FeatureCache,
) -> tuple[list[nn.Module], TrainingData]:
    """The parts of the networks that are trained, and the data with the inputs of these parts."""
    cut, *_ = cuts  # all have one prefix, their parent's
    if cut.prefix is None:
        return [cut.suffix for cut in cuts], training_data
    precision, device = recipe.precision, training_data.targets.labels.device
    validation = cache.features(cut, training_data.validation_inputs, "validation", parent)
    with mixed_precision(precision, device):  # as BehindPrefix runs it
        train = cache.features(cut, training_data.inputs, f"train-{precision}", parent)
    if validation is None or train is None:
        return [BehindPrefix(cut) for cut in cuts], training_data
    data = replace(training_data, inputs=train, validation_inputs=validation)
    return [cut.suffix for cut in cuts], data


def _trained(child: Child, recipe: Planting) -> dict[str, Tensor]:
    """The entries that are trained: a bool mask for each parameter that has any."""
    parameters = dict(child.network.named_parameters())
    trained = {name: mask for name, mask in child.planted.items() if name in parameters}
    whole = {*child.own, *(child.classifier if recipe.classifier == "retrained" else ())}
    for name in whole & parameters.keys():  # what is tied is there under one of its names
        trained[name] = torch.ones_like(parameters[name], dtype=torch.bool)
    return trained


def _optimizer(
    children: Sequence[Child], masks: Mapping[str, Tensor], recipe: Planting
) -> EntryOptimizer | NestedOptimizer:
    """Moves the trained entries of a child, or those of it and of the network ahead of it."""
    *narrow, widest = children
    rates = {name: _rates(mask, widest.planted.get(name), recipe) for name, mask in masks.items()}
    if not narrow:
        return EntryOptimizer(widest.network, rates, recipe, recipe.l2_sp)
    crops = [
        Nested(child.network, child.structure, own=child.own | child.classifier) for child in narrow
    ]
    wide = Nested(widest.network, widest.structure, own=())
    return NestedOptimizer(crops, wide, recipe, rates, recipe.l2_sp)


def _rates(trained: Tensor, planted: Tensor | None, recipe: Planting) -> Tensor:
    """The multiple of the learning rate that each entry is trained at; 0 if it is not."""
    rates = trained.cpu().double()  # which not every device has
    if planted is not None:
        planted = planted.cpu()
        new_channels = planted.flatten(1).all(1) if planted.ndim > 1 else planted
        rates[new_channels] *= recipe.row_rate
    return rates
