"""What the policies do next in a step with probes: these first, then screens of the best."""

from collections import Counter
from typing import Any

import pytest

from plantnas.errors import ConfigurationError
from plantnas.trials.history import Assignment, TrialRecord, active_trials
from plantnas.trials.policies import Beam, Greedy, Pareto
from tests.trials.test_policies import REFERENCE, grow, of_step, record, screen, simulate


def probe(number: int, state: str = "complete", **result: Any) -> TrialRecord:
    result = {"accuracy": -0.6, **result} if state == "complete" else result
    step, parent = result.pop("step", 1), result.pop("parent", None)
    return record(number, state, Assignment("probe", step, parent), **result)


def screen_of(number: int, probed: int, state: str = "complete", **result: Any) -> TrialRecord:
    return record(number, state, Assignment("screen", 1, None, probed), **result)


POLICY = Greedy(steps=2, probes=3, trials_per_step=2)
PROBES = (probe(0, accuracy=-0.9), probe(1, accuracy=-0.2), probe(2, accuracy=-0.5))


def next_of(*history: TrialRecord) -> Assignment | None:
    return POLICY.assign(history, REFERENCE)


def test_one_worker_probes_then_screens_then_grows_in_each_step() -> None:
    history = simulate(Greedy(steps=3, probes=5, trials_per_step=2), workers=1)
    kinds = [one.assignment.kind for one in history if one.assignment]
    assert kinds == (["probe"] * 5 + ["screen"] * 2 + ["grow"]) * 3


def test_the_best_probes_are_screened_the_best_first() -> None:
    assert next_of(*PROBES) == Assignment("screen", 1, None, repeats=1)
    screening = screen_of(3, 1, "running")
    assert next_of(*PROBES, screening) == Assignment("screen", 1, None, repeats=2)


def test_the_smaller_of_two_probes_of_the_same_loss_wins() -> None:
    pair = (probe(0, parameters=3_000), probe(1, parameters=2_000), probe(2, accuracy=-0.9))
    assert next_of(*pair) == Assignment("screen", 1, None, repeats=1)


def test_accuracy_for_each_parameter_is_compared_to_the_worst_probe() -> None:
    policy = Greedy(steps=1, probes=3, trials_per_step=2, winner="gain_per_parameter")
    sizes = (
        probe(0, accuracy=-0.9, parameters=4_000),
        probe(1, accuracy=-0.5, parameters=2_000),
        probe(2, accuracy=-0.4, parameters=4_000),
    )
    assert policy.assign(sizes, REFERENCE) == Assignment("screen", 1, None, repeats=1)


@pytest.mark.parametrize("state", ["pruned", "failed"])
def test_a_probe_without_a_result_reopens_its_place(state: str) -> None:
    history = (*PROBES[:2], probe(2, state))
    assert next_of(*history) == Assignment("probe", 1, None)


def test_while_the_last_probe_runs_the_best_complete_one_is_screened() -> None:
    history = (*PROBES[:2], probe(2, "running"))
    assert next_of(*history) == Assignment("screen", 1, None, repeats=1)


def test_while_all_probes_run_an_extra_one_is_made() -> None:
    running = [probe(number, "running") for number in range(3)]
    assert next_of(*running) == Assignment("probe", 1, None)


def test_a_failed_screen_is_assigned_again() -> None:
    failed = screen_of(3, 1, "failed")
    assert next_of(*PROBES, failed) == Assignment("screen", 1, None, repeats=1)


def test_a_pruned_screen_withdraws_its_probe() -> None:
    pruned = screen_of(3, 1, "pruned")
    assert next_of(*PROBES, pruned) == Assignment("probe", 1, None)


def test_a_pruned_grow_makes_room_for_the_next_best_probe() -> None:
    screens = (screen_of(3, 1), screen_of(4, 2), grow(5, 3, "pruned"))
    assert next_of(*PROBES, *screens) == Assignment("screen", 1, None, repeats=0)


def test_the_winner_is_the_best_screen_and_not_the_best_probe() -> None:
    screens = (screen_of(3, 1, accuracy=0.6), screen_of(4, 2, accuracy=0.7))
    assert next_of(*PROBES, *screens) == Assignment("grow", 1, None, repeats=4)


