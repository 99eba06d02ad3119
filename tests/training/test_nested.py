"""Networks that are trained together: what they share is moved once, and each stays a crop."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import pytest
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from plantnas.channels.groups import analyse
from plantnas.channels.planting import crop
from plantnas.config import Recipe
from plantnas.training.fitting import Part, fit, fit_together
from plantnas.training.nested import NestedOptimizer, nested
from plantnas.training.optimizers import whole_network_optimizer

if TYPE_CHECKING:
    from collections.abc import Callable

    from plantnas.channels.structure import Structure
    from plantnas.measured import Epoch
    from plantnas.training.fitting import TrainingData

RECIPE = Recipe(epochs=2, batch_size=32, learning_rate=0.02, precision="float32")


class Pair(NamedTuple):
    """A network and a crop of it, to be trained on the digits."""

    wide: nn.Module
    narrow: nn.Module
    structure: Structure
    narrow_structure: Structure
    data: TrainingData

    def trained(
        self,
        parts: list[Part],
        recipe: Recipe = RECIPE,
        trained: dict[str, Tensor] | None = None,
    ) -> list[tuple[Epoch, ...]]:
        """The epochs of the parts, by one optimiser of both networks."""
        narrow = nested(self.narrow, self.narrow_structure)
        wide = nested(self.wide, self.structure)
        optimizer = NestedOptimizer([narrow], wide, recipe, trained)
        generator = torch.Generator().manual_seed(0)
        return fit_together(parts, optimizer, self.data, recipe, generator)

    def both(self) -> list[Part]:
        return [Part(self.narrow), Part(self.wide)]

    def shared(self) -> dict[str, Tensor]:
        """What the wide network has for the narrow one, by name."""
        widths = self.narrow_structure.growable_widths
        cropped = crop(self.wide, self.data.example, widths, structure=self.structure)
        own = nested(self.narrow, self.narrow_structure).own
        return {name: each for name, each in cropped.named_parameters() if name not in own}


def pair_of(network: nn.Module, data: TrainingData, widths: dict[str, int] | float) -> Pair:
    """A copy of the network, and a crop of it at some widths or a fraction of all."""
    structure = analyse(network, data.example)
    if not isinstance(widths, dict):
        widths = structure.fraction_of_widths(widths)
    narrow = crop(network, data.example, widths, structure=structure)
    return Pair(deepcopy(network), narrow, structure, structure.with_widths(widths), data)


@pytest.fixture
def pair(seed_of: Callable, architecture: str) -> Pair:
    """Each architecture, and it with one granule less in each group that has two."""
    network, data = seed_of(architecture)
    groups = analyse(network, data.example).growable
    least = {name: max(group.minimum, group.granularity) for name, group in groups.items()}
    widths = {name: group.width - group.granularity for name, group in groups.items()}
    return pair_of(network, data, {name: max(widths[name], least[name]) for name in widths})


@pytest.fixture
def plain_pair(plain: tuple[nn.Module, TrainingData]) -> Pair:
    return pair_of(*plain, 0.5)


def state(network: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in network.state_dict().items()}


def test_a_narrow_network_stays_a_crop_bit_for_bit(pair: Pair) -> None:
    before = state(pair.narrow)
    pair.trained(pair.both())
    shared, parameters = pair.shared(), dict(pair.narrow.named_parameters())
    assert all(torch.equal(parameters[name], tensor) for name, tensor in shared.items())
    moved = [name for name, tensor in shared.items() if not torch.equal(tensor, before[name])]
    assert len(moved) >= 0.9 * len(shared)


def test_each_network_has_its_own_normalisation_and_classifier(pair: Pair) -> None:
    own = nested(pair.narrow, pair.narrow_structure).own
    norms = [name for name, each in pair.narrow.named_modules() if isinstance(each, _BatchNorm)]
    assert {f"{name}.weight" for name in norms} <= set(own)
    pair.trained(pair.both())
    cropped = crop(pair.wide, pair.data.example, pair.narrow_structure.growable_widths).state_dict()
    theirs = pair.narrow.state_dict()
    assert not any(torch.equal(cropped[name], theirs[name]) for name in own if theirs[name].any())


def test_a_network_whose_loss_weighs_nothing_does_not_disturb_the_other(plain_pair: Pair) -> None:
    alone = deepcopy(plain_pair.wide)
    plain_pair.trained([Part(plain_pair.narrow, weight=0.0), Part(plain_pair.wide)])
    optimizer = whole_network_optimizer(alone, RECIPE)
    fit(alone, optimizer, plain_pair.data, RECIPE, torch.Generator().manual_seed(0))
    for name, tensor in alone.state_dict().items():
        torch.testing.assert_close(plain_pair.wide.state_dict()[name], tensor)


def test_a_step_moves_what_is_shared_by_the_sum_of_both_gradients(plain_pair: Pair) -> None:
    recipe = Recipe(optimizer="sgd", betas=(0.0, 0.9), learning_rate=0.1, precision="float32")
    narrow = nested(plain_pair.narrow, plain_pair.narrow_structure)
    optimizer = NestedOptimizer([narrow], nested(plain_pair.wide, plain_pair.structure), recipe)
    optimizer.set_learning_rate(0.1)
    optimizer.zero_grad()
    weight, narrow_weight = (
        next(each for each in network.parameters() if each.ndim == 4)
        for network in (plain_pair.wide, plain_pair.narrow)
    )
    before, rows = narrow_weight.clone(), len(narrow_weight)
    (3 * weight.sum() + 2 * narrow_weight.sum()).backward()
    optimizer.step()
    assert rows < len(weight)
    torch.testing.assert_close(narrow_weight, before - 0.5)
    assert torch.equal(weight[:rows], narrow_weight)


def test_what_is_frozen_of_the_wide_network_is_frozen_in_both(plain_pair: Pair) -> None:
    trained = {
        name: torch.ones(each.shape, dtype=torch.bool)
        for name, each in plain_pair.wide.named_parameters()
    }
    first, *_, last = (name for name, mask in trained.items() if mask.ndim == 4)
    trained[first][0] = False
    del trained[last]
    before, narrow_before = state(plain_pair.wide), state(plain_pair.narrow)
    plain_pair.trained(plain_pair.both(), trained=trained)
    wide, narrow = plain_pair.wide.state_dict(), plain_pair.narrow.state_dict()
    assert torch.equal(wide[last], before[last])
    assert torch.equal(narrow[last], narrow_before[last])
    assert torch.equal(wide[first][0], before[first][0])
    assert torch.equal(narrow[first][0], narrow_before[first][0])
    assert not torch.equal(wide[first][1:], before[first][1:])


def test_what_is_shared_becomes_the_wide_networks_whatever_it_was(plain_pair: Pair) -> None:
    with torch.no_grad():
        for parameter in plain_pair.narrow.parameters():
            parameter.add_(1)
    narrow = nested(plain_pair.narrow, plain_pair.narrow_structure)
    NestedOptimizer([narrow], nested(plain_pair.wide, plain_pair.structure), RECIPE)
    parameters = dict(plain_pair.narrow.named_parameters())
    assert all(
        torch.equal(parameters[name], tensor) for name, tensor in plain_pair.shared().items()
    )


def test_the_same_generators_train_the_same_networks(
    plain_pair: Pair, plain: tuple[nn.Module, TrainingData]
) -> None:
    again = pair_of(*plain, 0.5)
    plain_pair.trained(plain_pair.both())
    again.trained(again.both())
    for name, tensor in plain_pair.narrow.state_dict().items():
        assert torch.equal(again.narrow.state_dict()[name], tensor)


class Counted(nn.Module):
    """A linear network that counts its training batches."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
        self.batches = 0

    def forward(self, images: Tensor) -> Tensor:
        self.batches += self.training
        logits: Tensor = self.layers(images)
        return logits


