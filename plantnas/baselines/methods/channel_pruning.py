"""Channel pruning of a trained network to a wanted size, through torch-pruning.

Coupled channels, their scores and the surgery are torch-pruning's; how many channels a group loses
is solved for the wanted cost (sizes.py), so that networks of equal cost can be compared.
"""

import copy
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from math import inf
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn

from plantnas.baselines.budget import Regularize, Trainer
from plantnas.baselines.methods import Method, Order
from plantnas.baselines.sizes import (
    BY_PARAMETERS,
    TOLERANCE,
    Widths,
    at_least,
    ranked_widths,
    sized,
    uniform_widths,
)
from plantnas.channels.groups import analyse
from plantnas.channels.resizing import remember_analysed_shapes
from plantnas.channels.structure import Structure
from plantnas.channels.traces import check_runs
from plantnas.errors import UnsupportedArchitecture
from plantnas.searching.pricing import Pricing

Criterion = Literal["l1", "bn-scale", "fpgm", "taylor", "group-norm", "random"]
CRITERIA: tuple[Criterion, ...] = get_args(Criterion)
BY_DEFAULT = {
    *(f"{criterion}-kd" for criterion in CRITERIA),
    "l1",
    "bn-scale-global-kd",
    "group-norm-global-kd",
    "group-norm-global-iterative-kd",
    "taylor-iterative-kd",
}
"""The methods that are made unless the user names others."""

ROUNDS = 4
"""So many times channels go in iterative channel pruning, with training between."""
LEAST_KEPT = 0.1
"""Share of its channels that a group keeps where all channels are ranked together; otherwise some
layers end with one channel. (torch-pruning's own setting for it is `max_pruning_ratio`.)"""
SPARSITY: dict[Criterion, tuple[str, float]] = {
    "bn-scale": ("BNScalePruner", 1e-2),
    "group-norm": ("GroupNormPruner", 1e-3),
}
"""torch-pruning's pruner that pushes channels to zero, and how strongly. Its own 1e-5 and 1e-4 are
for SGD and cross-entropy; with Adam and distillation they moved nothing in four epochs, these bring
5 to 50 % of a layer's channels to zero."""
SPARSITY_SHARE = 1 / 3
"""The share of the budget that trains towards sparse channels, for the criteria that need it."""
BATCHES_FOR_GRADIENTS = 16
"""Taylor's scores take so many. Less than a tenth of an epoch: in the seconds, not the epochs."""

Importance = Callable[[Any], Tensor | None]
"""Scores the channels of one group of torch-pruning; the least go first."""


@dataclass(frozen=True)
class Way:
    """How channels are removed.

    Attributes:
        criterion: By which channels are ranked.
        ranked_globally: Channels are ranked in all layers together, so that the criterion decides
            about the widths; otherwise every group loses the same share of its channels.
        iterative: Channels go in several rounds, with training between them.
    """

    criterion: Criterion
    ranked_globally: bool
    iterative: bool


