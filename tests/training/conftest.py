"""Handwritten digits to train on, and the architectures on which training is tested."""

import functools
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn

from plantnas.channels.groups import analyse
from plantnas.channels.planting import narrow, plant, planted_entries, planted_widths
from plantnas.channels.structure import Structure, classifier_tensors
from plantnas.config import Data, Planting, Recipe
from plantnas.networks.loader import build_network
from plantnas.training.data import Dataset, load_dataset
from plantnas.training.features import FeatureCache
from plantnas.training.fitting import TrainingData, fit
from plantnas.training.images import Images
from plantnas.training.logits import teacher_logits
from plantnas.training.loss import Targets, cross_entropy
from plantnas.training.losses.kd import DistillationLoss
from plantnas.training.optimizers import whole_network_optimizer
from plantnas.training.planted import Child, PlantedTraining, train_planted
from plantnas.training.views import augmented_inputs, image_inputs

DIGITS = Data(name="digits", train=96, validation=100, flip=False, shift=1)

SETTINGS = Planting(batch_size=16, learning_rate=0.02, warmup=0.1, precision="float32")

ARCHITECTURES = {
    # channels and size of the images, fraction of the architecture's widths
    "plain-small": (1, 8, 0.25),
    "vgg-cifar": (3, 16, 0.02),
    "resnet20": (3, 8, 0.1),
    "torchvision/resnet18": (3, 16, 0.05),
    "torchvision/mobilenet_v2": (3, 16, 0.1),
}


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def enlarged(images: Images, channels: int, size: int) -> Images:
    times = size // 8
    pixels = images.pixels.repeat_interleave(times, -1).repeat_interleave(times, -2)
    return Images(pixels.expand(-1, channels, -1, -1).contiguous(), images.labels)


def digits_of(channels: int, size: int) -> Dataset:
    dataset = load_dataset(DIGITS, random_seed=0)
    return replace(
        dataset,
        train=enlarged(dataset.train, channels, size),
        validation=enlarged(dataset.validation, channels, size),
        mean=dataset.mean.expand(channels),
        std=dataset.std.expand(channels),
    )


def by_label(dataset: Dataset) -> TrainingData:
    return TrainingData(
        inputs=augmented_inputs(dataset, DIGITS, random_seed=0),
        targets=Targets(dataset.train.labels),
        validation_inputs=image_inputs(dataset.validation, dataset),
        validation_targets=Targets(dataset.validation.labels),
        loss=cross_entropy,
    )


@pytest.fixture(scope="session")
def teacher() -> nn.Module:
    """A plain-small trained on the digits, whose logits serve images of every size."""
    network = build_network("plain-small", num_classes=10, in_channels=1)
    recipe = Recipe(learning_rate=0.005, epochs=40)
    data = by_label(digits_of(1, 8))
    optimizer = whole_network_optimizer(network, recipe)
    fit(network, optimizer, data, recipe, torch.Generator().manual_seed(0))
    return network.eval()


@pytest.fixture(scope="session")
def digits(teacher: nn.Module) -> Callable[[int, int], TrainingData]:
    """The digits with the teacher's logits, by channels and size of the images."""
    small = by_label(digits_of(1, 8))
    logits = teacher_logits(teacher, small.inputs)
    validation_logits = teacher_logits(teacher, small.validation_inputs)

    def data(channels: int = 1, size: int = 8) -> TrainingData:
        same_digits = by_label(digits_of(channels, size))
        return replace(
            same_digits,
            targets=Targets(same_digits.targets.labels, logits),
            validation_targets=Targets(same_digits.validation_targets.labels, validation_logits),
            loss=DistillationLoss(temperature=4.0, label_weight=0.1),
        )

    return data


class Narrowed(NamedTuple):
    """A narrow network in eval mode; nobody may change it."""

    network: nn.Module
    example: Tensor
    structure: Structure


@pytest.fixture(scope="session")
def narrow_network() -> Callable[[str], Narrowed]:
    """Narrow networks by the architecture's name."""

    @functools.cache
    def build(architecture: str) -> Narrowed:
        channels, size, fraction = ARCHITECTURES[architecture]
        example = torch.randn(2, channels, size, size, generator=torch.Generator().manual_seed(0))
        network = build_network(architecture, num_classes=10, in_channels=channels)
        generator = torch.Generator().manual_seed(0)
        network = narrow(network, example, fraction, generator, minimum=4).eval()
        return Narrowed(network, example, analyse(network, example))

    return build


