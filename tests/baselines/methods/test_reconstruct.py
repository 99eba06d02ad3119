"""The teacher at fewer channels, fitted to what it was before it is trained."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import torch
from torch import nn

from plantnas.baselines.methods.reconstruct import train_reconstructed
from plantnas.baselines.methods.uniform import train_narrowed
from plantnas.baselines.sizes import SizeNotReachable
from plantnas.channels.groups import analyse
from plantnas.channels.ordering import largest_first
from plantnas.channels.planting import crop

if TYPE_CHECKING:
    from tests.baselines.conftest import Opened


def widths_of(opened: Opened, network: nn.Module) -> dict[str, int]:
    return analyse(network, opened.prepared.example).growable_widths


def distance(opened: Opened, network: nn.Module) -> float:
    """The mean square of what a network's logits on the validation images are off the teacher's."""
    data = opened.prepared.data
    indices = torch.arange(data.validation_inputs.images)
    (images,) = data.validation_inputs.batch(torch.zeros_like(indices), indices)
    with torch.no_grad():
        return float((network.eval()(images) - opened.teacher.eval()(images)).square().mean())


def test_it_has_the_widths_of_the_fresh_narrowed_network(opened: Opened) -> None:
    reconstructed = train_reconstructed(opened.order(1, epochs=0))
    narrowed = train_narrowed(opened.order(1, epochs=0))
    assert widths_of(opened, reconstructed) == widths_of(opened, narrowed)


def test_without_an_epoch_it_is_nearer_to_the_teacher_than_the_teachers_largest_channels(
    opened: Opened,
) -> None:
    reconstructed, teacher = train_reconstructed(opened.order(1, epochs=0)), opened.teacher
    example = opened.prepared.example
    ordered = largest_first(teacher, analyse(teacher, example))
    taken = crop(ordered, example, widths_of(opened, reconstructed))
    assert distance(opened, reconstructed) < 0.5 * distance(opened, taken)


def test_the_whole_budget_is_spent_and_the_reconstruction_is_in_its_seconds(
    opened: Opened,
) -> None:
    order = opened.order(0, epochs=2)
    train_reconstructed(order)
    assert (len(order.trainer.epochs), order.trainer.budget.left) == (2, 0)
    assert list(order.trainer.phases.seconds) == ["reconstruction", "training"]


def test_all_of_it_is_trained(opened: Opened) -> None:
    started = train_reconstructed(opened.order(0, epochs=0))
    trained = dict(train_reconstructed(opened.order(0, epochs=1)).named_parameters())
    assert all(
        not torch.equal(trained[name], parameter) for name, parameter in started.named_parameters()
    )


def test_a_size_that_is_impossible_is_refused(opened: Opened) -> None:
    order = opened.order(0, epochs=1)
    tiny = replace(order, target=replace(order.target, parameters=10))
    with pytest.raises(SizeNotReachable, match="10 parameters are not reached"):
        train_reconstructed(tiny)
