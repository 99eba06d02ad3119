"""What the policies do next where a step's probes come before the networks that they widen."""

from dataclasses import replace

import pytest

from plantnas.errors import ConfigurationError
from plantnas.trials.history import Assignment, Reference, TrialRecord, active_trials
from plantnas.trials.policies import Beam, Greedy, Pareto
from tests.trials.test_policies import REFERENCE, grow, of_step, screen, simulate
from tests.trials.test_probes import probe, screen_of

POLICY = Greedy(steps=2, probes=2, trials_per_step=1, ahead=1.0)
SCREENED = (probe(0, accuracy=-0.9), probe(1, accuracy=-0.2), screen_of(2, 1))


def next_of(*history: TrialRecord) -> Assignment | None:
    return POLICY.assign(history, REFERENCE)


def test_one_worker_probes_the_next_step_before_it_grows() -> None:
    history = simulate(Greedy(steps=3, probes=4, trials_per_step=2, ahead=1.0), workers=1)
    made = [(each.assignment.kind, each.assignment.step) for each in history if each.assignment]
    assert made == [
        *[("probe", 1)] * 4,
        *[("screen", 1)] * 2,
        *[("probe", 2)] * 4,
        ("grow", 1),
        *[("screen", 2)] * 2,
        *[("probe", 3)] * 4,
        ("grow", 2),
        *[("screen", 3)] * 2,
        ("grow", 3),
    ]


def test_the_next_steps_probes_widen_what_is_about_to_be_grown() -> None:
    assert next_of(*SCREENED) == Assignment("probe", 2, 2)
    assert next_of(*SCREENED, probe(3, step=2, parent=2)) == Assignment("probe", 2, 2)


def test_what_is_grown_is_trained_along_with_its_best_probe() -> None:
    ahead = (probe(3, step=2, parent=2, accuracy=-0.3), probe(4, step=2, parent=2, accuracy=-0.1))
    assert next_of(*SCREENED, *ahead) == Assignment("grow", 1, None, repeats=2, ahead=4)


def test_nobody_waits_for_a_probe_that_is_still_running() -> None:
    running = probe(4, "running", step=2, parent=2)
    assert next_of(*SCREENED, probe(3, step=2, parent=2), running) == Assignment(
        "grow", 1, None, repeats=2, ahead=3
    )
    assert next_of(*SCREENED, replace(running, number=3), running) == Assignment("grow", 1, None, 2)


def test_the_next_screens_have_the_grown_network_for_a_parent() -> None:
    ahead = (probe(3, step=2, parent=2, accuracy=-0.3), probe(4, step=2, parent=2, accuracy=-0.1))
    history = (*SCREENED, *ahead, grow(5, 2))
    assert next_of(*history) == Assignment("screen", 2, 5, repeats=4)


def test_a_winner_that_is_withdrawn_leaves_its_probes_behind() -> None:
    policy = replace(POLICY, probes=3)
    screened = (probe(0), probe(1), probe(2), screen_of(3, 1))
    ahead = [probe(number, step=2, parent=3) for number in (4, 5, 6)]
    history = (*screened, *ahead, grow(7, 3, "pruned"), screen_of(8, 2))
    assert policy.assign(history, REFERENCE) == Assignment("probe", 2, 8)


def test_a_spare_is_grown_without_a_network_ahead_and_probed_later() -> None:
    policy = replace(POLICY, trials_per_step=2)
    screened = (probe(0), probe(1), screen_of(2, 0, accuracy=0.7), screen_of(3, 1))
    ahead = (probe(4, step=2, parent=2), probe(5, step=2, parent=2))
    growing = grow(6, 2, "running")
    history = (*screened, *ahead, growing)
    assert policy.assign(history, REFERENCE) == Assignment("grow", 1, None, repeats=3)
    both = (*history[:-1], grow(6, 2, accuracy=0.6), grow(7, 3, accuracy=0.9))
    assert policy.assign(both, REFERENCE) == Assignment("probe", 2, 3)


def test_the_last_step_looks_nowhere() -> None:
    assert replace(POLICY, steps=1).assign(SCREENED, REFERENCE) == Assignment("grow", 1, None, 2)


def test_without_probes_nothing_is_ahead() -> None:
    policy = Greedy(steps=2, trials_per_step=1, ahead=1.0)
    assert policy.assign((screen(0),), REFERENCE) == Assignment("grow", 1, None, repeats=0)


