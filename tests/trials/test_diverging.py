"""A study whose trainings diverge ends, whatever its policy, and not one that lost a few."""

from collections.abc import Sequence
from dataclasses import replace
from random import Random

import pytest

from plantnas.trials.history import MOST_DIVERGED, Assignment, Reference, TrialRecord
from plantnas.trials.policies import Beam, Greedy, Pareto, Policy, next_assignment
from tests.trials.test_policies import REFERENCE, finished, grow, screen


class Endless:
    """A policy of a user's, which screens for ever."""

    def assign(self, history: Sequence[TrialRecord], reference: Reference) -> Assignment:
        return self.screen(history, reference)

    def screen(self, history: Sequence[TrialRecord], reference: Reference) -> Assignment:
        return Assignment("screen", 1, None)


def test_whatever_its_policy_a_study_whose_trainings_all_diverge_ends() -> None:
    diverged = [screen(number, "pruned", diverged=True) for number in range(MOST_DIVERGED)]
    assert next_assignment(Endless(), diverged[1:], REFERENCE) == Assignment("screen", 1, None)
    assert next_assignment(Endless(), diverged, REFERENCE) is None


@pytest.mark.parametrize("kind", ["probe", "screen", "grow"])
@pytest.mark.parametrize(
    "policy",
    [
        Greedy(steps=2, trials_per_step=3),
        Greedy(steps=2, probes=6, trials_per_step=3),
        Greedy(steps=2, probes=6, trials_per_step=1, ahead=1.0),
        Beam(steps=2, beam_width=2, trials_per_step=3),
        Pareto(steps=2, trials_per_step=3),
    ],
    ids=["greedy", "probes", "ahead", "beam", "pareto"],
)
@pytest.mark.parametrize("step", [1, 2])
def test_a_study_one_of_whose_kinds_always_diverges_ends(
    policy: Policy, kind: str, step: int
) -> None:
    draw, history = Random(0), list[TrialRecord]()
    while (assignment := next_assignment(policy, history, REFERENCE)) is not None:
        running = TrialRecord(len(history), "running", assignment)
        diverges = (assignment.kind, assignment.step) == (kind, step)
        diverged = replace(running, state="pruned", diverged=True)
        history.append(diverged if diverges else finished(running, history, draw))
        assert len(history) < 100


def test_a_step_whose_later_screens_diverge_grows_the_best_of_the_others() -> None:
    policy, history = Greedy(steps=1, trials_per_step=3), [screen(0)]
    history += [screen(number, "pruned", diverged=True) for number in range(1, MOST_DIVERGED + 1)]
    assert next_assignment(policy, history, REFERENCE) == Assignment("grow", 1, None, repeats=0)


def test_a_step_with_a_grown_network_ends_when_further_ones_diverge() -> None:
    policy, draw = Beam(steps=1, beam_width=2, trials_per_step=3), Random(0)
    history = [*map(screen, range(3)), grow(3, 0)]
    while (assignment := next_assignment(policy, history, REFERENCE)) is not None:
        running = TrialRecord(len(history), "running", assignment)
        diverged = replace(running, state="pruned", diverged=True)
        is_grow = assignment.kind == "grow"
        history.append(diverged if is_grow else finished(running, history, draw))
        assert len(history) < 100