def test_a_part_is_trained_in_the_first_of_every_so_many_batches(digits: Callable) -> None:
    often, seldom = Counted(), Counted()
    optimizer = whole_network_optimizer(nn.ModuleList([often, seldom]), RECIPE)
    parts = [Part(often), Part(seldom, every=2)]
    fit_together(parts, optimizer, digits(), RECIPE, torch.Generator().manual_seed(0))
    assert (often.batches, seldom.batches) == (6, 4)  # of three batches an epoch


def test_each_part_has_its_own_history(digits: Callable) -> None:
    good, bad = Counted(), Counted()
    with torch.no_grad():
        bad.layers[1].bias += 1000.0 * torch.arange(10)
    optimizer = whole_network_optimizer(nn.ModuleList([good, bad]), RECIPE)
    parts = [Part(good), Part(bad)]
    of_good, of_bad = fit_together(parts, optimizer, digits(), RECIPE, torch.Generator())
    assert [epoch.epoch for epoch in of_bad] == [1, 2]
    assert of_good[-1].training_loss < of_bad[-1].training_loss
    assert of_good[-1].validation_loss < of_bad[-1].validation_loss


def test_a_part_in_place_learns_what_the_first_one_answers(digits: Callable) -> None:
    data, asked = digits(), list[Tensor]()

    def watched(logits: Tensor, labels: Tensor, answers: Tensor) -> Tensor:
        asked.append(answers)
        return (logits - answers).square().mean()

    first, second = Counted(), Counted()
    recipe = RECIPE.model_copy(update={"epochs": 1, "batch_size": 96})
    optimizer = whole_network_optimizer(nn.ModuleList([first, second]), recipe)
    answers = list[Tensor]()
    first.register_forward_hook(lambda module, inputs, output: answers.append(output.detach()))
    data = replace(data, loss=watched)
    parts = [Part(first), Part(second, in_place=True)]
    fit_together(parts, optimizer, data, recipe, torch.Generator().manual_seed(0))
    assert torch.equal(asked[1], answers[0])
    assert not torch.equal(asked[0], answers[0])