def prune_by(
    way: Way,
    teacher: nn.Module,
    example: Tensor,
    price: float,
    trainer: Trainer,
    pricing: Pricing = BY_PARAMETERS,
) -> nn.Module:
    """A network of the wanted cost out of the teacher, with the trainer's whole budget spent.

    Args:
        way: The criterion, and how it is used.
        teacher: A trained network; left untouched.
        example: Two images, on the teacher's device.
        price: The wanted cost.
        trainer: Trains before, between and after.
        pricing: What is counted.

    Raises:
        SizeNotReachable: Whole channels do not add up to the cost.
        UnsupportedArchitecture: torch-pruning cannot follow this architecture.
    """
    network = copy.deepcopy(teacher).requires_grad_(True)
    structure = analyse(network, example).opened
    floors = None
    if way.ranked_globally:
        groups = structure.growable.items()
        floors = {name: at_least(group, LEAST_KEPT * group.width) for name, group in groups}
    else:
        uniform_widths(structure, price, pricing=pricing)  # refused before anything is trained
    regularize = _sparsity(way.criterion, network, example, structure.closed)
    if regularize is not None:
        epochs = max(1, int(SPARSITY_SHARE * trainer.budget.epochs))
        trainer.train(network, min(epochs, trainer.budget.left - 1), "sparsity", regularize)
    for between in _prices(way, pricing.of(structure), price, trainer.budget.left):
        with trainer.phases("channel pruning"):
            if way.criterion == "taylor":
                trainer.accumulate_gradients(network, BATCHES_FOR_GRADIENTS)
            importance = channel_importance(way.criterion, trainer.generator)
            # On the way, any cost near the wanted one will do.
            tolerance = TOLERANCE if between == price else inf
            remove_channels(network, example, between, importance, floors, tolerance, pricing)
        if between != price:
            trainer.train(network, max(1, trainer.budget.left // (2 * ROUNDS)))
    trainer.train(network, trainer.budget.left)
    return network


def remove_channels(
    network: nn.Module,
    example: Tensor,
    price: float,
    importance: Importance,
    floors: Widths | None = None,
    tolerance: float = TOLERANCE,
    pricing: Pricing = BY_PARAMETERS,
) -> None:
    """Take the least important channels out of a network, in place, without training.

    Args:
        network: Trained; with gradients, for an importance that needs them.
        example: Two images, on its device.
        price: The wanted cost.
        importance: Scores channels.
        floors: With them, the scores of all channels together decide which groups lose how many,
            down to these widths; without, each group keeps the same share.
        tolerance: How far the cost may be from the wanted one, relative to it.
        pricing: What is counted.

    Raises:
        SizeNotReachable: Whole channels do not add up to the cost.
        UnsupportedArchitecture: torch-pruning cannot follow this architecture.
    """
    structure = structure_to_prune(network, example, importance)
    scores = _scores(network, example, structure, importance)
    if floors is None:
        widths = uniform_widths(structure, price, tolerance, pricing)
    else:
        names, by_group = _group_names(network, structure), dict[str, list[float]]()
        for module, score in scores.items():
            # Of several layers that make one group's channels, the first one's.
            by_group.setdefault(names[module], score.tolist())
        at = partial(ranked_widths, structure.growable, by_group, floors)
        widths = sized(at, structure, price, tolerance, pricing)
    _cut(network, example, structure, scores, widths)


def structure_to_prune(network: nn.Module, example: Tensor, importance: Importance) -> Structure:
    """The structure of a network, in which those groups grow whose channels may go.

    Groups that a normalisation mixes are among them if torch-pruning can score and take their
    channels, which is tried: it knows LayerNorm and GroupNorm.

    Args:
        network: Is in evaluation mode afterwards, and takes gradients.
        example: Two images, on its device.
        importance: Scores channels.

    Raises:
        UnsupportedArchitecture: Its channels cannot be followed.
    """
    # torch-pruning follows autograd, so nothing may be frozen.
    structure = analyse(network.eval().requires_grad_(True), example)
    opened = structure.opened
    if len(opened.growable) == len(structure.growable):
        return structure
    halves = {name: at_least(group, group.width / 2) for name, group in opened.growable.items()}
    tried = copy.deepcopy(network)
    for copied, original in zip(tried.parameters(), network.parameters(), strict=True):
        copied.grad = original.grad  # Taylor's scores need it, and copies have none
    try:
        _cut(tried, example, opened, _scores(tried, example, opened, importance), halves)
    except UnsupportedArchitecture:
        return structure
    return opened


def _scores(
    network: nn.Module, example: Tensor, structure: Structure, importance: Importance
) -> dict[nn.Module, Tensor]:
    """The scores of the channels that each growable layer makes, by the layer.

    Raises:
        UnsupportedArchitecture: Some of them have none.
    """
    pruner = _pruner(network, example, structure, importance, {})
    scores: dict[nn.Module, Tensor] = {}
    for group in pruner.DG.get_all_groups(
        ignored_layers=pruner.ignored_layers, root_module_types=pruner.root_module_types
    ):
        with _said_in_words():
            score = pruner.estimate_importance(group)
        if score is not None:
            scores[group[0].dep.target.module] = score
    names = _group_names(network, structure)
    unscored = set(names.values()) - {names[module] for module in scores}
    if unscored:
        raise UnsupportedArchitecture(
            f"torch-pruning has no such scores of the channels of {min(unscored)!r}, as there are "
            "none by BatchNorm's scales where no BatchNorm is."
        )
    return scores


def _cut(
    network: nn.Module,
    example: Tensor,
    structure: Structure,
    scores: dict[nn.Module, Tensor],
    widths: Mapping[str, int],
) -> None:
    """Takes channels out by their scores, in place, and sees that nothing else has gone."""
    # With what is remembered, the structure is the same where a group has one channel left.
    remember_analysed_shapes(network, structure)
    names = _group_names(network, structure)
    # torch-pruning keeps int(width * (1 - ratio)) channels.
    ratios = {
        module: 1 - (widths[names[module]] + 0.5) / structure.groups[names[module]].width
        for module in scores
    }
    pruner = _pruner(
        network, example, structure, lambda group: scores[group[0].dep.target.module], ratios
    )
    with _said_in_words():
        pruner.step()
    found = analyse(network, example)
    if found.opened.widths != structure.widths_with(widths) or (
        found.shapes != structure.shapes_with(widths)
    ):
        raise UnsupportedArchitecture(
            "torch-pruning left other widths than were asked for: its groups of coupled channels "
            f"are not those of this architecture ({_first_difference(found, widths)})."
        )
    check_runs(network, example)


def _pruner(
    network: nn.Module,
    example: Tensor,
    structure: Structure,
    importance: Importance,
    ratios: dict[nn.Module, float],
    kind: str = "BasePruner",
    **settings: Any,
) -> Any:
    """A pruner of torch-pruning that may touch the growable groups alone."""
    import torch_pruning  # with timm and torchvision; other methods do not wait for it

    names = _group_names(network, structure)
    with warnings.catch_warnings(), _said_in_words():
        warnings.simplefilter("ignore")  # of parameters that no layer owns: they are left alone
        return getattr(torch_pruning.pruner, kind)(
            network,
            example,
            importance,
            pruning_ratio=0.0,
            pruning_ratio_dict=ratios,
            ignored_layers=[
                module
                for module in network.modules()
                if isinstance(module, nn.Conv2d | nn.Linear) and module not in names
            ],
            **settings,
        )


def _group_names(network: nn.Module, structure: Structure) -> dict[nn.Module, str]:
    """The growable group that each layer's outputs belong to."""
    modules, growable = dict(network.named_modules()), structure.growable
    return {
        modules[axis.tensor.removesuffix(".weight")]: axis.segments[0].group
        for axis in structure.axes
        if axis.role == "rows"
        and axis.tensor.endswith(".weight")
        and all(segment.group in growable for segment in axis.segments)
    }


def channel_importance(criterion: Criterion, generator: torch.Generator) -> Importance:
    """torch-pruning's scores of a criterion; their sources are in its documentation.

    l1: Li et al. 2017. bn-scale: Liu et al. 2017, network slimming. fpgm: He et al. 2019. taylor:
    Molchanov et al. 2019. group-norm: Fang et al. 2023, DepGraph.
    """

    import torch_pruning

    def random(group: Any) -> Tensor:
        return torch.rand(len(group[0].idxs), generator=generator)

    scorers = torch_pruning.importance
    made: dict[Criterion, Callable[[], Importance]] = {
        "l1": lambda: scorers.GroupMagnitudeImportance(p=1),
        "bn-scale": scorers.BNScaleImportance,
        "fpgm": scorers.FPGMImportance,
        "taylor": scorers.GroupTaylorImportance,
        "group-norm": lambda: scorers.GroupMagnitudeImportance(p=2),
        "random": lambda: random,
    }
    return made[criterion]()


def _sparsity(
    criterion: Criterion, network: nn.Module, example: Tensor, structure: Structure
) -> Regularize | None:
    """What pushes channels to zero before they are removed, for the criteria that need it."""
    if criterion not in SPARSITY:
        return None
    kind, strength = SPARSITY[criterion]
    importance = channel_importance(criterion, torch.Generator())
    pruner = _pruner(network, example, structure, importance, {}, kind, reg=strength)

    def regularize(network: nn.Module) -> None:
        with _said_in_words():
            pruner.regularize(network)

    return regularize


def _prices(way: Way, whole: float, price: float, epochs: int) -> list[float]:
    """The costs after each round, in equal ratios from that of the whole down to the wanted one."""
    rounds = min(ROUNDS, max(1, epochs // 2)) if way.iterative else 1
    between = [whole * (price / whole) ** (number / rounds) for number in range(1, rounds)]
    return [*between, price]


def _first_difference(found: Structure, widths: Mapping[str, int]) -> str:
    name = next(
        (
            name
            for name, width in widths.items()
            if name not in found.groups or found.groups[name].width != width
        ),
        None,
    )
    if name is None:
        return "a grouped convolution"
    left = found.groups[name].width if name in found.groups else "none"
    return f"{name}: {left}, not {widths[name]}"


@contextmanager
def _said_in_words() -> Iterator[None]:
    """What torch-pruning raises for layers that it does not know becomes one line."""
    try:
        yield
    except Exception as error:
        raise UnsupportedArchitecture(
            f"torch-pruning cannot follow this architecture: {type(error).__name__}: {error}"
        ) from error


def _made(way: Way, order: Order) -> nn.Module:
    example, pricing = order.prepared.example, order.prepared.pricing
    return prune_by(way, order.teacher(), example, order.target.cost, order.trainer, pricing)


def _method(way: Way, learnt_by: str) -> Method:
    """The method CRITERION[-global][-iterative][-kd]."""
    variants = {"-global": way.ranked_globally, "-iterative": way.iterative}
    name = way.criterion + "".join(word for word, is_so in variants.items() if is_so) + learnt_by
    return Method(name, partial(_made, way), learnt_by == "-kd", True, name in BY_DEFAULT)


METHODS = tuple(
    _method(Way(criterion, ranked_globally, iterative), learnt_by)
    for criterion in CRITERIA
    for ranked_globally in (False, True)
    for iterative in (False, True)
    for learnt_by in ("", "-kd")
)
