"""The network that a user gets is the best within the limits, and a crop is what it says it is."""

from dataclasses import replace
from typing import Any

import pytest
import torch

from plantnas.errors import ConfigurationError, PlantingError, StudyError
from plantnas.measured import Evaluation
from plantnas.records.record import NetworkRecord
from plantnas.records.study import load_network
from plantnas.report.export.choice import (
    Wanted,
    best_within,
    crop_choice,
    family_of,
    nested,
    parse_widths,
    wanted_record,
)
from plantnas.report.images import load_images
from tests.report.conftest import network as made_up

SEED = replace(made_up("seed", 100, 0.5, step=0, loss=1.0), macs=900, widths={"stem": 2}, id=1)


def network(number: int, accuracy: float, parameters: int, macs: int, **more: Any) -> NetworkRecord:
    evaluations = (Evaluation("validation", accuracy, 1.0, 100),)
    record = replace(SEED, id=number, parameters=parameters, macs=macs, evaluations=evaluations)
    return replace(record, **{"method": "planting", "kind": "grow", "parent_id": 1, **more})


TEACHER = network(2, 0.99, 9000, 9000, method="teacher", kind=None, parent_id=None)
SCREENED = network(3, 0.95, 200, 800, kind="screen")
SMALL = network(4, 0.7, 200, 2000)
LARGE = network(5, 0.9, 400, 1500)
PRUNED = network(6, 0.92, 300, 4000, method="l1-channel-pruning", kind=None, parent_id=None)
NETWORKS = [SEED, TEACHER, SCREENED, SMALL, LARGE, PRUNED]


@pytest.mark.parametrize(
    ("limits", "best"),
    [
        ({}, PRUNED),
        ({"parameters": 400, "macs": 3999}, LARGE),
        ({"parameters": 299}, SMALL),
        ({"parameters": 399, "macs": 1999}, SEED),
        ({"macs": 1500}, LARGE),
    ],
)
def test_the_most_accurate_finished_network_within_the_limits_is_taken(
    limits: dict[str, int], best: NetworkRecord
) -> None:
    assert best_within("study", NETWORKS, limits) == best


def test_limits_that_nothing_keeps_are_told_with_the_smallest_network() -> None:
    message = r"the smallest has 100 parameters \(network 1\), the cheapest takes 900 MACs"
    with pytest.raises(StudyError, match=message):
        best_within("study", NETWORKS, {"parameters": 99})


def test_a_limit_may_be_of_any_recorded_cost_and_of_the_studys() -> None:
    networks = [
        replace(each, cost_name="bytes", costs={"bytes": 4 * each.parameters + 8})
        for each in (SEED, SMALL, LARGE)
    ]
    assert best_within("study", networks, {"bytes": 900}).id == SMALL.id
    assert best_within("study", networks, {"cost": 900, "macs": 1000}).id == SEED.id
    with pytest.raises(
        StudyError, match=r"and 408 bytes of weights in float32 are the least \(net"
    ):
        best_within("study", networks, {"cost": 9})
    with pytest.raises(StudyError, match="bytes of weights in int8 are recorded of none"):
        best_within("study", networks, {"bytes_int8": 9})


def test_a_study_with_a_teacher_alone_has_nothing_to_take() -> None:
    with pytest.raises(StudyError, match="no network is finished yet but the teacher"):
        best_within("study", [TEACHER])


def test_the_seed_and_what_was_planted_are_nested() -> None:
    assert nested(NETWORKS) == [SEED, SCREENED, SMALL, LARGE]
    assert family_of("study", NETWORKS, LARGE) == [SEED, LARGE]


def test_a_family_by_any_method_is_nested_and_what_was_finished_alone_is_not() -> None:
    first = network(7, 0.9, 200, 2000, method="mine", kind="finish", parent_id=None)
    second = network(8, 0.9, 400, 1500, method="mine", kind="finish", parent_id=7)
    alone = network(9, 0.9, 400, 1500, method="mine-alone", kind="finish", parent_id=5)
    networks = [*NETWORKS, first, second, alone]
    assert nested(networks) == [*nested(NETWORKS), first, second]
    assert family_of("study", networks, second) == [first, second]


