"""What the policies do next, from histories written by hand and from simulated workers."""

import heapq
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from plantnas.errors import ConfigurationError
from plantnas.trials.history import Assignment, Reference, TrialRecord
from plantnas.trials.policies import Beam, Greedy, Pareto, Policy, policy_from_name

REFERENCE = Reference(seed_accuracy=0.5, seed_cost=1_000, teacher_cost=100_000)


def screen(number: int, state: str = "complete", step: int = 1, **result: Any) -> TrialRecord:
    parent = result.pop("parent", None)
    return record(number, state, Assignment("screen", step, parent), **result)


def grow(number: int, screened: int, state: str = "complete", **result: Any) -> TrialRecord:
    step, parent = result.pop("step", 1), result.pop("parent", None)
    return record(number, state, Assignment("grow", step, parent, screened), **result)


def record(number: int, state: Any, assignment: Assignment, **result: Any) -> TrialRecord:
    if state == "complete":
        result = {"accuracy": 0.6, "parameters": 2_000, **result}
    return TrialRecord(number=number, state=state, assignment=assignment, **result)


def finished(trial: TrialRecord, history: Sequence[TrialRecord], draw: Random) -> TrialRecord:
    """A trial with the results of training: better and larger than its parent."""
    assert trial.assignment is not None
    parent = next((one for one in history if one.number == trial.assignment.parent), None)
    accuracy = 0.5 if parent is None or parent.accuracy is None else parent.accuracy
    parameters = 1_000 if parent is None or parent.parameters is None else parent.parameters
    gain = draw.uniform(0, 0.02) + (0.01 if trial.assignment.kind == "grow" else 0)
    return replace(
        trial,
        state="complete",
        accuracy=accuracy + gain,
        parameters=parameters * draw.uniform(1, 2),
    )


def simulate(
    policy: Policy, workers: int, seed: int = 0, most: int = 500, stopped: float = 0
) -> list[TrialRecord]:
    """The trials of a study, by number; a worker that gets None leaves.

    The share `stopped` of the screens behind the first of a step is stopped early.
    """
    draw = Random(seed)
    history: list[TrialRecord] = []
    events: list[tuple[float, int, int | None]] = [(0.0, worker, None) for worker in range(workers)]
    while events and len(history) < most:
        now, worker, number = heapq.heappop(events)
        if number is not None:
            history[number] = finished(history[number], history, draw)
            if stopped and is_stopped(history[number], history, stopped):
                history[number] = replace(history[number], stopped=True)
        assignment = policy.assign(history, REFERENCE)
        if assignment is None:
            continue
        number = len(history)
        history.append(TrialRecord(number, "running", assignment))
        seconds = draw.uniform(8, 12) if assignment.kind == "grow" else draw.uniform(1, 3)
        heapq.heappush(events, (now + seconds, worker, number))
    return history


def is_stopped(trial: TrialRecord, history: Sequence[TrialRecord], share: float) -> bool:
    assert trial.assignment is not None
    others = of_step(history, trial.assignment.step, "screen")
    has_peer = any(one.state == "complete" for one in others if one.number != trial.number)
    drawn = Random(trial.number).random() < share
    return trial.assignment.kind == "screen" and has_peer and drawn


def of_step(history: Sequence[TrialRecord], step: int, kind: str) -> list[TrialRecord]:
    return [
        one
        for one in history
        if one.assignment and one.assignment.step == step and one.assignment.kind == kind
    ]


