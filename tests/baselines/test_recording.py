"""The record of a baseline says what was made, and its weights are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch

from plantnas.baselines.recording import baseline_record
from plantnas.channels.groups import analyse
from plantnas.records.record import BaselineRun, NetworkRecord

if TYPE_CHECKING:
    from tests.baselines.conftest import Opened

RUN = BaselineRun(4, 0, 0.02, 2, True)


@pytest.fixture(scope="module")
def trained(opened: Opened) -> tuple[torch.nn.Module, NetworkRecord]:
    order, prepared = opened.order(0, epochs=2), opened.prepared
    network, trainer = order.fresh(order.target.widths), order.trainer
    trainer.train(network, 2)
    return network, baseline_record(prepared, opened.study, "scratch", trainer.trained(network))


Trained = tuple[torch.nn.Module, NetworkRecord]


def test_the_record_says_what_it_is(trained: Trained) -> None:
    record = trained[1]
    assert record.method == "scratch"


def test_a_baseline_is_of_no_trial_and_no_parent(trained: Trained) -> None:
    record = trained[1]
    assert (record.trial_number, record.parent_id, record.planted) == (None, None, {})


def test_the_record_has_the_networks_widths_and_cost(opened: Opened, trained: Trained) -> None:
    network, record = trained
    assert record.widths == opened.targets[0].widths
    assert record.parameters == sum(parameter.numel() for parameter in network.parameters())
    assert record.macs == analyse(network, opened.prepared.example).macs()


def test_the_record_has_the_epochs_and_seconds_of_its_trainer(trained: Trained) -> None:
    record = trained[1]
    assert [epoch.epoch for epoch in record.epochs] == [1, 2]
    assert record.seconds.keys() == {"training", "evaluation"}
    assert min(record.seconds.values()) > 0


def test_it_is_evaluated_on_validation_alone(opened: Opened, trained: Trained) -> None:
    network, record = trained
    (evaluation,) = record.evaluations
    assert (evaluation.split, evaluation.images) == ("validation", 300)
    assert evaluation == opened.prepared.validate(network)


def test_its_weights_load_again_as_they_were(opened: Opened, trained: Trained) -> None:
    network, record = trained
    loaded = opened.weights_of(record)
    assert all(torch.equal(value, loaded[name]) for name, value in network.state_dict().items())
