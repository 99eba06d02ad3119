"""What policies ask of the trials so far."""

from dataclasses import replace

import pytest

from plantnas.hypervolume import Point
from plantnas.trials.history import (
    MOST_DIVERGED,
    Assignment,
    Reference,
    TrialRecord,
    active_trials,
    assignments_of,
    diverging,
    grown_points,
    grown_trials,
    is_given_up,
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


DIVERGED = tuple(
    TrialRecord(number, "pruned", SCREEN, diverged=True) for number in range(MOST_DIVERGED)
)


def test_a_study_of_which_enough_trials_diverged_and_none_was_finished_ends() -> None:
    assert diverging(DIVERGED) == list(DIVERGED)
    assert diverging(DIVERGED[1:]) == []


def test_trials_of_another_kind_or_step_are_not_counted_with_those_that_diverged() -> None:
    others = [replace(DIVERGED[0], assignment=each) for each in (GROW, Assignment("screen", 2, 3))]
    assert diverging((*DIVERGED[1:], *others)) == []


def test_a_study_with_a_finished_trial_among_those_that_diverged_goes_on() -> None:
    assert diverging((*DIVERGED, TrialRecord(10, "complete", SCREEN))) == []


def test_refused_trials_that_were_not_trained_do_not_end_a_study() -> None:
    assert diverging([replace(each, diverged=False) for each in DIVERGED]) == []


def test_a_step_is_given_up_after_fewer_trials_if_they_diverged() -> None:
    refused = [replace(each, diverged=False) for each in DIVERGED]
    assert is_given_up(DIVERGED, "screen", 1, 500)
    assert not is_given_up(refused, "screen", 1, 500)
    assert is_given_up(refused, "screen", 1, MOST_DIVERGED)


def test_what_was_refused_before_the_newest_complete_trial_is_not_given_up_for() -> None:
    complete = TrialRecord(5, "complete", SCREEN, accuracy=0.6, parameters=20)
    assert not is_given_up((*DIVERGED[:5], complete, *DIVERGED[6:]), "screen", 1, 500)
