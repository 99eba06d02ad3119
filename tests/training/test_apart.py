"""The two parts of a child compute what it computes, and train exactly what was planted."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn

from plantnas.channels.groups import analyse
from plantnas.channels.wiring import triangular
from plantnas.config import Planting
from plantnas.training import planted
from plantnas.training.apart import Apart, apart
from plantnas.training.features import FeatureCache
from plantnas.training.planted import Child, train_planted
from tests.training.conftest import child_of

RECIPE = Planting()


class Grown(NamedTuple):
    """A child of triangular wiring, its parent and images."""

    parent: nn.Module
    child: Child
    images: Tensor

    @property
    def parts(self) -> Apart:
        found = apart(self.child.network, self.child.structure, RECIPE, self.images)
        assert found is not None
        return found


def grown(network: nn.Module, images: Tensor, every: int = 1) -> Grown:
    """Two granules more in every so many groups."""
    structure = triangular(analyse(network, images), network, [])
    names = list(structure.growable)[::-every]
    planting = {name: 2 * structure.groups[name].granularity for name in names}
    return Grown(network, child_of(network, images, planting, None, structure), images)


@pytest.fixture(params=[1, 2], ids=["all groups", "every other group"])
def child(narrow_network: Callable[..., Any], architecture: str, request: Any) -> Grown:
    network, images, _ = narrow_network(architecture)
    return grown(network, images, request.param)


@torch.no_grad()
def logits_of(parts: Apart, images: Tensor) -> Tensor:
    assert parts.cut.prefix is not None
    logits: Tensor = parts.cut.suffix.eval()(*parts.cut.prefix(images))
    return logits


@torch.no_grad()
def test_the_parts_compute_what_the_child_computes(child: Grown) -> None:
    with torch.no_grad():  # so that new columns of the classifier are not zero
        for name in child.child.classifier:
            child.child.network.get_parameter(name).add_(0.1)
    expected = child.child.network.eval()(child.images)
    torch.testing.assert_close(logits_of(child.parts, child.images), expected)


def test_what_is_trained_is_what_was_planted_and_the_classifier(child: Grown) -> None:
    masks, expected = dict(child.child.planted), 0
    for name, parameter in child.child.network.named_parameters():
        if name in child.child.classifier:
            expected += parameter.numel()
        elif name in masks:
            expected += int(masks[name].sum())
    assert sum(int((rate > 0).sum()) for rate in child.parts.rates.values()) == expected


def test_what_was_learnt_is_put_back_where_it_was_taken_from(child: Grown) -> None:
    parts = child.parts
    before: dict[str, Tensor] = deepcopy(child.child.network.state_dict())
    with torch.no_grad():
        for parameter in parts.cut.suffix.parameters():
            parameter.add_(1)
    parts.put_back()
    for name, parameter in child.child.network.named_parameters():
        change = torch.zeros(parameter.shape)
        change[child.child.planted.get(name, change > 0)] = 1
        if name in child.child.classifier:
            change = torch.ones(parameter.shape)
        moved = parameter.detach() - before[name]
        torch.testing.assert_close(moved, change, msg=name)


def trained(
    child: Child, data: Any, settings: Planting, cache: FeatureCache
) -> tuple[float, dict[str, Tensor]]:
    """The loss on validation after two epochs, and the child's tensors."""
    child = Child(*(deepcopy(getattr(child, name)) for name in Child.__dataclass_fields__))
    generator = torch.Generator().manual_seed(0)
    recipe = settings.model_copy(update={"epochs": 2})
    epochs = train_planted(child, data, recipe, cache, generator).epochs
    return epochs[-1].validation_loss, child.network.state_dict()


@pytest.mark.slow
@pytest.mark.parametrize("cache_bytes", [1e9, 0])
def test_a_child_learns_in_two_parts_what_it_learns_whole(
    seed_of: Callable[..., Any],
    settings: Planting,
    monkeypatch: pytest.MonkeyPatch,
    cache_bytes: float,
) -> None:
    parent, data = seed_of("plain-small")
    child = grown(parent, data.example).child
    loss, state = trained(child, data, settings, FeatureCache(cache_bytes))
    monkeypatch.setattr(planted, "apart", lambda *_: None)
    expected, whole_state = trained(child, data, settings, FeatureCache(cache_bytes))
    assert loss == pytest.approx(expected, rel=1e-3)
    for name, tensor in state.items():
        if not name.endswith("num_batches_tracked"):
            torch.testing.assert_close(tensor, whole_state[name], rtol=0.02, atol=0.02, msg=name)


class _KnowsItsWidth(nn.Module):
    """Computes something else where it has fewer channels, once it knows."""

    knows = False

    def __init__(self) -> None:
        super().__init__()
        self.first, self.head = nn.Conv2d(1, 4, 3), nn.Linear(4, 3)

    def forward(self, images: Tensor) -> Tensor:
        x = self.first(images)
        x = x * x.shape[1] if self.knows else x
        logits: Tensor = self.head(x.mean((2, 3)))
        return logits


def test_a_network_whose_parts_would_compute_something_else_is_left_whole() -> None:
    _, child, images = grown(_KnowsItsWidth(), torch.randn(2, 1, 8, 8))
    assert apart(child.network, child.structure, RECIPE, images) is not None
    child.network.knows = True  # an analysis that sees it would not let it grow
    assert apart(child.network, child.structure, RECIPE, images) is None
