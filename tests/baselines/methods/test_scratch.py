"""Fresh networks at the widths that planting found."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from plantnas.baselines.methods.scratch import train_from_scratch
from plantnas.channels.groups import analyse

if TYPE_CHECKING:
    from tests.baselines.conftest import Opened


def test_scratch_has_the_widths_that_planting_found(opened: Opened) -> None:
    order = opened.order(1, epochs=1)
    growable = analyse(train_from_scratch(order), opened.prepared.example).growable
    assert {name: group.width for name, group in growable.items()} == order.target.widths


def test_the_whole_budget_is_spent(opened: Opened) -> None:
    order = opened.order(0, epochs=2)
    train_from_scratch(order)
    assert (len(order.trainer.epochs), order.trainer.budget.left) == (2, 0)


def test_the_seed_draws_the_weights(opened: Opened) -> None:
    orders = [opened.order(0, 1, seed) for seed in (1, 1, 2)]
    states = [order.fresh(order.target.widths).state_dict() for order in orders]
    name = "features.0.weight"
    assert torch.equal(states[0][name], states[1][name])
    assert not torch.equal(states[0][name], states[2][name])


def test_fresh_weights_are_not_the_planted_ones(opened: Opened) -> None:
    order = opened.order(0, epochs=1)
    name, planted = "features.0.weight", opened.weights_of(order.target)
    drawn = order.fresh(order.target.widths).state_dict()
    assert drawn[name].shape == planted[name].shape
    assert not torch.equal(drawn[name], planted[name])


def test_to_make_a_network_leaves_the_widths_of_its_target_alone(opened: Opened) -> None:
    order = opened.order(0, epochs=1)
    widths = dict(order.target.widths)
    order.fresh(order.target.widths)
    assert order.target.widths == widths