@pytest.fixture(
    params=[
        pytest.param(name, marks=pytest.mark.slow) if "/" in name else name
        for name in ARCHITECTURES
    ],
    scope="session",
)
def architecture(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="session")
def image_shape() -> Callable[[str], tuple[int, int]]:
    """Channels and size of an architecture's images."""
    return lambda architecture: ARCHITECTURES[architecture][:2]


@dataclass(frozen=True)
class Step:
    """A parent, its planting and its trained child."""

    parent: nn.Module
    structure: Structure
    child: nn.Module
    untrained: nn.Module
    planted: dict[str, Tensor]
    training: PlantedTraining

    @property
    def changed(self) -> set[str]:
        """The tensors of which an earlier entry is not what it was before the training."""
        before, after = self.untrained.state_dict(), self.child.state_dict()
        nothing = torch.zeros((), dtype=torch.bool)
        earlier = {
            name: ~self.planted.get(name, nothing).expand(tensor.shape)
            for name, tensor in before.items()
        }
        return {
            name
            for name, mask in earlier.items()
            if not torch.equal(before[name][mask], after[name][mask])
        }

    @property
    def statistics(self) -> set[str]:
        """Names of the BatchNorms' buffers."""
        return {name for name, _ in self.child.named_buffers()}

    @property
    def classifier(self) -> frozenset[str]:
        """Names of the classifier's parameters."""
        return classifier_tensors(self.structure)


ALL_LAYERS: dict[str, Any] = {"smallest_width": 1, "largest_share": 1.0}
"""Arguments of `sliced_gradients` under which narrow layers are sliced too."""


def child_of(
    parent: nn.Module,
    example: Tensor,
    planting: dict[str, int],
    generator: torch.Generator | None = None,
    structure: Structure | None = None,
) -> Child:
    """The parent with a planting, all of it to be trained as a study does."""
    structure = structure or analyse(parent, example)
    return Child(
        plant(parent, example, planting, generator, structure=structure),
        planted_entries(structure, parent, planting),
        classifier_tensors(structure),
        "parent",
        structure.with_widths(planted_widths(structure, planting)),
    )


def planted_step(
    parent: nn.Module,
    data: TrainingData,
    settings: Planting = SETTINGS,
    epochs: int = 1,
    groups: slice = slice(None),
    cache_bytes: float = 1e9,
) -> Step:
    """Plants one granule in each of some groups, all by default, and trains the child."""
    (example,) = next(data.validation_inputs.in_order(0, 2))
    structure = analyse(parent, example)
    names = list(structure.growable)[groups]
    planting = {name: structure.groups[name].granularity for name in names}
    generator = torch.Generator().manual_seed(0)
    child = child_of(parent, example, planting, generator)
    untrained, recipe = deepcopy(child.network), settings.model_copy(update={"epochs": epochs})
    training = train_planted(child, data, recipe, FeatureCache(cache_bytes), generator)
    return Step(parent, structure, child.network.eval(), untrained, dict(child.planted), training)


@pytest.fixture(scope="session", name="planted_step")
def _planted_step() -> Callable[..., Step]:
    return planted_step


@pytest.fixture(scope="session")
def settings() -> Planting:
    return SETTINGS


@pytest.fixture(scope="session")
def seed_of(digits: Callable, narrow_network: Callable, image_shape: Callable) -> Callable:
    """By the architecture's name: a narrow network trained for an epoch, and the data."""

    @functools.cache
    def build(architecture: str) -> tuple[nn.Module, TrainingData]:
        data, network = digits(*image_shape(architecture)), narrow_network(architecture).network
        network = deepcopy(network)
        optimizer, generator = whole_network_optimizer(network, SETTINGS), torch.Generator()
        recipe = SETTINGS.model_copy(update={"epochs": 3})
        fit(network, optimizer, data, recipe, generator.manual_seed(0))
        return network.eval(), data

    return build


@pytest.fixture
def plain(seed_of: Callable) -> tuple[nn.Module, TrainingData]:
    return seed_of("plain-small")
