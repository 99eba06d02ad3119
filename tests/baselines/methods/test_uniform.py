"""Fresh networks at the teacher's widths, evenly narrowed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from plantnas.baselines.methods.uniform import train_narrowed
from plantnas.baselines.sizes import TOLERANCE, SizeNotReachable
from plantnas.channels.groups import analyse

if TYPE_CHECKING:
    from tests.baselines.conftest import Opened


def test_uniform_has_about_the_same_share_of_all_of_the_teachers_widths(opened: Opened) -> None:
    order = opened.order(1, epochs=1)
    network, target = train_narrowed(order), order.target
    growable = analyse(network, opened.prepared.example).growable
    widths = {name: group.width for name, group in growable.items()}
    assert widths != target.widths
    size = sum(parameter.numel() for parameter in network.parameters())
    assert abs(size - target.parameters) <= TOLERANCE * target.parameters
    teacher = opened.prepared.teacher.widths
    shares = [widths[name] / teacher[name] for name in teacher]
    assert max(shares) - min(shares) < 1 / 16


def test_a_narrowing_that_is_impossible_is_refused(opened: Opened) -> None:
    order = opened.order(0, epochs=1)
    tiny = replace(order, target=replace(order.target, parameters=10))
    with pytest.raises(SizeNotReachable, match="10 parameters are not reached"):
        train_narrowed(tiny)


def test_the_whole_budget_is_spent(opened: Opened) -> None:
    order = opened.order(0, epochs=2)
    train_narrowed(order)
    assert (len(order.trainer.epochs), order.trainer.budget.left) == (2, 0)
