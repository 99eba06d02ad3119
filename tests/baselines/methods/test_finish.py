"""The widths of a planted network, trained whole from the teacher's closed form."""

from __future__ import annotations

from math import isnan
from typing import TYPE_CHECKING

import torch

from plantnas.baselines.methods.finish import train_finished
from plantnas.channels.groups import analyse

if TYPE_CHECKING:
    from tests.baselines.conftest import Opened


def test_it_has_the_widths_of_its_target(opened: Opened) -> None:
    order = opened.order(0, epochs=0)
    network = train_finished(order)
    assert analyse(network, order.prepared.example).growable_widths == order.target.widths


def test_its_history_begins_with_what_it_is_before_training(opened: Opened) -> None:
    order = opened.order(0, epochs=0)
    network = train_finished(order)
    (before,) = order.trainer.epochs
    assert (before.epoch, isnan(before.training_loss)) == (0, True)
    assert before.validation_accuracy == opened.prepared.validate(network).accuracy


def test_the_whole_budget_is_spent_on_all_of_it(opened: Opened) -> None:
    started, order = train_finished(opened.order(0, epochs=0)), opened.order(0, epochs=2)
    trained = dict(train_finished(order).named_parameters())
    assert [epoch.epoch for epoch in order.trainer.epochs] == [0, 1, 2]
    assert order.trainer.budget.left == 0
    assert all(
        not torch.equal(trained[name], parameter) for name, parameter in started.named_parameters()
    )