def test_what_was_not_planted_has_no_family() -> None:
    with pytest.raises(StudyError, match="network 6 is of method 'l1-channel-pruning'"):
        family_of("study", NETWORKS, PRUNED)


@pytest.mark.parametrize("text", ["a=1,b.0=22", " a = 1 , b.0 = 22", '{"a": 1, "b.0": 22}'])
def test_widths_are_read_in_both_notations(text: str) -> None:
    assert parse_widths(text) == {"a": 1, "b.0": 22}


@pytest.mark.parametrize(
    "text", ["", "a", "a=", "a=b", "a=1=2", "a=1.5", '{"a": 1.5}', '{"a"', "[]"]
)
def test_widths_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"are neither group=width,\.\.\. nor a JSON"):
        parse_widths(text)


def test_a_deep_json_object_is_no_widths() -> None:
    with pytest.raises(ConfigurationError, match=r"are neither group=width,\.\.\. nor a JSON"):
        parse_widths('{"a": ' + "[" * 100_000)


@pytest.mark.parametrize("text", ["a=1,b=2,a=1", '{"a": 1, "a": 1}'])
def test_a_group_has_one_width(text: str) -> None:
    with pytest.raises(ConfigurationError, match="widths: 'a' is there twice"):
        parse_widths(text)


def test_a_number_beside_a_limit_is_refused(finished: Any) -> None:
    with pytest.raises(ConfigurationError, match="network id 2: says which network"):
        wanted_record(finished.records, [], Wanted(network_id=2, limits={"macs": 3}))


@pytest.fixture(scope="module")
def family(finished: Any) -> list[NetworkRecord]:
    networks = finished.records.networks()
    last = max(nested(networks), key=lambda each: (each.kind == "grow", each.step or 0))
    return family_of("tiny", networks, last)


@torch.inference_mode()
@pytest.mark.parametrize("step", [0, 1, 2])
def test_a_crop_to_an_ancestors_widths_is_the_recorded_ancestor(
    finished: Any, family: list[NetworkRecord], step: int
) -> None:
    validation = load_images(finished.url, "tiny")
    widths = family[step].widths
    choice = crop_choice(finished.records, family, widths, validation)
    assert choice.record == family[step]
    recorded = load_network(finished.url, "tiny", family[step].id)
    assert torch.equal(choice.network(validation[0]), recorded(validation[0]))


@torch.inference_mode()
def test_another_crop_is_measured_and_has_no_number(
    finished: Any, family: list[NetworkRecord]
) -> None:
    images, labels = load_images(finished.url, "tiny")
    choice = crop_choice(finished.records, family, {"features.0": 1}, (images, labels))
    accuracy = (choice.network(images).argmax(1) == labels).sum().item() / len(labels)
    assert choice.record.id is None
    assert choice.record.evaluations[0].accuracy == pytest.approx(accuracy)
    assert choice.record.widths == {**family[-1].widths, "features.0": 1}
    parameters = sum(parameter.numel() for parameter in choice.network.parameters())
    assert choice.record.parameters == parameters < family[-1].parameters
    assert choice.record.macs < family[-1].macs
    assert 0 < choice.record.costs["bytes"] < family[-1].costs["bytes"]


@pytest.mark.parametrize("widths", [{"features.0": 999}, {"features.00": 1}, {"features.0": 0}])
def test_widths_that_a_crop_cannot_have_are_refused(
    finished: Any, family: list[NetworkRecord], widths: dict[str, int]
) -> None:
    validation = load_images(finished.url, "tiny")
    with pytest.raises(PlantingError, match=next(iter(widths))):
        crop_choice(finished.records, family, widths, validation)
