"""What is made next, on made-up records: nothing twice, the tuning first."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from inspect import signature
from typing import TYPE_CHECKING

import pytest

from plantnas.baselines.methods import default_methods, method_named
from plantnas.baselines.planning import (
    Request,
    Task,
    lineage_epochs,
    outstanding,
    parse_request,
    targets_among,
)
from plantnas.cli.comparing import baselines
from plantnas.errors import ConfigurationError, StudyError
from plantnas.records.record import NetworkRecord

if TYPE_CHECKING:
    from tests.baselines.conftest import MadeUp

GRID = (0.01, 0.02)


@pytest.fixture
def networks(made_up: MadeUp) -> list[NetworkRecord]:
    """A teacher, a seed, and a lineage of three; 6 is dominated by 5."""
    return [
        made_up(1, "teacher", parameters=90_000, accuracy=0.99, epochs=9),
        made_up(2, "seed", parameters=500, accuracy=0.5, epochs=4),
        made_up(3, "planting", kind="grow", parameters=1000, accuracy=0.6, epochs=2, parent=2),
        made_up(4, "planting", kind="screen", parameters=2000, accuracy=0.9, parent=3),
        made_up(5, "planting", kind="grow", parameters=2000, accuracy=0.7, epochs=3, parent=3),
        made_up(6, "planting", kind="grow", parameters=3000, accuracy=0.65, epochs=5, parent=3),
        made_up(7, "planting", kind="grow", parameters=4000, accuracy=0.8, epochs=7, parent=5),
    ]


def request_of(networks: list[NetworkRecord], *methods: str, repetitions: int = 1) -> Request:
    """Of these methods for the networks 3, 5 and 7, the middle one being 5."""
    targets = tuple(each for each in networks if each.id in (3, 5, 7))
    return Request({name: method_named(name) for name in methods}, targets, repetitions, GRID)


def next_tasks(
    request: Request,
    networks: list[NetworkRecord],
    *,
    refused: tuple[Task, ...] = (),
    searched: bool = False,
) -> list[Task]:
    ended = ["search-kd"] if searched else []
    return outstanding(request, networks, refused, ended, 0.02)


def tuned(made_up: MadeUp, method: str, target: int, accuracies: tuple[float, ...]) -> list:
    """The networks of a grid on a target, with these validation accuracies."""
    return [
        made_up(20 + number, method, target=target, rate=rate, accuracy=accuracy)
        for number, (rate, accuracy) in enumerate(zip(GRID, accuracies, strict=True))
    ]


def test_the_grid_is_on_the_middle_target_first(networks: list[NetworkRecord]) -> None:
    tasks = next_tasks(request_of(networks, "l1"), networks)
    assert tasks == [Task("l1", 5, 0, rate) for rate in GRID]


def test_a_grid_that_was_interrupted_is_completed(
    networks: list[NetworkRecord], made_up: MadeUp
) -> None:
    networks.append(tuned(made_up, "l1", 5, (0.9, 0.8))[0])
    assert next_tasks(request_of(networks, "l1"), networks) == [Task("l1", 5, 0, 0.02)]


@pytest.mark.parametrize(("accuracies", "rate"), [((0.9, 0.8), 0.01), ((0.8, 0.9), 0.02)])
def test_the_chosen_rate_is_used_for_all_others(
    networks: list[NetworkRecord], made_up: MadeUp, accuracies: tuple[float, ...], rate: float
) -> None:
    networks += tuned(made_up, "l1", 5, accuracies)
    tasks = next_tasks(request_of(networks, "l1"), networks)
    assert tasks == [Task("l1", 3, 0, rate), Task("l1", 7, 0, rate)]


def test_repetitions_are_made_at_the_chosen_rate_alone(
    networks: list[NetworkRecord], made_up: MadeUp
) -> None:
    networks += tuned(made_up, "l1", 5, (0.9, 0.8))
    tasks = next_tasks(request_of(networks, "l1", repetitions=2), networks)
    assert {task.learning_rate for task in tasks} == {0.01}
    assert Counter(task.target_id for task in tasks) == {3: 2, 5: 1, 7: 2}


def test_when_all_is_made_nothing_is_left(networks: list[NetworkRecord], made_up: MadeUp) -> None:
    networks += tuned(made_up, "l1", 5, (0.9, 0.8))
    networks += [made_up(30, "l1", target=3, rate=0.01), made_up(31, "l1", target=7, rate=0.01)]
    assert next_tasks(request_of(networks, "l1"), networks) == []


def test_a_wider_grid_asks_for_its_new_rate_alone(
    networks: list[NetworkRecord], made_up: MadeUp
) -> None:
    networks += tuned(made_up, "l1", 5, (0.9, 0.8))
    networks += [made_up(30, "l1", target=3, rate=0.01), made_up(31, "l1", target=7, rate=0.01)]
    wider = request_of(networks, "l1")._replace(rates=(*GRID, 0.04))
    assert next_tasks(wider, networks) == [Task("l1", 5, 0, 0.04)]
    networks.append(made_up(32, "l1", target=5, rate=0.04, accuracy=0.85))
    assert next_tasks(wider, networks) == []


def family(made_up: MadeUp, rate: float, accuracy: float, repetition: int = 0) -> list:
    """A network of a family for each target."""
    return [
        made_up(40, "family", target=each, rate=rate, accuracy=accuracy, repetition=repetition)
        for each in (3, 5, 7)
    ]


def test_the_grid_of_a_family_is_of_all_targets(networks: list[NetworkRecord]) -> None:
    tasks = next_tasks(request_of(networks, "family"), networks)
    assert tasks == [Task("family", None, 0, rate) for rate in GRID]


def test_a_family_that_lacks_a_network_is_made_again(
    networks: list[NetworkRecord], made_up: MadeUp
) -> None:
    networks += family(made_up, 0.01, 0.8) + family(made_up, 0.02, 0.9)[:2]
    tasks = next_tasks(request_of(networks, "family"), networks)
    assert tasks == [Task("family", None, 0, 0.02)]


def test_a_family_is_repeated_at_the_chosen_rate(
    networks: list[NetworkRecord], made_up: MadeUp
) -> None:
    networks += family(made_up, 0.01, 0.8) + family(made_up, 0.02, 0.9)
    assert next_tasks(request_of(networks, "family"), networks) == []
    tasks = next_tasks(request_of(networks, "family", repetitions=2), networks)
    assert tasks == [Task("family", None, 1, 0.02)]


def test_a_family_whose_grid_is_refused_is_given_up(networks: list[NetworkRecord]) -> None:
    refused = tuple(Task("family", None, 0, rate) for rate in GRID)
    assert next_tasks(request_of(networks, "family"), networks, refused=refused) == []


def test_each_method_has_its_own_grid_and_rate(
    networks: list[NetworkRecord], made_up: MadeUp
) -> None:
    networks += tuned(made_up, "l1", 5, (0.9, 0.8))
    tasks = next_tasks(request_of(networks, "l1", "l1-kd"), networks)
    assert [task for task in tasks if task.method == "l1-kd"] == [
        Task("l1-kd", 5, 0, rate) for rate in GRID
    ]
    assert {task.target_id for task in tasks if task.method == "l1"} == {3, 7}


def test_a_refused_rate_does_not_block_the_choice_among_the_others(
    networks: list[NetworkRecord], made_up: MadeUp
) -> None:
    networks.append(tuned(made_up, "l1", 5, (0.9, 0.8))[0])
    refused = (Task("l1", 5, 0, 0.02),)
    tasks = next_tasks(request_of(networks, "l1"), networks, refused=refused)
    assert tasks == [Task("l1", 3, 0, 0.01), Task("l1", 7, 0, 0.01)]


def test_a_target_that_cannot_be_tuned_on_gives_way_to_one_beside_it(
    networks: list[NetworkRecord],
) -> None:
    refused = tuple(Task("l1", 5, 0, rate) for rate in GRID)
    tasks = next_tasks(request_of(networks, "l1"), networks, refused=refused)
    assert tasks == [Task("l1", 3, 0, rate) for rate in GRID]


def test_what_was_refused_is_not_tried_again(
    networks: list[NetworkRecord], made_up: MadeUp
) -> None:
    networks += tuned(made_up, "l1", 5, (0.9, 0.8))
    refused = (Task("l1", 3, 0, 0.01),)
    tasks = next_tasks(request_of(networks, "l1"), networks, refused=refused)
    assert tasks == [Task("l1", 7, 0, 0.01)]


def test_a_method_that_can_do_nothing_ends(networks: list[NetworkRecord]) -> None:
    refused = tuple(Task("l1", target, 0, rate) for target in (3, 5, 7) for rate in GRID)
    assert next_tasks(request_of(networks, "l1"), networks, refused=refused) == []


def test_the_search_is_first_and_then_its_networks_are_picked(
    networks: list[NetworkRecord],
) -> None:
    request = request_of(networks, "search-kd")
    assert next_tasks(request, networks) == [Task("search-kd", None, 0, 0.02)]
    picks = next_tasks(request, networks, searched=True)
    assert picks == [Task("search-kd", target, 0, 0.02) for target in (3, 5, 7)]


def test_a_pick_is_not_made_twice(networks: list[NetworkRecord], made_up: MadeUp) -> None:
    networks.append(made_up(30, "search-kd", target=5, rate=0.02))
    request = request_of(networks, "search-kd")
    assert {task.target_id for task in next_tasks(request, networks, searched=True)} == {3, 7}


def test_a_trial_of_the_search_is_no_pick(networks: list[NetworkRecord], made_up: MadeUp) -> None:
    networks.append(made_up(30, "search-kd", kind="trial"))
    assert len(next_tasks(request_of(networks, "search-kd"), networks, searched=True)) == 3


def test_no_task_is_given_twice_on_the_way_to_the_end(
    networks: list[NetworkRecord], made_up: MadeUp
) -> None:
    request = request_of(networks, "l1", "scratch-kd", "search-kd", repetitions=2)
    given, searched = list[Task](), False
    while tasks := next_tasks(request, networks, searched=searched):
        given += tasks
        searched = searched or Task("search-kd", None, 0, 0.02) in tasks
        networks += [
            made_up(
                100 + len(networks) + number,
                task.method,
                target=task.target_id,
                rate=task.learning_rate,
                repetition=task.repetition,
                accuracy=task.learning_rate,
            )
            for number, task in enumerate(tasks)
            if task.target_id is not None
        ]
    assert len(given) == len(set(given))
    assert Counter(task.method for task in given) == {"l1": 7, "scratch-kd": 7, "search-kd": 4}


def test_a_budget_is_the_epochs_of_a_network_and_its_ancestors(
    networks: list[NetworkRecord],
) -> None:
    epochs = {each.id: lineage_epochs(networks, each) for each in networks if each.id in (3, 5, 7)}
    assert epochs == {3: 4 + 2, 5: 4 + 2 + 3, 7: 4 + 2 + 3 + 7}


def test_targets_are_the_planted_networks_on_the_front(networks: list[NetworkRecord]) -> None:
    assert [each.id for each in targets_among("tiny", networks, "front")] == [3, 5, 7]


def test_a_finished_network_hides_no_target(networks: list[NetworkRecord], made_up: MadeUp) -> None:
    whole = made_up(8, "finish", kind="finish", parameters=2000, accuracy=0.95, parent=5)
    with_it = targets_among("made-up", [*networks, whole], "front")
    assert with_it == targets_among("made-up", networks, "front")


def test_the_lineage_is_that_of_the_best_network_from_the_seed_on(
    networks: list[NetworkRecord],
) -> None:
    networks = [each for each in networks if each.id != 7]
    assert [each.id for each in targets_among("tiny", networks, "lineage")] == [2, 3, 5]


def test_where_the_seed_beats_all_planted_networks_the_best_ones_lineage_is_taken(
    networks: list[NetworkRecord], made_up: MadeUp
) -> None:
    networks[1] = made_up(2, "seed", parameters=500, accuracy=1.0, epochs=4)
    assert [each.id for each in targets_among("tiny", networks, "front")] == [3, 5, 7]


def test_a_study_without_grown_networks_has_no_targets(networks: list[NetworkRecord]) -> None:
    with pytest.raises(StudyError, match=r"study 'tiny': has no grown network yet"):
        targets_among("tiny", networks[:2], "front")


def test_a_request_is_read_from_words(networks: list[NetworkRecord]) -> None:
    request = parse_request("tiny", networks, "scratch, l1-kd", "front", 2, "0.02,0.01")
    assert list(request.methods) == ["scratch", "l1-kd"]
    assert [target.id for target in request.targets] == [3, 5, 7]
    assert (request.repetitions, request.rates) == (2, (0.01, 0.02))


def test_unless_told_the_methods_and_rates_are_the_default_ones(
    networks: list[NetworkRecord],
) -> None:
    rates = signature(baselines).parameters["rates"].default
    request = parse_request("tiny", networks, None, "front", 1, rates)
    assert tuple(request.methods) == default_methods()
    assert request.rates == (0.005, 0.01, 0.02, 0.04)


@pytest.mark.parametrize("methods", ["l1,l1", "l1, l1", " l1,l1 "])
def test_a_method_that_is_named_twice_is_made_once(
    networks: list[NetworkRecord], methods: str
) -> None:
    request = parse_request("tiny", networks, methods, "front", 1, "0.01,0.01")
    tasks = next_tasks(request, networks)
    assert tasks == [Task("l1", 5, 0, 0.01)]


@pytest.mark.parametrize("rates", ["", "0.01,", "fast", "0", "-0.1", "nan", "inf", "0.01 0.02"])
def test_rates_that_are_none_are_refused(networks: list[NetworkRecord], rates: str) -> None:
    with pytest.raises(ConfigurationError, match="are not positive numbers between commas"):
        parse_request("tiny", networks, None, "front", 1, rates)


def test_other_targets_are_refused_with_the_nearest(networks: list[NetworkRecord]) -> None:
    with pytest.raises(ConfigurationError, match=r"targets: 'fronts'\. Did you mean 'front'"):
        parse_request("tiny", networks, None, "fronts", 1, "0.01")


def test_nothing_starts_from_the_channels_of_another_architecture(
    networks: list[NetworkRecord],
) -> None:
    others = [replace(networks[0], widths={}), *networks[1:]]
    named = parse_request("it", others, None, "front", 1, "0.01").methods
    assert {"scratch-kd", "uniform-kd"} <= named.keys() < set(default_methods())
    with pytest.raises(ConfigurationError, match=r"'reconstruct-kd': starts from the teacher's"):
        parse_request("it", others, "scratch,reconstruct-kd", "front", 1, "0.01")
