"""Networks that are trained together: their sizes, what they share, and what they learn from."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import torch

from plantnas.baselines.making import make_family, record_family
from plantnas.baselines.methods import FamilyMethod, FamilyOrder, method_named, together
from plantnas.baselines.methods.together import (
    nested_closed_forms,
    train_family,
    train_slimmable,
)
from plantnas.baselines.planning import Task, lineage_epochs
from plantnas.baselines.sizes import TOLERANCE, SizeNotReachable
from plantnas.channels.groups import analyse
from plantnas.channels.planting import crop
from plantnas.channels.structure import classifier_tensors

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from plantnas.baselines.budget import Member
    from plantnas.records.record import NetworkRecord
    from tests.baselines.conftest import Opened, OpenStudy
    from tests.conftest import StudyFolder

RATE = 0.02


def made(opened: Opened, method: str, epochs: int | None = None) -> list[NetworkRecord]:
    """The networks of the family, recorded."""
    found = method_named(method)
    assert isinstance(found, FamilyMethod)
    task, records = Task(method, None, 0, RATE, epochs), opened.prepared.records
    family = make_family(opened.prepared, opened.study, task, found, opened.targets)
    return [records.network(each) for each in record_family(records, family)]


@pytest.fixture(scope="module")
def copied(
    quick: StudyFolder, open_study: OpenStudy, tmp_path_factory: pytest.TempPathFactory
) -> Opened:
    """The study, to which this module adds its families."""
    return open_study(quick.copy(tmp_path_factory.mktemp("together") / "study"))


@pytest.fixture(scope="module", params=["family", "slimmable-kd"])
def networks(request: pytest.FixtureRequest, copied: Opened) -> list[NetworkRecord]:
    return made(copied, request.param)


@pytest.fixture(scope="module")
def slimmable(copied: Opened) -> list[NetworkRecord]:
    return made(copied, "slimmable-kd", epochs=2)


def order_of(opened: Opened, epochs: int = 1) -> FamilyOrder:
    recipe = opened.folder.config.seed.model_copy(update={"learning_rate": RATE})
    return FamilyOrder(opened.prepared, opened.targets, recipe, seed=0, macs=0, epochs=epochs)


def cropped_state(opened: Opened, wide: NetworkRecord, narrow: NetworkRecord) -> dict[str, Tensor]:
    """What the wide network has at the narrow one's widths."""
    prepared = opened.prepared
    network = crop(prepared.records.load(wide), prepared.example, narrow.widths)
    return network.state_dict()


def test_there_is_one_for_each_target_of_its_size(
    copied: Opened, networks: list[NetworkRecord]
) -> None:
    for target, record in zip(copied.targets, networks, strict=True):
        assert record.baseline is not None
        assert record.baseline.target_id == target.id
        assert abs(record.parameters - target.parameters) <= TOLERANCE * target.parameters


def test_all_networks_together_cost_no_more_than_one_by_one(
    copied: Opened, networks: list[NetworkRecord]
) -> None:
    epochs = {record.epochs[-1].epoch for record in networks}
    budgets = [lineage_epochs(copied.networks, target) for target in copied.targets]
    separate = sum(
        budget * target.macs for budget, target in zip(budgets, copied.targets, strict=True)
    )
    assert len(epochs) == 1
    halved = networks[0].method == "family"  # every second batch
    macs = networks[0].macs / (2 if halved else 1) + networks[1].macs
    assert separate - macs < epochs.pop() * macs <= separate


def test_they_load_again_with_the_accuracy_that_is_recorded(
    copied: Opened, networks: list[NetworkRecord]
) -> None:
    for record in networks:
        network = copied.prepared.records.load(record)
        assert copied.prepared.validate(network) == record.evaluations[0]


def test_what_a_slimmable_network_has_is_shared_but_for_its_statistics(
    copied: Opened, slimmable: list[NetworkRecord]
) -> None:
    narrow, wide = slimmable
    own = copied.weights_of(narrow)
    shared = cropped_state(copied, wide, narrow)
    parameters = dict(copied.prepared.records.load(narrow).named_parameters())
    assert all(torch.equal(shared[name], own[name]) for name in parameters)
    assert not all(torch.equal(shared[name], own[name]) for name in own.keys() - parameters)


def test_statistics_are_those_of_all_training_images(
    copied: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of several batches too, of which a last one of few images would count as much."""
    monkeypatch.setattr(together, "CALIBRATION_BATCH", copied.prepared.data.inputs.images - 1)
    network = train_slimmable(order_of(copied))[0].network.eval()
    inputs: list[Tensor] = []
    norm = next(each for each in network.modules() if isinstance(each, torch.nn.BatchNorm2d))
    norm.register_forward_pre_hook(lambda module, given: inputs.append(given[0]))
    training = copied.prepared.data.inputs
    (images,) = next(training.in_order(0, training.images))
    with torch.no_grad():
        network(images)
    (seen,) = inputs
    torch.testing.assert_close(norm.running_mean, seen.mean((0, 2, 3)), atol=1e-4, rtol=1e-3)


def test_a_family_starts_as_closed_forms_around_each_other(copied: Opened) -> None:
    narrow, wide = nested_closed_forms(order_of(copied), [each.widths for each in copied.targets])
    example = copied.prepared.example
    narrow.network.eval(), wide.network.eval()
    torch.testing.assert_close(narrow.network(example), wide.network(example))


def test_a_networks_history_begins_with_its_closed_form(copied: Opened) -> None:
    members = train_family(order_of(copied))
    assert [[epoch.epoch for epoch in member.epochs] for member in members] == [[0, 1], [0, 1]]
    for member in members:
        assert member.epochs[0].learning_rate == RATE


def test_each_network_of_a_family_has_its_own_classifier(copied: Opened) -> None:
    narrow, wide = (member.network for member in train_family(order_of(copied)))
    structure = analyse(wide, copied.prepared.example)
    widths = copied.targets[0].widths
    shared = crop(wide, copied.prepared.example, widths, structure=structure).state_dict()
    state = narrow.state_dict()
    assert not any(torch.equal(shared[name], state[name]) for name in classifier_tensors(structure))


def test_the_same_order_gives_the_same_networks(copied: Opened) -> None:
    first, second = (train_family(order_of(copied)) for _ in range(2))
    for one, other in zip(first, second, strict=True):
        for name, tensor in one.network.state_dict().items():
            assert torch.equal(other.network.state_dict()[name], tensor)


@pytest.mark.parametrize("train", [train_family, train_slimmable])
def test_there_may_be_one_size_alone(
    copied: Opened, train: Callable[[FamilyOrder], list[Member]]
) -> None:
    order = replace(order_of(copied), targets=copied.targets[:1])
    (member,) = train(order)
    assert member.epochs[-1].epoch == 1


def test_networks_of_several_lineages_are_no_family(copied: Opened) -> None:
    small, large = copied.targets
    name = next(iter(small.widths))
    other = replace(small, widths={**small.widths, name: large.widths[name] + 1})
    order = replace(order_of(copied), targets=(other, large))
    with pytest.raises(SizeNotReachable, match="not of one lineage, so they cannot be nested"):
        train_family(order)


def test_a_family_of_other_epochs_is_compared_to_nothing(copied: Opened) -> None:
    task, method = Task("family", None, 0, RATE, epochs=1), method_named("family")
    assert isinstance(method, FamilyMethod)
    family = make_family(copied.prepared, copied.study, task, method, copied.targets)
    assert [record.baseline for record in family] == [None, None]
