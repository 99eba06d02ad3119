"""What is left of a teacher is its best channels, at the wanted size, within the budget."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import Tensor, nn

from plantnas.baselines.budget import Regularize, Trainer, by_labels
from plantnas.baselines.methods.channel_pruning import (
    CRITERIA,
    LEAST_KEPT,
    Criterion,
    Importance,
    Way,
    channel_importance,
    prune_by,
    remove_channels,
)
from plantnas.baselines.sizes import TOLERANCE, SizeNotReachable
from plantnas.channels.groups import analyse
from plantnas.channels.planting import crop
from plantnas.errors import PlantnasError
from plantnas.networks.loader import build_network
from plantnas.training.fitting import Stop
from plantnas.training.images import UNLABELLED
from plantnas.training.loss import Targets

if TYPE_CHECKING:
    from tests.baselines.conftest import Opened

PARAMETERS = 8000


def parameters_of(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def widths_of(network: nn.Module, example: Tensor) -> dict[str, int]:
    growable = analyse(network, example).growable
    return {name: group.width for name, group in growable.items()}


def first_channels(group: Any) -> Tensor:
    """The more to the front, the more important."""
    return torch.arange(len(group[0].idxs), 0, -1).float()


def importance_of(criterion: Criterion) -> Importance:
    return channel_importance(criterion, torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def plain() -> nn.Module:
    """Untrained, with gradients and no two equal BatchNorm entries; not to be changed."""
    network = build_network("plain-small", 10, 1)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5, torch.Generator().manual_seed(0))
    images = torch.randn(8, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    network(images).square().sum().backward()
    return network


EXAMPLE = torch.zeros(2, 1, 8, 8)


def of_two_layers() -> nn.Sequential:
    """Four channels; by the first layer alone the best are 0 and 3, by both 0 and 1."""
    network = nn.Sequential(
        nn.Conv2d(1, 4, 1, bias=False), nn.Conv2d(4, 2, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten()
    )
    rows = torch.tensor([4.0, -1.0, 0.5, 2.0])
    columns = torch.tensor([[0.1, 3.0, -0.2, 1.0], [0.0, -3.0, 0.0, 0.5]])
    network[0].weight.data = rows.reshape(4, 1, 1, 1)
    network[1].weight.data = columns.reshape(2, 4, 1, 1)
    return network


def test_l1_keeps_the_channels_of_the_largest_weights_in_all_layers() -> None:
    network = of_two_layers()  # sums: 4.1, 7, 0.7, 3.5
    remove_channels(network, torch.zeros(2, 1, 4, 4), 2 * 3 + 2, importance_of("l1"))
    assert network[0].weight.flatten().tolist() == [4.0, -1.0]
    kept = torch.tensor([[0.1, 3.0], [0.0, -3.0]])
    assert torch.equal(network[1].weight.flatten(1), kept)


def test_bn_scale_keeps_the_channels_of_the_largest_scales(plain: nn.Module) -> None:
    network = copy.deepcopy(plain)
    scales = network.features[1].weight.detach().abs()
    remove_channels(network, EXAMPLE, PARAMETERS, importance_of("bn-scale"))
    kept = network.features[1].weight.detach()
    assert 1 < len(kept) < len(scales)
    assert kept.sort().values.tolist() == scales.topk(len(kept)).values.sort().values.tolist()


@pytest.mark.parametrize("globally", [False, True], ids=["local", "global"])
@pytest.mark.parametrize("criterion", CRITERIA)
def test_every_criterion_leaves_the_wanted_size(
    plain: nn.Module, criterion: Criterion, globally: bool
) -> None:
    network = copy.deepcopy(plain)
    for copied, original in zip(network.parameters(), plain.parameters(), strict=True):
        copied.grad = original.grad
    floors = dict.fromkeys(widths_of(plain, EXAMPLE), 2) if globally else None
    remove_channels(network, EXAMPLE, PARAMETERS, importance_of(criterion), floors)
    assert abs(parameters_of(network) - PARAMETERS) <= TOLERANCE * PARAMETERS
    assert network(EXAMPLE).shape == (2, 10)


def test_without_a_ranking_of_all_channels_every_group_keeps_the_same_share(
    plain: nn.Module,
) -> None:
    network = copy.deepcopy(plain)
    remove_channels(network, EXAMPLE, PARAMETERS, importance_of("l1"))
    before, after = widths_of(plain, EXAMPLE), widths_of(network, EXAMPLE)
    shares = [after[name] / before[name] for name in before]
    assert max(shares) - min(shares) < 1 / 16


def first_layer_best(group: Any) -> Tensor:
    width = len(group[0].idxs)  # 16 in the first layer alone
    return torch.rand(width, generator=torch.Generator().manual_seed(0)) + 9.0 * (width == 16)


def test_ranked_together_a_group_of_high_scores_keeps_all_its_channels(plain: nn.Module) -> None:
    network = copy.deepcopy(plain)
    floors = dict.fromkeys(widths_of(plain, EXAMPLE), 3)
    remove_channels(network, EXAMPLE, PARAMETERS, first_layer_best, floors)
    assert widths_of(network, EXAMPLE)["features.0"] == 16


def first_layer_worst(group: Any) -> Tensor:
    return -first_layer_best(group)


def test_ranked_together_a_group_of_low_scores_keeps_its_floor(plain: nn.Module) -> None:
    network = copy.deepcopy(plain)
    floors = dict.fromkeys(widths_of(plain, EXAMPLE), 3)
    remove_channels(network, EXAMPLE, PARAMETERS, first_layer_worst, floors)
    assert widths_of(network, EXAMPLE)["features.0"] == 3


def test_random_scores_are_drawn_from_the_generator(plain: nn.Module) -> None:
    left = []
    for seed in (1, 1, 2):
        network = copy.deepcopy(plain)
        importance = channel_importance("random", torch.Generator().manual_seed(seed))
        remove_channels(network, EXAMPLE, PARAMETERS, importance)
        left.append(network.features[0].weight)
    assert torch.equal(left[0], left[1])
    assert not torch.equal(left[0], left[2])


def test_on_the_way_any_size_will_do(plain: nn.Module) -> None:
    floors = dict.fromkeys(widths_of(plain, EXAMPLE), 12)
    with pytest.raises(SizeNotReachable):
        remove_channels(copy.deepcopy(plain), EXAMPLE, 400, first_channels, floors)
    network = copy.deepcopy(plain)
    remove_channels(network, EXAMPLE, 400, first_channels, floors, tolerance=float("inf"))
    assert set(widths_of(network, EXAMPLE).values()) == {12}


def convolution(columns: int, rows: int, size: int = 3, groups: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(columns, rows, size, padding=size // 2, groups=groups, bias=False),
        nn.BatchNorm2d(rows),
        nn.ReLU(),
    )


class Branches(nn.Module):
    """Depthwise layers (of `multiplier` outputs a channel), a residual and a concatenation."""

    def __init__(self, multiplier: int = 1) -> None:
        super().__init__()
        self.stem, self.depthwise = convolution(3, 16), convolution(16, 16 * multiplier, groups=16)
        self.pointwise, self.inner = convolution(16 * multiplier, 24, 1), convolution(24, 20)
        self.outer, self.other = convolution(20, 24), convolution(16, 12)
        self.head = nn.Linear(36, 10)

    def forward(self, images: Tensor) -> Tensor:
        stem = self.stem(images)
        wide = self.pointwise(self.depthwise(stem))
        residual = torch.relu(wide + self.outer(self.inner(wide)))
        return self.head(torch.cat([residual, self.other(stem)], 1).mean((2, 3)))


def resnet20() -> nn.Module:
    return build_network("resnet20", 10, 3, {"width": 16})


def of_groups() -> nn.Module:
    """With a grouped convolution of four channels a group, as in ResNeXt."""
    return nn.Sequential(
        *(convolution(3, 12), convolution(12, 16, 1), convolution(16, 16, groups=4)),
        *(convolution(16, 24, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(24, 10)),
    )


def with_flatten() -> nn.Module:
    """Two linear layers, the first of which has no BatchNorm, as in VGG."""
    return nn.Sequential(
        *(convolution(3, 24), nn.MaxPool2d(4), convolution(24, 32), nn.Flatten()),
        *(nn.Linear(32 * 16, 24), nn.ReLU(), nn.Linear(24, 10)),
    )


IMAGES = torch.randn(4, 3, 16, 16, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("globally", [False, True], ids=["local", "global"])
@pytest.mark.parametrize("builder", [resnet20, Branches, with_flatten])
def test_to_keep_the_first_channels_is_a_crop(builder: Any, globally: bool) -> None:
    """So the weights that are kept load into the architecture at those widths."""
    wide = builder()
    wide(IMAGES)  # so that BatchNorm's statistics are not all alike
    network, wanted = copy.deepcopy(wide), parameters_of(wide) // 2
    floors = dict.fromkeys(widths_of(wide, IMAGES), 4) if globally else None
    remove_channels(network, IMAGES, wanted, first_channels, floors)
    cropped = crop(wide, IMAGES, widths_of(network, IMAGES))
    assert abs(parameters_of(cropped) - wanted) <= TOLERANCE * wanted
    state = cropped.state_dict()
    assert all(torch.equal(value, state[name]) for name, value in network.state_dict().items())
    cropped.load_state_dict(network.state_dict())
    assert torch.equal(cropped.eval()(IMAGES), network.eval()(IMAGES))


@pytest.mark.parametrize("criterion", CRITERIA)
@pytest.mark.parametrize(
    "builder",
    [with_flatten, of_groups, lambda: Branches(multiplier=2)],
    ids=["with_flatten", "of_groups", "depthwise_multiplier"],
)
def test_what_a_criterion_cannot_do_is_said_in_words(builder: Any, criterion: Criterion) -> None:
    """Either it has the size and loads at its widths, or plantnas says why: the others go on."""
    wide = builder()
    wide(IMAGES).square().sum().backward()
    network, wanted = copy.deepcopy(wide), parameters_of(wide) // 2
    for copied, original in zip(network.parameters(), wide.parameters(), strict=True):
        copied.grad = original.grad
    try:
        remove_channels(network, IMAGES, wanted, importance_of(criterion))
    except PlantnasError:
        return
    crop(wide, IMAGES, widths_of(network, IMAGES)).load_state_dict(network.state_dict())
    assert abs(parameters_of(network) - wanted) <= TOLERANCE * wanted


def way_of(name: str) -> Way:
    """CRITERION[-global][-iterative]."""
    (criterion,) = (each for each in CRITERIA if name.startswith(each))
    return Way(criterion, "-global" in name, "-iterative" in name)


def pruned(opened: Opened, name: str, trainer: Trainer) -> nn.Module:
    return prune_by(way_of(name), opened.teacher, opened.prepared.example, PARAMETERS, trainer)


@pytest.mark.parametrize("epochs", [1, 2, 3])
@pytest.mark.parametrize(
    "name", ["l1", "taylor-iterative", "bn-scale-iterative", "group-norm-global-iterative"]
)
def test_a_tiny_budget_is_spent_and_not_exceeded(opened: Opened, name: str, epochs: int) -> None:
    trainer = opened.trainer(epochs)
    network = pruned(opened, name, trainer)
    assert (len(trainer.epochs), trainer.budget.left) == (epochs, 0)
    assert abs(parameters_of(network) - PARAMETERS) <= TOLERANCE * PARAMETERS


TRAININGS = {
    ("l1", 12): [12],
    ("bn-scale", 12): [4, 8],
    ("l1-iterative", 12): [1, 1, 1, 9],
    ("l1-iterative", 40): [5, 4, 3, 28],
    ("group-norm-iterative", 18): [6, 1, 1, 1, 9],
}
"""Epochs of each training, by method and budget."""


@pytest.mark.parametrize(("name", "epochs"), TRAININGS)
def test_sparsity_and_the_rounds_between_are_of_the_same_budget(
    opened: Opened, name: str, epochs: int
) -> None:
    trainer = few_images(opened, epochs)
    pruned(opened, name, trainer)
    ends = [epoch.epoch for epoch in trainer.epochs if epoch.learning_rate < 1e-9]  # cooled down
    lengths = [end - start for start, end in zip([0, *ends], ends, strict=False)]
    assert lengths == TRAININGS[name, epochs]


def few_images(opened: Opened, epochs: int) -> Trainer:
    """Learns the labels of a hundred images, the only ones that it knows: an epoch is two steps."""
    trainer = opened.trainer(epochs)
    data = by_labels(trainer.training_data)
    labels = data.targets.labels.clone()
    labels[100:] = UNLABELLED
    trainer.training_data = replace(data, targets=Targets(labels))
    return trainer


def test_the_teacher_is_left_untouched(opened: Opened) -> None:
    teacher = opened.teacher
    before = copy.deepcopy(teacher.state_dict())
    way = way_of("bn-scale-global-iterative")
    prune_by(way, teacher, opened.prepared.example, PARAMETERS, opened.trainer(4))
    assert teacher.state_dict().keys() == before.keys()
    assert all(torch.equal(value, before[name]) for name, value in teacher.state_dict().items())


def test_a_size_that_is_not_reached_is_refused_before_anything_is_trained(opened: Opened) -> None:
    trainer = opened.trainer(3)
    with pytest.raises(SizeNotReachable):
        prune_by(way_of("bn-scale"), opened.teacher, opened.prepared.example, 10, trainer)
    assert trainer.epochs == []


def test_ranked_together_no_layer_loses_more_than_nine_tenths(opened: Opened) -> None:
    trainer = opened.trainer(1)
    before = opened.prepared.teacher.widths
    network = pruned(opened, "bn-scale-global", trainer)
    after = widths_of(network, opened.prepared.example)
    assert all(after[name] >= round(LEAST_KEPT * before[name]) for name in before)


@dataclass
class Watched(Trainer):
    """Trains towards sparse channels, or else without that, and looks at the weights thereafter."""

    sparse: bool = True
    weights: dict[type[nn.Module], float] = field(default_factory=dict)

    def train(
        self,
        network: nn.Module,
        epochs: int,
        phase: str = "training",
        regularize: Regularize | None = None,
        stop: Stop = lambda epoch: False,
    ) -> None:
        super().train(network, epochs, phase, regularize if self.sparse else None, stop)
        if phase == "sparsity":
            for module in network.modules():
                if isinstance(module, nn.BatchNorm2d | nn.Conv2d):
                    added = module.weight.detach().abs().sum().item()
                    self.weights[type(module)] = self.weights.get(type(module), 0.0) + added


@pytest.mark.parametrize(
    ("criterion", "kind"), [("bn-scale", nn.BatchNorm2d), ("group-norm", nn.Conv2d)]
)
def test_training_towards_sparse_channels_shrinks_what_is_ranked(
    opened: Opened, criterion: str, kind: type[nn.Module]
) -> None:
    sums = []
    for sparse in (True, False):
        given = opened.trainer(9)
        trainer = Watched(
            given.training_data, given.recipe, given.budget, given.generator, sparse=sparse
        )
        pruned(opened, criterion, trainer)
        sums.append(trainer.weights[kind])
    assert sums[0] < sums[1]
