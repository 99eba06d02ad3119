"""The front holds what a user would choose from, and a lineage leads back to the seed."""

from dataclasses import replace

import pytest

from plantnas.measured import Evaluation
from plantnas.records.record import NetworkRecord
from plantnas.records.study import StudyRecords
from plantnas.report.front import (
    front_and_references,
    is_choosable,
    lineage,
    pareto_front,
    unfinished,
    validation_accuracy,
    winning_lineage,
)
from tests.report.conftest import FINISHED


def test_dominated_and_screened_networks_are_left_out(networks: list[NetworkRecord]) -> None:
    assert [network.id for network in pareto_front(networks)] == [2, 4, 6, 1]


def test_the_front_does_not_depend_on_the_order(networks: list[NetworkRecord]) -> None:
    assert pareto_front(networks[::-1]) == pareto_front(networks)


def test_of_equals_the_one_of_lower_loss_is_on_the_front(networks: list[NetworkRecord]) -> None:
    best = networks[5]
    equal = replace(best, id=7, evaluations=(Evaluation("validation", 0.8, 0.4, 100),))
    assert [network.id for network in pareto_front([best, equal])] == [7]


def test_a_lineage_goes_from_the_seed_to_the_network(networks: list[NetworkRecord]) -> None:
    assert [network.id for network in lineage(networks, networks[5])] == [2, 4, 6]
    assert lineage(networks, networks[1]) == [networks[1]]


def test_networks_are_chosen_by_validation_alone(networks: list[NetworkRecord]) -> None:
    seed = networks[1]
    tested = replace(seed, evaluations=(Evaluation("test", 1.0, 0.0, 100), *seed.evaluations))
    assert validation_accuracy(tested) == 0.6
    assert tested.evaluation_on("test") == Evaluation("test", 1.0, 0.0, 100)


def test_a_network_without_evaluation_is_never_preferred(networks: list[NetworkRecord]) -> None:
    blank = replace(networks[1], evaluations=())
    assert blank.evaluation_on("validation") is None
    assert pareto_front([blank, networks[1]]) == [networks[1]]


@pytest.mark.parametrize("kind", ["baseline", "trial"])
def test_baselines_and_their_trials_are_not_choosable(
    networks: list[NetworkRecord], kind: str
) -> None:
    assert not is_choosable(replace(networks[5], method="search-kd", kind=kind))


def test_only_screened_networks_of_a_search_are_not_choosable(
    networks: list[NetworkRecord],
) -> None:
    assert [network.id for network in networks if not is_choosable(network)] == [3]


def test_a_finished_network_takes_its_parents_place_on_the_front(records: StudyRecords) -> None:
    records.add(FINISHED)
    assert [network.id for network in pareto_front(records.networks())] == [2, 4, 7, 1]


def test_a_finished_network_does_not_change_which_lineage_wins(records: StudyRecords) -> None:
    records.add(FINISHED)
    assert [network.id for network in winning_lineage(records.networks())] == [2, 4, 6]


def test_without_finished_networks_the_search_is_left(records: StudyRecords) -> None:
    before = records.networks()
    records.add(FINISHED)
    assert unfinished(records.networks()) == before


def test_the_front_is_of_the_cost_that_the_study_trades_accuracy_for(
    networks: list[NetworkRecord],
) -> None:
    upside_down = [
        replace(each, cost_name="mine:cost", costs={"mine:cost": 1e9 / each.parameters})
        for each in networks
    ]
    assert [network.id for network in pareto_front(upside_down)] == [1]
    assert [network.cost for network in front_and_references(upside_down)] == [20_000, 2_000_000]


def test_a_network_whose_cost_is_not_known_is_not_on_the_front(
    networks: list[NetworkRecord],
) -> None:
    seed = replace(networks[1], cost_name="mine:cost")
    assert pareto_front([seed]) == []