class TestGreedy:
    policy = Greedy(steps=2, trials_per_step=2)

    def test_one_worker_makes_exactly_the_screens_and_one_grow_a_step(self) -> None:
        history = simulate(Greedy(steps=3, trials_per_step=5), workers=1)
        kinds = [one.assignment.kind for one in history if one.assignment]
        assert kinds == (["screen"] * 5 + ["grow"]) * 3

    def test_the_winner_has_the_largest_gain_in_hypervolume(self) -> None:
        history = [screen(0, accuracy=0.6), screen(1, accuracy=0.7)]
        assert self.policy.assign(history, REFERENCE) == Assignment("grow", 1, None, repeats=1)

    @pytest.mark.parametrize(
        ("losses", "expected"), [((0.3, 0.2), 1), ((0.2, 0.2), 0), ((None, 0.2), 1)]
    )
    def test_ties_go_to_the_lower_loss_then_the_lower_number(
        self, losses: tuple[float | None, float], expected: int
    ) -> None:
        history = [screen(number, validation_loss=loss) for number, loss in enumerate(losses)]
        assert self.policy.assign(history, REFERENCE) == Assignment("grow", 1, None, expected)

    @pytest.mark.parametrize("state", ["pruned", "failed"])
    def test_a_screen_without_a_result_reopens_its_place(self, state: str) -> None:
        history = [screen(0), screen(1, state)]
        assert self.policy.assign(history, REFERENCE) == Assignment("screen", 1, None)

    def test_a_running_screen_keeps_its_place(self) -> None:
        history = [screen(0), screen(1, "running")]
        assert self.policy.assign(history, REFERENCE) == Assignment("grow", 1, None, repeats=0)

    def test_a_failed_grow_is_assigned_again(self) -> None:
        history = [screen(0), screen(1, accuracy=0.7), grow(2, 1, "failed")]
        assert self.policy.assign(history, REFERENCE) == Assignment("grow", 1, None, repeats=1)

    def test_a_pruned_grow_withdraws_its_screen(self) -> None:
        history = [screen(0), screen(1, accuracy=0.7), grow(2, 1, "pruned")]
        assert self.policy.assign(history, REFERENCE) == Assignment("screen", 1, None)

    def test_a_spare_is_grown_while_the_winner_grows(self) -> None:
        history = [screen(0), screen(1, accuracy=0.7), grow(2, 1, "running")]
        assert self.policy.assign(history, REFERENCE) == Assignment("grow", 1, None, repeats=0)

    def test_without_spares_an_extra_screen_is_made(self) -> None:
        history = [screen(0), screen(1, accuracy=0.7), grow(2, 1, "running"), grow(3, 0)]
        assert self.policy.assign(history, REFERENCE) == Assignment("screen", 1, None)

    def test_an_extra_screen_does_not_change_the_winner(self) -> None:
        history = [screen(0), screen(1, accuracy=0.7), screen(2, accuracy=0.8), grow(3, 1)]
        assert self.policy.assign(history, REFERENCE) == Assignment("screen", 2, 3)

    def test_the_next_parent_is_the_best_network_grown_spares_included(self) -> None:
        history = [
            screen(0, accuracy=0.6),
            screen(1, accuracy=0.7),
            grow(2, 1, accuracy=0.71),
            grow(3, 0, accuracy=0.75),
        ]
        assert self.policy.assign(history, REFERENCE) == Assignment("screen", 2, 3)

    def test_the_parent_stays_when_a_better_spare_finishes_late(self) -> None:
        history = [
            screen(0),
            screen(1, accuracy=0.7),
            grow(2, 1, accuracy=0.71),
            grow(3, 0, accuracy=0.9),
            screen(4, "failed", step=2, parent=2),
        ]
        assert self.policy.assign(history, REFERENCE) == Assignment("screen", 2, 2)

    def test_nobody_starts_spares_in_the_last_step(self) -> None:
        history = [screen(0), screen(1, accuracy=0.7), grow(2, 1, "running")]
        assert Greedy(steps=1, trials_per_step=2).assign(history, REFERENCE) is None

    def test_a_step_without_plantings_left_ends_the_study(self) -> None:
        policy = Greedy(trials_per_step=2, give_up_after=3)
        history = [screen(number, "pruned") for number in range(3)]
        assert policy.assign(history[:2], REFERENCE) == Assignment("screen", 1, None)
        assert policy.assign(history, REFERENCE) is None

    def test_a_parent_without_room_ends_the_study_at_once(self) -> None:
        history = [screen(0, "pruned", no_room=True)]
        assert Greedy(trials_per_step=2).assign(history, REFERENCE) is None

    def test_a_step_that_runs_out_of_plantings_grows_the_best_it_has(self) -> None:
        policy = Greedy(trials_per_step=2, give_up_after=3)
        history = [screen(0), *(screen(number, "pruned") for number in range(1, 4))]
        assert policy.assign(history, REFERENCE) == Assignment("grow", 1, None, repeats=0)

    def test_trials_without_an_assignment_do_not_count(self) -> None:
        history = [TrialRecord(number, "complete", None, 0.9, 10) for number in range(4)]
        assert self.policy.assign(history, REFERENCE) == Assignment("screen", 1, None)

    def test_a_study_without_reference_figures_still_grows_the_best(self) -> None:
        history = [screen(0), screen(1, accuracy=0.7)]
        assert self.policy.assign(history, Reference()) == Assignment("grow", 1, None, repeats=1)

    def test_the_users_own_planting_is_a_screen_even_when_the_study_is_complete(self) -> None:
        history = simulate(self.policy, workers=1)
        assert self.policy.assign(history, REFERENCE) is None
        assert self.policy.screen(history, REFERENCE) == Assignment("screen", 2, 2)


