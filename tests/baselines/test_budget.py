"""No training without a budget, and the budget is what was trained."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import torch
from torch import nn

from plantnas.baselines.budget import Budget, BudgetExceeded, TimeBudget, by_labels
from plantnas.measured import Epoch
from plantnas.training.fitting import TrainingDiverged

if TYPE_CHECKING:
    from tests.baselines.conftest import Opened


def epoch_of(seconds: float) -> Epoch:
    return Epoch(1, 0.01, 1.0, 1.0, 0.5, seconds)


def test_what_is_spent_is_not_left() -> None:
    budget = Budget(5)
    budget.spend(2)
    assert (budget.spent, budget.left) == (2, 3)


def test_more_than_is_left_is_refused_and_nothing_is_spent() -> None:
    budget = Budget(5, spent=2)
    with pytest.raises(BudgetExceeded, match="4 epochs are more than the 3 left of 5"):
        budget.spend(4)
    assert budget.spent == 2


def test_every_epoch_spends_its_seconds() -> None:
    budget = TimeBudget(10, spent=1)
    budget.after(epoch_of(2))
    budget.after(epoch_of(3))
    assert (budget.spent, budget.left) == (6, 4)


def test_training_ends_before_an_epoch_that_would_not_fit() -> None:
    budget = TimeBudget(10)
    assert [budget.after(epoch_of(3)) for _ in range(3)] == [False, False, True]
    assert budget.is_spent


def test_an_epoch_that_just_fits_is_trained() -> None:
    budget = TimeBudget(9)
    assert [budget.after(epoch_of(3)) for _ in range(3)] == [False, False, True]
    assert budget.left == 0


@pytest.mark.parametrize(("seconds", "spent"), [(0, 0), (5, 5), (5, 6)])
def test_a_budget_without_seconds_is_spent_before_the_first_epoch(
    seconds: float, spent: float
) -> None:
    assert TimeBudget(seconds, spent).is_spent


def test_a_budget_with_seconds_has_room_for_a_first_epoch() -> None:
    assert not TimeBudget(5, 4.9).is_spent


def test_a_trainer_refuses_before_it_trains(opened: Opened) -> None:
    trainer, network = opened.trainer(2), opened.teacher
    before = [parameter.clone() for parameter in network.parameters()]
    with pytest.raises(BudgetExceeded):
        trainer.train(network, 3)
    assert trainer.epochs == []
    assert all(map(torch.equal, before, network.parameters()))


def test_a_trainer_numbers_the_epochs_of_all_calls_through(opened: Opened) -> None:
    trainer, network = opened.trainer(3), opened.teacher
    trainer.train(network, 1)
    trainer.train(network, 2)
    assert [epoch.epoch for epoch in trainer.epochs] == [1, 2, 3]
    assert trainer.budget.left == 0


def test_every_call_of_train_cools_down_to_a_rate_of_zero(opened: Opened) -> None:
    trainer, network = opened.trainer(4), opened.teacher
    trainer.train(network, 2)
    trainer.train(network, 2)
    assert [epoch.learning_rate > 1e-6 for epoch in trainer.epochs] == [True, False] * 2


def test_no_epochs_change_nothing(opened: Opened) -> None:
    trainer, network = opened.trainer(0), opened.teacher
    before = [value.clone() for value in network.state_dict().values()]
    trainer.train(network, 0)
    assert all(map(torch.equal, before, network.state_dict().values()))


def test_seconds_are_added_up_by_phase(opened: Opened) -> None:
    trainer, network = opened.trainer(3), opened.teacher
    trainer.train(network, 1, "first")
    alone = trainer.phases.seconds["first"]
    trainer.train(network, 1, "first")
    trainer.train(network, 1, "second")
    assert trainer.phases.seconds.keys() == {"first", "second"}
    assert trainer.phases.seconds["first"] > alone
    assert sum(trainer.phases.seconds.values()) >= sum(epoch.seconds for epoch in trainer.epochs)


def test_a_phase_that_fails_has_its_seconds_too(opened: Opened) -> None:
    trainer = opened.trainer(1)
    with pytest.raises(ZeroDivisionError), trainer.phases("division"):
        _ = 1 / 0
    assert trainer.phases.seconds["division"] > 0


def test_a_training_that_is_stopped_has_spent_what_it_asked_for(opened: Opened) -> None:
    trainer = opened.trainer(3)
    trainer.train(opened.teacher, 3, stop=lambda epoch: True)
    assert len(trainer.epochs) == 1
    assert trainer.budget.left == 0


def test_what_regularizes_is_called_before_each_step(opened: Opened) -> None:
    trainer, network, seen = opened.trainer(1), opened.teacher, list[float]()

    def zero_gradients(trained: nn.Module) -> None:
        seen.append(max(p.grad.abs().max().item() for p in trained.parameters()))
        for parameter in trained.parameters():
            parameter.grad.zero_()

    before = [parameter.clone() for parameter in network.parameters()]
    trainer.train(network, 1, regularize=zero_gradients)
    assert len(seen) == len(trainer.training_data.targets.labels) // trainer.recipe.batch_size + 1
    assert min(seen) > 0, "it comes after the backward pass"
    assert all(map(torch.equal, before, network.parameters())), "and before the step"


def test_gradients_are_accumulated_and_nothing_moves(opened: Opened) -> None:
    network = opened.teacher.requires_grad_(False)
    before = [value.clone() for value in network.state_dict().values()]
    opened.trainer(0).accumulate_gradients(network, 2)
    assert all(parameter.grad.abs().sum() > 0 for parameter in network.parameters())
    assert all(map(torch.equal, before, network.state_dict().values()))


def test_gradients_do_not_add_to_those_of_an_earlier_training(opened: Opened) -> None:
    fresh, used = opened.teacher, opened.teacher
    for parameter in used.parameters():
        parameter.grad = torch.full_like(parameter, 1e6)
    for network in (fresh, used):
        opened.trainer(0).accumulate_gradients(network, 2)
    gradients = [[each.grad for each in network.parameters()] for network in (fresh, used)]
    assert all(map(torch.equal, *gradients))


def test_by_labels_there_are_no_logits_of_a_teacher(opened: Opened) -> None:
    data = by_labels(opened.prepared.data)
    assert data.targets.teacher_logits is None
    assert data.validation_targets.teacher_logits is None
    assert torch.equal(data.targets.labels, opened.prepared.data.targets.labels)


def test_a_loss_that_is_not_finite_ends_the_training(opened: Opened) -> None:
    trainer = opened.trainer(1)
    poisoned = trainer.training_data.targets.teacher_logits * torch.nan
    targets = trainer.training_data.targets._replace(teacher_logits=poisoned)
    trainer.training_data = replace(trainer.training_data, targets=targets)
    with pytest.raises(TrainingDiverged, match="the training loss is nan"):
        trainer.train(opened.teacher, 1)
