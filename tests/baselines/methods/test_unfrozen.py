"""A planted network whose last step trains everything continues its parent, and freezes nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import torch

from plantnas.baselines.budget import BudgetExceeded
from plantnas.baselines.methods.unfrozen import train_unfrozen
from plantnas.baselines.planning import lineage_epochs
from plantnas.baselines.sizes import SizeNotReachable
from plantnas.channels.groups import analyse
from plantnas.report.front import lineage

if TYPE_CHECKING:
    from tests.baselines.conftest import Opened


def test_it_has_the_targets_widths(opened: Opened) -> None:
    target = opened.targets[1]
    network = train_unfrozen(opened.order(1, lineage_epochs(opened.networks, target)))
    growable = analyse(network, opened.prepared.example).growable
    assert {name: group.width for name, group in growable.items()} == target.widths


def test_the_seed_has_nothing_to_unfreeze(opened: Opened) -> None:
    order = opened.order(0, epochs=2)
    with pytest.raises(SizeNotReachable, match="nothing is frozen in the seed"):
        train_unfrozen(replace(order, target=opened.prepared.seed))


def test_the_ancestors_epochs_and_seconds_are_its_own(opened: Opened) -> None:
    target = opened.targets[1]
    *ancestors, _ = lineage(opened.networks, target)
    order = opened.order(1, lineage_epochs(opened.networks, target))
    train_unfrozen(order)
    trainer = order.trainer
    inherited = [epoch.training_loss for network in ancestors for epoch in network.epochs]
    assert [epoch.training_loss for epoch in trainer.epochs[: len(inherited)]] == inherited
    assert len(trainer.epochs) - len(inherited) == len(target.epochs)
    assert trainer.budget.left == 0
    spent = sum(sum(network.seconds.values()) for network in ancestors)
    assert trainer.phases.seconds["ancestors"] == pytest.approx(spent)


def test_without_an_epoch_it_is_its_parent_with_more_channels(opened: Opened) -> None:
    """And with epochs the parent's weights move, which planting would not let them do."""
    target = opened.targets[1]
    parent = lineage(opened.networks, target)[-2]
    old = opened.weights_of(parent)["features.0.weight"]
    kept = slice(0, len(old))
    weights = []
    for epochs in (
        lineage_epochs(opened.networks, parent),
        lineage_epochs(opened.networks, target),
    ):
        network = train_unfrozen(opened.order(1, epochs))
        weights.append(network.state_dict()["features.0.weight"][kept, : old.shape[1]])
    assert torch.equal(weights[0], old)
    assert (weights[1] != old).any()


def test_a_budget_that_the_ancestors_exceed_is_refused(opened: Opened) -> None:
    with pytest.raises(BudgetExceeded, match="4 epochs are more than the 3 left of 3"):
        train_unfrozen(opened.order(1, epochs=3))
