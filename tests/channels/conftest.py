"""The architectures on which the properties of the channels room are tested.

Small modules show one mechanism each; torchvision ones are the real thing, some at narrow widths.
All are in float64, with BatchNorm statistics of their own activations and random affines.
"""

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import NamedTuple

import pytest
import torch
import torchvision
from torch import Tensor, nn

from plantnas.channels.groups import analyse, channel_groups
from plantnas.channels.planting import narrow, plant
from plantnas.channels.structure import Structure

Builder = Callable[[], nn.Module]


def _convolution(columns: int, rows: int, size: int = 3, groups: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(columns, rows, size, padding=size // 2, groups=groups, bias=False),
        nn.BatchNorm2d(rows),
        nn.ReLU(inplace=True),
    )


class Plain(nn.Sequential):
    """Ends in a flatten, so that each channel is a block of the linear layer's columns."""

    def __init__(self) -> None:
        super().__init__(
            _convolution(3, 6),
            nn.MaxPool2d(4),
            _convolution(6, 8),
            nn.Flatten(),
            nn.Linear(8 * 16, 5),
            nn.PReLU(5),
            nn.Linear(5, 4),
        )


class Around(nn.Module):
    """A stem, the mechanism under test in `forward_block`, global pooling and a linear layer."""

    def __init__(self, stem: int, width: int) -> None:
        super().__init__()
        self.stem = _convolution(3, stem)
        self.head = nn.Linear(width, 4)

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.forward_block(self.stem(images)).mean((2, 3)))


class Residual(Around):
    def __init__(self) -> None:
        super().__init__(6, 6)
        self.inner, self.outer = _convolution(6, 5), _convolution(5, 6)
        self.scale = nn.Parameter(torch.rand(6, 1, 1))

    def forward_block(self, x: Tensor) -> Tensor:
        return torch.relu(x + self.scale * self.outer(self.inner(x)))


class Depthwise(Around):
    """Each channel has two depthwise outputs."""

    def __init__(self) -> None:
        super().__init__(4, 6)
        self.depthwise, self.pointwise = _convolution(4, 8, groups=4), _convolution(8, 6, 1)

    def forward_block(self, x: Tensor) -> Tensor:
        return self.pointwise(self.depthwise(x))


class Grouped(Around):
    """Groups of three channels grow as a whole."""

    def __init__(self) -> None:
        super().__init__(6, 4)
        self.grouped, self.mix = _convolution(6, 6, groups=2), _convolution(6, 4)

    def forward_block(self, x: Tensor) -> Tensor:
        return self.mix(self.grouped(x))


class Concatenation(Around):
    """A group's end is in the middle of a dimension; `sum` meets two groups at once."""

    def __init__(self) -> None:
        super().__init__(4, 7)
        self.left, self.right = _convolution(4, 3), _convolution(4, 4)
        self.both, self.sum = _convolution(7, 5), _convolution(5, 7)

    def forward_block(self, x: Tensor) -> Tensor:
        joined = torch.cat([self.left(x), self.right(x)], dim=1)
        return joined + self.sum(self.both(joined))


class SqueezeExcitation(Around):
    def __init__(self) -> None:
        super().__init__(6, 6)
        self.squeeze, self.excite = nn.Conv2d(6, 3, 1), nn.Conv2d(3, 6, 1)

    def forward_block(self, x: Tensor) -> Tensor:
        pooled = nn.functional.adaptive_avg_pool2d(x, 1)
        return x * torch.sigmoid(self.excite(nn.functional.silu(self.squeeze(pooled))))


class Gated(Around):
    """Two halves of one layer stay equally wide; a transposed convolution follows."""

    def __init__(self) -> None:
        super().__init__(4, 3)
        self.twin, self.up = _convolution(4, 6), nn.ConvTranspose2d(3, 3, 2, 2)

    def forward_block(self, x: Tensor) -> Tensor:
        value, gate = self.twin(x).chunk(2, 1)
        return self.up(value * gate.sigmoid())


class SharedLayer(Around):
    """One layer runs twice, so its inputs and outputs are one group."""

    def __init__(self) -> None:
        super().__init__(5, 5)
        self.shared = nn.Conv2d(5, 5, 3, padding=1)

    def forward_block(self, x: Tensor) -> Tensor:
        return self.shared(self.shared(x).relu())


class Between(nn.Module):
    """A convolution, any code on its output, another convolution, global pooling."""

    def __init__(self, code, **modules):
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 6, 1)
        self.code = code
        for name, module in modules.items():
            setattr(self, name, module)
        self.head = nn.Conv2d(6, 2, 1)

    def forward(self, images: Tensor) -> Tensor:
        x = self.code(self, self.first(images))
        return self.head(self.second(x)).mean((2, 3))


