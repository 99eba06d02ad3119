"""The cut before the first planted layer."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from plantnas.channels.groups import analyse
from plantnas.channels.initialisations import fresh
from plantnas.channels.initialising import Initialisation
from plantnas.channels.planting import plant, planted_entries
from plantnas.channels.structure import Structure
from plantnas.networks.loader import build_network
from plantnas.training.prefix import BehindPrefix, Cut, cut_before

Narrowed = tuple[nn.Module, Tensor, Structure]
Narrow = Callable[[str], Narrowed]


def planted_at(narrowed: Narrowed, place: float) -> tuple[nn.Module, set[str]]:
    """A child with one planted group (0 is the first, 1 the last), and its planted tensors.

    Its new columns are not zero, so that every planted layer changes the output.
    """
    network, example, structure = narrowed
    names = list(structure.growable)
    name = names[round(place * (len(names) - 1))]
    planting = {name: structure.groups[name].granularity}
    generator = torch.Generator().manual_seed(0)
    given = Initialisation(fresh.fill, column_scale=1.0)
    child = plant(network, example, planting, generator, initialisation=given, structure=structure)
    return child, set(planted_entries(structure, network, planting))


def layers_of(module: nn.Module) -> set[str]:
    """Names of the layers that have parameters."""
    return {name.rpartition(".")[0] for name, _ in module.named_parameters()}


@pytest.fixture
def plain_cut() -> Cut:
    """A plain-small whose last group was planted."""
    network, example = build_network("plain-small", 10, in_channels=1), torch.zeros(2, 1, 8, 8)
    child, planted = planted_at((network.eval(), example, analyse(network, example)), place=1)
    return cut_before(child, planted, torch.randn(2, 1, 8, 8))


def prefix_of(cut: Cut) -> nn.Module:
    assert cut.prefix is not None
    return cut.prefix


@pytest.mark.parametrize("place", [0.3, 0.6, 1.0])
def test_the_suffix_of_the_prefix_is_the_network(
    narrow_network: Narrow, architecture: str, place: float
) -> None:
    child, planted = planted_at(narrow_network(architecture), place)
    example = narrow_network(architecture)[1]
    cut = cut_before(child, planted, example)
    images = torch.randn(7, *example.shape[1:], generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        assert torch.equal(cut.suffix(*prefix_of(cut)(images)), child(images))


@pytest.mark.parametrize("place", [0.3, 0.6, 1.0])
def test_no_planted_tensor_is_in_the_prefix(
    narrow_network: Narrow, architecture: str, place: float
) -> None:
    child, planted = planted_at(narrow_network(architecture), place)
    example = narrow_network(architecture)[1]
    cut = cut_before(child, planted, example)
    assert planted.isdisjoint(prefix_of(cut).state_dict())
    assert planted <= set(cut.suffix.state_dict())


def test_a_planting_in_the_last_group_leaves_the_last_layers_to_the_suffix(plain_cut: Cut) -> None:
    assert layers_of(plain_cut.suffix) == {"features.10", "features.11", "classifier"}
    assert "features.7" in layers_of(prefix_of(plain_cut))


def test_a_planting_in_the_first_group_has_no_prefix(narrow_network: Narrow) -> None:
    child, planted = planted_at(narrow_network("resnet20"), place=0)
    assert cut_before(child, planted, narrow_network("resnet20")[1]) == Cut(None, child, ())


def test_suffix_and_network_share_their_modules(plain_cut: Cut) -> None:
    network = build_network("plain-small", num_classes=10, in_channels=1).eval()
    cut = cut_before(network, {"classifier.weight"}, torch.randn(2, 1, 8, 8))
    shared = cut.suffix.get_parameter("classifier.weight")
    assert shared is network.get_parameter("classifier.weight")


def test_siblings_with_the_same_first_planted_layer_have_the_same_boundary(
    narrow_network: Narrow,
) -> None:
    network, example, structure = narrow_network("torchvision/resnet18")
    name = list(structure.growable)[-2]
    boundaries = set()
    for channels in (1, 3):
        child = plant(network, example, {name: channels}, structure=structure)
        planted = planted_entries(structure, network, {name: channels})
        boundaries.add(cut_before(child, set(planted), example).boundary)
    assert len(boundaries) == 1


def test_the_prefix_is_in_evaluation_mode_whatever_the_network_is_in(
    narrow_network: Narrow,
) -> None:
    child, planted = planted_at(narrow_network("resnet20"), place=0.5)
    cut = cut_before(child.train(), planted, narrow_network("resnet20")[1])
    assert not any(module.training for module in prefix_of(cut).modules())


def test_cutting_leaves_the_mode_of_the_network_as_it_was(narrow_network: Narrow) -> None:
    child, planted = planted_at(narrow_network("resnet20"), place=0.5)
    cut_before(child, planted, narrow_network("resnet20")[1])
    assert not any(module.training for module in child.modules())


class Convolutions(nn.Module):
    """Two convolutions and a classifier, with something in `forward` that is hard to cut."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(1, 4, 3), nn.Conv2d(4, 4, 3)
        self.classifier = nn.Linear(4 * 16, 10)