def test_with_nothing_left_to_grow_one_more_probe_is_screened() -> None:
    screens = (screen_of(3, 1), screen_of(4, 2, "running"), grow(5, 3, "running"))
    assert next_of(*PROBES, *screens) == Assignment("screen", 1, None, repeats=0)


def test_and_without_a_free_probe_an_extra_one_is_made() -> None:
    trials = (screen_of(3, 1), screen_of(4, 2), screen_of(5, 0, "running"))
    grows = (grow(6, 3, "running"), grow(7, 4, "running"))
    assert next_of(*PROBES, *trials, *grows) == Assignment("probe", 1, None)


def test_a_chosen_planting_is_screened_and_takes_a_place_of_the_screens() -> None:
    assert POLICY.screen(PROBES, REFERENCE) == Assignment("screen", 1, None)
    history = (*PROBES, screen(3), screen_of(4, 1, "running"))
    assert next_of(*history) == Assignment("grow", 1, None, repeats=3)


def test_probes_of_a_step_are_shared_by_its_parents() -> None:
    policy = Beam(beam_width=2, steps=2, probes=4, trials_per_step=2)
    history = simulate(policy, workers=1)
    parents = [one.assignment.parent for one in of_step(history, 2, "probe") if one.assignment]
    assert sorted(Counter(parents).values()) == [2, 2]


def test_a_screen_has_the_parent_of_its_probe() -> None:
    history = simulate(Beam(beam_width=2, steps=3, probes=6, trials_per_step=3), workers=2)
    for one in history:
        assignment = one.assignment
        assert assignment is not None
        if assignment.repeats is not None:
            repeated = history[assignment.repeats].assignment
            assert repeated is not None
            assert repeated.parent == assignment.parent


@pytest.mark.parametrize("workers", [2, 3, 8])
def test_nobody_waits_and_no_planting_is_trained_twice(workers: int) -> None:
    history = simulate(Beam(beam_width=2, steps=3, probes=6, trials_per_step=3), workers)
    assert all(one.state == "complete" for one in history)
    repeated = [one.assignment.repeats for one in history if one.assignment]
    again = [number for number in repeated if number is not None]
    assert len(again) == len(set(again))
    for step in (1, 2, 3):
        assert len(of_step(history, step, "probe")) >= 6
        assert len(of_step(history, step, "screen")) >= 3


def test_a_step_that_gives_up_screens_and_grows_what_it_has() -> None:
    policy = Greedy(steps=1, probes=3, trials_per_step=2, give_up_after=2)
    history = [probe(0), probe(1, "pruned"), probe(2, "pruned")]
    expected = [
        Assignment("screen", 1, None, repeats=0),
        Assignment("grow", 1, None, repeats=3),
        None,
    ]
    for number, assignment in enumerate(expected, start=3):
        assert policy.assign(history, REFERENCE) == assignment
        if assignment is not None:
            history.append(record(number, "complete", assignment))


def test_a_step_whose_screens_are_all_pruned_gives_up() -> None:
    """As when they diverge: each leaves room for one more probe, which is complete."""
    policy = Greedy(steps=1, probes=3, trials_per_step=2, give_up_after=2)
    history = list(PROBES)
    while (assignment := policy.assign(history, REFERENCE)) is not None:
        kind, number = assignment.kind, len(history)
        trial = probe(number) if kind == "probe" else record(number, "pruned", assignment)
        history.append(trial)
        assert len(history) < 20
    assert not active_trials(history, "probe", 1)


def test_without_room_and_probes_the_study_ends() -> None:
    assert next_of(probe(0, "pruned", no_room=True)) is None


def test_more_screens_than_probes_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="12 is more than the 8 probes"):
        Greedy(probes=8, trials_per_step=12)


def test_pareto_draws_a_parent_for_each_probe() -> None:
    history = simulate(Pareto(steps=4, probes=8, trials_per_step=2), workers=1)
    parents = [one.assignment.parent for one in of_step(history, 4, "probe") if one.assignment]
    assert len(set(parents)) > 1