class TestStoppedScreens:
    """Screens that early stopping ended."""

    def test_a_stopped_screen_does_not_win_however_accurate(self) -> None:
        history = [screen(0, accuracy=0.6), screen(1, accuracy=0.7, stopped=True)]
        for policy in (Greedy(trials_per_step=2), Pareto(trials_per_step=2)):
            assert policy.assign(history, REFERENCE) == Assignment("grow", 1, None, repeats=0)

    def test_it_takes_one_of_the_steps_places(self) -> None:
        history = [screen(0), screen(1, stopped=True)]
        assert Greedy(trials_per_step=3).assign(history, REFERENCE) == Assignment("screen", 1, None)

    def test_it_is_no_spare(self) -> None:
        history = [screen(0), screen(1, stopped=True), grow(2, 0, "running")]
        assert Greedy(trials_per_step=2).assign(history, REFERENCE) == Assignment("screen", 1, None)

    def test_it_does_not_fill_a_beam(self) -> None:
        policy = Beam(beam_width=2, trials_per_step=3)
        history = [screen(0), screen(1, stopped=True), screen(2, stopped=True)]
        assert [one.number for one in policy.winners(history, REFERENCE, 1)] == [0]
        grown = [*history, grow(3, 0)]
        assert policy.assign(grown, REFERENCE) == Assignment("screen", 2, 3)

    def test_among_stopped_screens_alone_the_best_wins(self) -> None:
        history = [
            screen(0),
            screen(1, accuracy=0.6, stopped=True),
            screen(2, accuracy=0.7, stopped=True),
            grow(3, 0, "pruned"),
        ]
        policy = Greedy(trials_per_step=2)
        assert policy.assign(history, REFERENCE) == Assignment("grow", 1, None, repeats=2)


class TestBeam:
    def test_the_parents_of_a_step_are_the_best_grown_of_the_last(self) -> None:
        history = simulate(Beam(beam_width=2, steps=3, trials_per_step=6), workers=1)
        for step in (2, 3):
            grown = {one.number for one in of_step(history, step - 1, "grow")}
            screens = of_step(history, step, "screen")
            parents = Counter(one.assignment.parent for one in screens if one.assignment)
            assert parents == dict.fromkeys(grown, 3)

    def test_one_worker_grows_as_many_as_the_beam_is_wide(self) -> None:
        history = simulate(Beam(beam_width=3, steps=2, trials_per_step=4), workers=1)
        for step in (1, 2):
            assert len(of_step(history, step, "screen")) == 4
            assert len(of_step(history, step, "grow")) == 3

    def test_a_parent_without_room_leaves_its_screens_to_the_others(self) -> None:
        policy = Beam(beam_width=2, steps=2, trials_per_step=2)
        grown = [screen(0), screen(1), grow(2, 0), grow(3, 1)]
        full = screen(4, "pruned", step=2, parent=2, no_room=True)
        of_the_other = screen(5, step=2, parent=3)
        for history in ([*grown, full], [*grown, full, of_the_other]):
            assert policy.assign(history, REFERENCE) == Assignment("screen", 2, 3)


