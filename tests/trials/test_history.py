"""What policies ask of the trials so far."""

import pytest

from plantnas.hypervolume import Point
from plantnas.trials.history import (
    Assignment,
    Reference,
    TrialRecord,
    active_trials,
    assignments_of,
    grown_points,
    grown_trials,
    repeated_trials,
    screened_trials,
    trials_of,
    with_room,
)

SCREEN, GROW = Assignment("screen", 1, None), Assignment("grow", 1, None, repeats=0)
HISTORY = (
    TrialRecord(0, "complete", SCREEN, accuracy=0.6, parameters=20),
    TrialRecord(1, "running", SCREEN),
    TrialRecord(2, "pruned", SCREEN, no_room=True),
    TrialRecord(3, "complete", GROW, accuracy=0.7, parameters=20),
    TrialRecord(4, "complete", Assignment("screen", 2, 3), accuracy=0.8, parameters=40),
    TrialRecord(5, "complete", Assignment("grow", 2, 3, 4), accuracy=0.9, parameters=40),
    TrialRecord(6, "pruned", None),
)


def numbers(trials: list[TrialRecord]) -> list[int]:
    return [trial.number for trial in trials]


def test_trials_are_found_by_kind_step_and_state() -> None:
    assert numbers(trials_of(HISTORY, "screen", 1, ("complete", "pruned"))) == [0, 2]
    assert numbers(grown_trials(HISTORY, 2)) == [5]


def test_active_trials_run_or_are_complete() -> None:
    assert numbers(active_trials(HISTORY, "screen", 1)) == [0, 1]
    assert numbers(screened_trials(HISTORY, 1)) == [0]


def test_a_screen_whose_grow_was_pruned_is_withdrawn() -> None:
    withdrawn = (*HISTORY[:3], TrialRecord(3, "pruned", GROW))
    assert numbers(active_trials(withdrawn, "screen", 1)) == [1]


def test_a_trial_without_an_assignment_has_none_to_count() -> None:
    assert len(assignments_of(HISTORY)) == len(HISTORY) - 1


def test_parents_without_room_are_left_out() -> None:
    assert with_room([None, 3], HISTORY) == [3]


def test_grown_networks_of_earlier_steps_stand_beside_the_seed() -> None:
    reference = Reference(seed_accuracy=0.5, seed_cost=10)
    seed_and_first = {None: Point(0.5, 10), 3: Point(0.7, 20)}
    assert grown_points(HISTORY, reference, step=2) == seed_and_first
    assert grown_points(HISTORY, reference, None) == {**seed_and_first, 5: Point(0.9, 40)}
    assert grown_points(HISTORY, Reference(), step=2).keys() == {3}


def test_a_screen_whose_grow_was_pruned_leaves_its_probe() -> None:
    history = (
        TrialRecord(0, "complete", Assignment("probe", 1, None)),
        TrialRecord(1, "complete", Assignment("screen", 1, None, repeats=0)),
        TrialRecord(2, "pruned", Assignment("grow", 1, None, repeats=1)),
    )
    assert numbers(active_trials(history, "probe", 1)) == [0]
    assert numbers(active_trials(history, "screen", 1)) == []


@pytest.mark.parametrize(
    ("assignment", "expected"),
    [
        (Assignment("probe", 1, None), True),
        (SCREEN, True),
        (Assignment("screen", 1, None, repeats=0), False),
        (GROW, False),
    ],
)
def test_a_trial_that_repeats_another_one_proposes_nothing(
    assignment: Assignment, expected: bool
) -> None:
    assert assignment.proposes == expected


def test_repeated_trials_are_those_of_the_states_that_are_asked_for() -> None:
    assert repeated_trials(HISTORY, ("complete",)) == {0, 4}
    assert repeated_trials(HISTORY, ("pruned",)) == set()