class DependsOnData(Convolutions):
    def forward(self, images: Tensor) -> Tensor:
        x = self.first(images).relu()
        x = self.second(-x if x.mean() > 1e9 else x)
        return self.classifier(x.flatten(1))


class LooksUpShapes(Convolutions):
    def forward(self, images: Tensor) -> Tensor:
        scale = {1: 1.0, 3: 2.0}[images.shape[1]]
        return self.classifier(self.second(self.first(images) * scale).flatten(1))


class CarriesTheBatchSize(Convolutions):
    def forward(self, images: Tensor) -> Tensor:
        count = images.size(0)
        return self.classifier(self.second(self.first(images)).view(count, -1))


class FunctionalDropout(Convolutions):
    def forward(self, images: Tensor) -> Tensor:
        x = nn.functional.dropout(self.first(images), 0.5, training=self.training)
        return self.classifier(self.second(x).flatten(1))


class ReversesTheBatch(Convolutions):
    def forward(self, images: Tensor) -> Tensor:
        x = self.first(images)
        y = self.second(x)
        x.zero_()  # after the second convolution, but not because of it
        return self.classifier((y + x[:, :, 1:-1, 1:-1]).flatten(1))


@pytest.mark.parametrize(
    "kind", [DependsOnData, LooksUpShapes, CarriesTheBatchSize, FunctionalDropout, ReversesTheBatch]
)
def test_a_network_that_cannot_be_cut_is_left_whole(kind: type[Convolutions]) -> None:
    network = kind().eval()
    cut = cut_before(network, {"second.weight"}, torch.randn(2, 1, 8, 8))
    assert cut == Cut(None, network, ())


class SkipsTheLayer(Convolutions):
    """Two values cross the boundary, one of them a parameter's own."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.rand(4, 1, 1))

    def forward(self, images: Tensor) -> Tensor:
        x = self.first(images)
        y = x.relu()
        z = self.second(y) + (self.scale * x)[:, :, 1:-1, 1:-1]
        return self.classifier((self.scale * z).flatten(1))


def test_several_values_may_cross_the_boundary() -> None:
    network = SkipsTheLayer().eval()
    cut = cut_before(network, {"second.weight"}, torch.randn(2, 1, 8, 8))
    images = torch.randn(5, 1, 8, 8)
    features = prefix_of(cut)(images)
    assert len(features) == len(cut.boundary) == 2
    assert torch.equal(cut.suffix(*features), network(images))


def test_behind_its_prefix_a_network_computes_the_same(plain_cut: Cut) -> None:
    images = torch.randn(5, 1, 8, 8)
    with torch.no_grad():
        whole = BehindPrefix(plain_cut).eval()(images)
        assert torch.equal(whole, plain_cut.suffix(*prefix_of(plain_cut)(images)))


def test_behind_its_prefix_only_the_suffix_is_in_training_mode(plain_cut: Cut) -> None:
    behind = BehindPrefix(plain_cut).train()
    before = {name: each.clone() for name, each in prefix_of(plain_cut).state_dict().items()}
    behind(torch.randn(5, 1, 8, 8))
    assert behind.suffix.training
    assert not prefix_of(plain_cut).training
    for name, tensor in prefix_of(plain_cut).state_dict().items():
        assert torch.equal(tensor, before[name])