class TestPareto:
    grown = (
        screen(0),
        screen(1),
        grow(2, 0, accuracy=0.7, parameters=3_000),
        grow(3, 1, accuracy=0.6, parameters=4_000),
    )

    def draws(self, policy: Pareto) -> Counter[int | None]:
        later = [screen(4 + index, "pruned") for index in range(200)]
        histories = ([*self.grown, *later[:index]] for index in range(200))
        return Counter(policy.screen(history, REFERENCE).parent for history in histories)

    def test_parents_come_from_the_front_alone(self) -> None:
        assert set(self.draws(Pareto(trials_per_step=2))) == {None, 2}

    def test_the_larger_contribution_is_drawn_more_often(self) -> None:
        drawn = self.draws(Pareto(trials_per_step=2))
        assert drawn[2] > drawn[None]

    def test_draws_depend_on_the_seed(self) -> None:
        history = [simulate(Pareto(steps=4, seed=seed), workers=1) for seed in (0, 0, 1)]
        assert history[0] == history[1] != history[2]

    def test_a_failed_trial_does_not_change_the_draws_behind_it(self) -> None:
        for later in range(20):
            history = [*self.grown, *(screen(5 + index, "pruned") for index in range(later))]
            failed = [*self.grown, screen(4, "failed"), *history[4:]]
            policy = Pareto(trials_per_step=2)
            assert policy.screen(failed, REFERENCE) == policy.screen(history, REFERENCE)

    def test_a_network_without_room_is_not_drawn(self) -> None:
        full = screen(4, "pruned", step=2, parent=2, no_room=True)
        histories = [[*self.grown, full, *[screen(5, "pruned")] * index] for index in range(50)]
        policy = Pareto(trials_per_step=2)
        assert {policy.screen(history, REFERENCE).parent for history in histories} == {None}

    def test_without_figures_of_the_seed_the_first_parent_is_the_seed(self) -> None:
        assert Pareto().assign([], Reference()) == Assignment("screen", 1, None)


POLICIES = [
    Greedy(steps=3, trials_per_step=6),
    Beam(beam_width=2, steps=3, trials_per_step=6),
    Pareto(steps=3, trials_per_step=6),
]


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: type(policy).__name__)
class TestEveryPolicy:
    def test_one_worker_is_deterministic(self, policy: Beam) -> None:
        assert simulate(policy, workers=1) == simulate(policy, workers=1)

    @pytest.mark.parametrize("workers", [2, 5, 16])
    @pytest.mark.parametrize("seed", range(5))
    def test_many_workers_complete_every_step(self, policy: Beam, workers: int, seed: int) -> None:
        history = simulate(policy, workers, seed)
        assert policy.assign(history, REFERENCE) is None
        for step in (1, 2, 3):
            assert len(of_step(history, step, "screen")) >= policy.trials_per_step
            assert len(of_step(history, step, "grow")) >= policy.beam_width

    @pytest.mark.parametrize("workers", [1, 2, 5, 16])
    def test_early_stopping_ends_no_study_and_grows_no_stopped_screen(
        self, policy: Beam, workers: int
    ) -> None:
        history = simulate(policy, workers, stopped=0.6)
        assert any(one.stopped for one in history)
        assert policy.assign(history, REFERENCE) is None
        for step in (1, 2, 3):
            grows = [one.assignment for one in of_step(history, step, "grow") if one.assignment]
            assert grows
            assert not any(history[grow.repeats or 0].stopped for grow in grows)

    @pytest.mark.parametrize("workers", [2, 5, 16])
    def test_no_planting_is_grown_twice(self, policy: Beam, workers: int) -> None:
        history = simulate(policy, workers)
        screened = [
            one.assignment.repeats
            for one in history
            if one.assignment and one.assignment.kind == "grow"
        ]
        assert len(screened) == len(set(screened))

    @pytest.mark.slow
    @pytest.mark.parametrize("workers", [2, 5, 16])
    def test_no_worker_leaves_before_the_last_step(self, policy: Beam, workers: int) -> None:
        unlimited = replace(policy, steps=None)
        assert len(simulate(unlimited, workers, most=300)) == 300


def test_a_policy_is_made_from_its_name_and_settings() -> None:
    assert policy_from_name("beam", beam_width=2, steps=4) == Beam(beam_width=2, steps=4)


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("gredy", {}, "Did you mean 'greedy'?"),
        ("greedy", {"step": 3}, "Did you mean 'steps'?"),
        ("greedy", {"beam_width": 3}, "unknown setting 'beam_width'"),
        ("greedy", {"winner": "best_acuracy"}, "Did you mean 'best_accuracy'?"),
        ("beam", {"beam_width": 5, "trials_per_step": 4}, "more than the 4 trials_per_step"),
        ("pareto", {"steps": 0}, "steps: 0 is not at least 1"),
    ],
)
def test_a_wrong_setting_is_named(name: str, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message.replace("?", r"\?")):
        policy_from_name(name, **settings)