def _narrow(builder: Builder, fraction: float) -> Builder:
    def build() -> nn.Module:
        generator = torch.Generator().manual_seed(0)
        return narrow(builder(), torch.zeros(1, 3, 64, 64), fraction, generator, minimum=4)

    return build


SMALL: dict[str, Builder] = {
    each.__name__: each
    for each in (
        Plain,
        Residual,
        Depthwise,
        Grouped,
        Concatenation,
        SqueezeExcitation,
        Gated,
        SharedLayer,
    )
}
LARGE: dict[str, Builder] = {
    "resnet18": _narrow(lambda: torchvision.models.resnet18(num_classes=10), 1 / 4),
    "mobilenet_v2": lambda: torchvision.models.mobilenet_v2(num_classes=10, width_mult=0.35),
    "vgg11_bn": _narrow(
        lambda: torchvision.models.vgg11_bn(num_classes=10, init_weights=False), 1 / 32
    ),
    "densenet": lambda: torchvision.models.DenseNet(4, (2, 2), num_init_features=8, num_classes=10),
    "squeezenet1_1": lambda: torchvision.models.squeezenet1_1(num_classes=10),
    "googlenet": _narrow(
        lambda: torchvision.models.googlenet(num_classes=10, init_weights=False), 1 / 16
    ),
    "mobilenet_v3_small": lambda: torchvision.models.mobilenet_v3_small(num_classes=10),
}


class Network(NamedTuple):
    """A model in evaluation mode, images for it, and its structure. Don't change it."""

    model: nn.Module
    images: Tensor
    structure: Structure


@lru_cache(maxsize=2)
def output_of(model: nn.Module, images: Tensor) -> Tensor:
    """What a model that nobody changes computes: many are compared with the same one."""
    with torch.no_grad():
        return model.eval()(images)


def difference(model: nn.Module, other: nn.Module, images: Tensor) -> float:
    """The largest difference of outputs, in standard deviations of the output over images."""
    output = output_of(model, images)
    with torch.no_grad():
        return ((other.eval()(images) - output).abs().max() / output.std(0).max()).item()


def some_without_others(structure: Structure) -> Iterator[dict[str, int]]:
    """Plantings of which, for any two groups, one plants the first group and not the second.

    Twice as many as the number of groups has binary digits, where each group alone would be as
    many as there are groups: the half that has a digit, and the half that has it not.

    A fault in a single group is found as if it was planted alone. It is planted in half of these,
    and what is planted beside it preserves the function of any network, so also of one with that
    fault: tests/channels/test_planting.py, `test_a_fault_in_one_group_shows_beside_all_others`.
    """
    groups = list(structure.growable.values())
    for digit in range((len(groups) - 1).bit_length()):
        for wanted in (0, 1):
            yield {
                group.name: 2 * group.granularity
                for number, group in enumerate(groups)
                if number >> digit & 1 == wanted
            }


def _make(builder: Builder, size: int) -> Network:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        model = builder().double()
        count = 6 if size < 100 else 2  # large ones, which Inception needs, take long
        images = torch.randn(count, 3, size, size, dtype=torch.float64)
        _settle_batch_norms(model, images)
    return Network(model.eval(), images, analyse(model, images))


def _settle_batch_norms(model: nn.Module, images: Tensor) -> None:
    """Statistics of the activations, so that signals neither vanish nor explode."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.bias, -0.5, 0.5)
            module.momentum = 1.0
    with torch.no_grad():
        model.train()(images)


@pytest.fixture(scope="session", params=SMALL)
def small_network(request: pytest.FixtureRequest) -> Network:
    return _make(SMALL[request.param], 16)


@pytest.fixture(
    scope="session",
    params=[*SMALL, *(pytest.param(name, marks=pytest.mark.slow) for name in LARGE)],
)
def network(request: pytest.FixtureRequest) -> Network:
    if request.param in SMALL:
        return _make(SMALL[request.param], 16)
    return _make(LARGE[request.param], 64)


@pytest.fixture(scope="session")
def make_network() -> Callable[[Builder, int], Network]:
    return _make


@pytest.fixture(scope="session")
def grouped() -> Network:
    return _make(Grouped, 16)


@pytest.fixture
def between() -> type[Between]:
    return Between


def assert_first_grows(between: Callable[..., nn.Module], code: object) -> None:
    """The layer before some code can be planted, which leaves what the network computes."""
    torch.manual_seed(0)
    model = between(code).double().eval()
    images = torch.randn(2, 3, 16, 16, dtype=torch.float64)
    assert channel_groups(model, images)["first"].frozen is None
    child = plant(model, images, {"first": 2})
    torch.testing.assert_close(child(images), model(images), rtol=1e-9, atol=1e-9)
