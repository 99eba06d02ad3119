"""Fresh networks: at the widths that planting found, or evenly narrowed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from torch import Tensor, nn

from plantnas.baselines.methods import METHODS
from plantnas.baselines.scratch import evenly_narrowed, fresh, train_from_scratch
from plantnas.baselines.sizes import TOLERANCE, SizeNotReachable, Widths
from plantnas.channels.groups import analyse

if TYPE_CHECKING:
    from tests.baselines.conftest import Opened


def widths_of(network: nn.Module, example: Tensor) -> Widths:
    growable = analyse(network, example).growable
    return {name: group.width for name, group in growable.items()}


def test_scratch_has_the_widths_that_planting_found(opened: Opened) -> None:
    target, trainer = opened.targets[1], opened.trainer(1)
    network = train_from_scratch(METHODS["scratch-kd"], opened.study, target, trainer, 0)
    assert widths_of(network, opened.study.example) == target.widths


def test_uniform_has_about_the_same_share_of_all_of_the_teachers_widths(opened: Opened) -> None:
    target, trainer = opened.targets[1], opened.trainer(1)
    network = train_from_scratch(METHODS["uniform-kd"], opened.study, target, trainer, 0)
    assert widths_of(network, opened.study.example) != target.widths
    size = sum(parameter.numel() for parameter in network.parameters())
    assert abs(size - target.parameters) <= TOLERANCE * target.parameters
    teacher = opened.study.teacher.widths
    widths = widths_of(network, opened.study.example)
    shares = [widths[name] / teacher[name] for name in teacher]
    assert max(shares) - min(shares) < 1 / 16


def test_a_narrowing_that_is_impossible_is_refused(opened: Opened) -> None:
    with pytest.raises(SizeNotReachable, match="10 parameters are not reached"):
        evenly_narrowed(opened.study, 10)


def test_the_whole_budget_is_spent(opened: Opened) -> None:
    trainer = opened.trainer(2)
    train_from_scratch(METHODS["scratch"], opened.study, opened.targets[0], trainer, 0)
    assert (len(trainer.epochs), trainer.budget.left) == (2, 0)


def test_the_seed_draws_the_weights(opened: Opened) -> None:
    widths = opened.targets[0].widths
    states = [fresh(opened.study, widths, seed).state_dict() for seed in (1, 1, 2)]
    name = "features.0.weight"
    assert torch.equal(states[0][name], states[1][name])
    assert not torch.equal(states[0][name], states[2][name])


def test_fresh_weights_are_not_the_planted_ones(opened: Opened) -> None:
    target = opened.targets[0]
    name, planted = "features.0.weight", opened.weights_of(target)
    drawn = fresh(opened.study, target.widths, 0).state_dict()
    assert drawn[name].shape == planted[name].shape
    assert not torch.equal(drawn[name], planted[name])


def test_to_make_a_network_leaves_the_widths_of_its_target_alone(opened: Opened) -> None:
    widths = dict(opened.targets[0].widths)
    fresh(opened.study, opened.targets[0].widths, 0)
    assert opened.targets[0].widths == widths