def test_a_winner_without_room_is_grown_alone() -> None:
    full = replace(probe(3, "pruned", step=2, parent=2), no_room=True)
    assert next_of(*SCREENED, full) == Assignment("grow", 1, None, repeats=2)


def test_a_parent_that_its_probes_found_to_have_no_room_ends_the_study() -> None:
    full = replace(probe(3, "pruned", step=2, parent=2), no_room=True)
    assert next_of(*SCREENED, full, grow(4, 2)) is None


def test_a_winner_whose_probes_are_all_pruned_is_grown_alone() -> None:
    policy = replace(POLICY, give_up_after=2)
    pruned = [probe(number, "pruned", step=2, parent=2) for number in (3, 4)]
    assert policy.assign((*SCREENED, *pruned), REFERENCE) == Assignment("grow", 1, None, 2)


def test_probes_are_compared_before_the_seeds_accuracy_is_known() -> None:
    policy = replace(POLICY, winner="gain_per_parameter", steps=1)
    sizes = (
        probe(0, accuracy=-0.9, parameters=4_000),
        probe(1, accuracy=-0.5, parameters=2_000),
    )
    untrained = Reference(seed_cost=1_000, teacher_cost=100_000)
    assert policy.assign(sizes, untrained) == policy.assign(sizes, REFERENCE)


def test_the_next_probes_are_shared_by_the_winners_of_a_beam() -> None:
    policy = Beam(beam_width=2, steps=2, probes=4, trials_per_step=2, ahead=1.0)
    history = simulate(policy, workers=1)
    first = {each.number for each in of_step(history, 1, "screen")}
    parents = [each.parent for each in of_step(history, 2, "probe")]
    assert sorted(map(parents.count, first)) == [2, 2]
    aheads = {each.assignment.ahead for each in of_step(history, 1, "grow") if each.assignment}
    assert aheads < {each.number for each in of_step(history, 2, "probe")}
    assert len(aheads) == 2


@pytest.mark.parametrize("workers", [1, 3, 8])
@pytest.mark.parametrize("beam_width", [1, 2])
def test_every_step_of_any_number_of_workers_has_its_probes_and_its_screens(
    workers: int, beam_width: int
) -> None:
    policy = Beam(beam_width=beam_width, steps=3, probes=20, trials_per_step=3, ahead=1.0)
    history = simulate(policy, workers)
    for step in (1, 2, 3):
        assert len(active_trials(history, "probe", step)) >= 20
        assert len(active_trials(history, "screen", step)) >= 3
        grows = of_step(history, step, "grow")
        assert len(grows) >= beam_width
        assert any(each.assignment and each.assignment.ahead is not None for each in grows) == (
            step < 3
        )
        kinds = {each.number: each for each in history}
        for each in of_step(history, step, "screen"):
            assert each.assignment is not None
            probed, parent = kinds[each.assignment.repeats or 0], each.parent
            widened = probed.parent
            if parent is not None and (grown := kinds[parent].assignment) is not None:
                parent = grown.repeats
            assert widened == parent


def test_a_study_that_goes_further_plants_in_what_was_grown_alone() -> None:
    history = simulate(replace(POLICY, steps=1), workers=1)
    (grown,) = of_step(history, 1, "grow")
    longer = simulate_on(history, replace(POLICY, steps=2))
    assert {each.parent for each in of_step(longer, 2, "screen")} == {grown.number}


def simulate_on(history: list[TrialRecord], policy: Greedy) -> list[TrialRecord]:
    """The history, gone on with by one worker."""
    longer = list(history)
    while (assignment := policy.assign(longer, REFERENCE)) is not None:
        longer.append(
            TrialRecord(len(longer), "complete", assignment, accuracy=0.9, parameters=9_000)
        )
    return longer


def test_the_parents_of_a_round_are_not_known_ahead() -> None:
    policy = Pareto(steps=2, probes=4, trials_per_step=2)
    assert policy.ahead == 0
    with pytest.raises(TypeError):
        Pareto(ahead=1.0)  # type: ignore[call-arg]


def test_a_weight_below_zero_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"policy: ahead: -1 is not at least 0\."):
        Greedy(ahead=-1)
