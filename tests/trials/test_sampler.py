"""The planting sampler in real studies: assignments, scopes, repetition and resumption."""

import gc
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.samplers import BaseSampler, NSGAIISampler, QMCSampler, RandomSampler, TPESampler
from optuna.storages import RDBStorage, RetryHeartbeatStaleTrialCallback
from optuna.trial import FrozenTrial, TrialState

from plantnas.errors import ConfigurationError
from plantnas.place import sqlite_url
from plantnas.trials.history import Assignment
from plantnas.trials.policies import Beam, Greedy, Policy
from plantnas.trials.sampler import PlantingSampler, assignment_of

pytestmark = pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")

TWO_STEPS = Greedy(steps=2, trials_per_step=4)


def objective(trial: optuna.Trial) -> tuple[float, float]:
    """Accuracy by a formula: more channels help less and less, those of group a don't."""
    assignment = assignment_of(trial)
    if assignment is None:
        raise optuna.TrialPruned("the study is complete")
    planting = {group: trial.suggest_int(group, 0, 50) for group in "abc"}
    parameters = 1_000.0 * assignment.step + 10 * sum(planting.values())
    accuracy = 1 - 300 / parameters - 1e-4 * planting["a"]
    trial.set_user_attr("validation_loss", 1 - accuracy)
    return accuracy + (0.01 if assignment.kind == "grow" else 0.0), parameters


def new_study(
    base_sampler: BaseSampler, policy: str | Policy = TWO_STEPS, storage: RDBStorage | None = None
) -> optuna.Study:
    study = optuna.create_study(
        directions=["maximize", "minimize"],
        sampler=PlantingSampler(base_sampler, policy),
        storage=storage,
    )
    study.set_user_attr("seed_accuracy", 0.6)
    study.set_user_attr("seed_parameters", 900)
    return study


def tables(study: optuna.Study) -> list[tuple[Any, ...]]:
    return [(trial.state, trial.params, trial.values, trial.user_attrs) for trial in study.trials]


def assignments(study: optuna.Study) -> list[Assignment | None]:
    return [assignment_of(trial) for trial in study.trials]


SEEDED: dict[str, Callable[[], BaseSampler]] = {
    "random": lambda: RandomSampler(seed=1),
    "tpe": lambda: TPESampler(seed=1, n_startup_trials=2),
    "tpe-multivariate": lambda: TPESampler(seed=1, n_startup_trials=2, multivariate=True),
    "nsga2": lambda: NSGAIISampler(seed=1, population_size=2),
    "qmc": lambda: QMCSampler(seed=1),
}
seeded = pytest.mark.parametrize("base", SEEDED.values(), ids=SEEDED)


class SeeingSampler(RandomSampler):
    """A random sampler that notes which trials it could see, in each way to ask for them."""

    def __init__(self) -> None:
        super().__init__(seed=0)
        self.seen: list[tuple[int, list[int]]] = []

    def __deepcopy__(self, memo: dict[int, Any]) -> "SeeingSampler":
        return self

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: Any
    ) -> Any:
        for trials in (
            study.trials,
            study.get_trials(deepcopy=False),
            study._get_trials(deepcopy=False, use_cache=True),
            study._storage.get_all_trials(study._study_id, deepcopy=False),
        ):
            self.seen.append((trial.number, [one.number for one in trials]))
        return super().sample_independent(study, trial, param_name, param_distribution)


def test_one_worker_screens_then_grows_the_winner_in_each_step() -> None:
    study = new_study(RandomSampler(seed=0))
    study.optimize(objective, n_trials=50)
    screens = [Assignment("screen", 1, None)] * 4 + [Assignment("screen", 2, 4)] * 4
    made = assignments(study)
    assert made[:4] + made[5:9] == screens
    assert made[4] == Assignment("grow", 1, None, made[4].repeats if made[4] else None)
    assert made[9] == Assignment("grow", 2, 4, made[9].repeats if made[9] else None)


def test_a_grow_repeats_the_parameters_of_its_screen() -> None:
    study = new_study(RandomSampler(seed=0))
    study.optimize(objective, n_trials=5)
    grow = assignment_of(study.trials[4])
    assert grow is not None
    assert grow.repeats is not None
    assert study.trials[4].params == study.trials[grow.repeats].params


def test_assignments_can_be_read_as_user_attributes() -> None:
    study = new_study(RandomSampler(seed=0))
    study.optimize(objective, n_trials=6)
    shown = [
        {name: trial.user_attrs[name] for name in ("kind", "step", "parent")}
        for trial in study.trials
    ]
    assert shown[0] == {"kind": "screen", "step": 1, "parent": "seed"}
    assert shown[4] == {"kind": "grow", "step": 1, "parent": "seed"}
    assert shown[5] == {"kind": "screen", "step": 2, "parent": 4}


def test_a_live_trial_knows_its_assignment_and_attributes_at_once() -> None:
    trial = new_study(RandomSampler(seed=0)).ask()
    assert assignment_of(trial) == Assignment("screen", 1, None)
    assert trial.user_attrs["kind"] == "screen"


def test_a_complete_study_stops_after_one_pruned_trial() -> None:
    study = new_study(RandomSampler(seed=0))
    study.optimize(objective, n_trials=50)
    assert [trial.state for trial in study.trials[10:]] == [TrialState.PRUNED]
    assert assignment_of(study.ask()) is None


@seeded
def test_two_studies_of_one_worker_and_equal_seeds_are_equal(
    base: Callable[[], BaseSampler],
) -> None:
    studies = [new_study(base()) for _ in range(2)]
    for study in studies:
        study.optimize(objective, n_trials=50)
    assert tables(studies[0]) == tables(studies[1])


@seeded
@pytest.mark.parametrize("cut", [3, 7])
def test_a_resumed_study_equals_an_uninterrupted_one(
    base: Callable[[], BaseSampler], cut: int
) -> None:
    whole, resumed = new_study(base()), new_study(base())
    whole.optimize(objective, n_trials=50)
    resumed.optimize(objective, n_trials=cut)
    resumed.sampler = PlantingSampler(base(), TWO_STEPS)
    resumed.optimize(objective, n_trials=50)
    assert tables(resumed) == tables(whole)


def test_workers_with_equal_seeds_do_not_propose_the_same() -> None:
    study = new_study(RandomSampler(seed=1), Greedy(trials_per_step=50))
    for _ in range(10):
        study.sampler = PlantingSampler(RandomSampler(seed=1), Greedy(trials_per_step=50))
        study.optimize(objective, n_trials=1)
    assert len({tuple(trial.params.values()) for trial in study.trials}) == 10


def test_a_sampler_without_a_seed_differs_from_run_to_run() -> None:
    studies = [new_study(RandomSampler()) for _ in range(2)]
    for study in studies:
        study.optimize(objective, n_trials=4)
    assert tables(studies[0]) != tables(studies[1])


def test_the_base_sampler_sees_the_screens_of_the_same_parent_alone() -> None:
    base = SeeingSampler()
    study = new_study(base)
    study.optimize(objective, n_trials=50)
    first, second = [0, 1, 2, 3], [5, 6, 7, 8]
    expected = {number: [n for n in first + second if n <= number] for number in first}
    expected |= {number: [n for n in second if n <= number] for number in second}
    assert {number for number, _ in base.seen} == set(expected)
    assert all(visible == expected[number] for number, visible in base.seen)


PROBED = Greedy(steps=2, probes=4, trials_per_step=2)


def test_the_base_sampler_sees_and_proposes_probes_where_a_step_has_them() -> None:
    base = SeeingSampler()
    study = new_study(base, PROBED)
    study.optimize(objective, n_trials=50)
    first, second = [0, 1, 2, 3], [7, 8, 9, 10]
    expected = {number: [n for n in first if n <= number] for number in first}
    expected |= {number: [n for n in second if n <= number] for number in second}
    assert {number for number, _ in base.seen} == set(expected)
    assert all(visible == expected[number] for number, visible in base.seen)


def test_the_base_sampler_is_told_of_probes_and_of_no_repetition() -> None:
    class Told(SeeingSampler):
        """Notes of which trials it is told."""

        def __init__(self) -> None:
            super().__init__()
            self.told: list[int] = []

        def after_trial(self, study: optuna.Study, trial: FrozenTrial, *_: Any) -> None:
            self.told.append(trial.number)

    base = Told()
    new_study(base, PROBED).optimize(objective, n_trials=7)
    assert base.told == [0, 1, 2, 3]


def test_a_screen_repeats_the_parameters_of_its_probe() -> None:
    study = new_study(RandomSampler(seed=0), PROBED)
    study.optimize(objective, n_trials=7)
    for screen in study.trials[4:6]:
        assignment = assignment_of(screen)
        assert assignment is not None
        assert assignment.repeats is not None
        assert study.trials[assignment.repeats].params == screen.params


@seeded
def test_any_base_sampler_proposes_the_same_probes_again(base: Callable[[], BaseSampler]) -> None:
    studies = [new_study(base(), PROBED) for _ in range(2)]
    for study in studies:
        study.optimize(objective, n_trials=50)
    assert tables(studies[0]) == tables(studies[1])


def test_samplers_notes_in_the_study_stay_in_their_scope() -> None:
    study = new_study(NSGAIISampler(seed=1, population_size=2), Greedy(trials_per_step=6))
    study.optimize(objective, n_trials=14)
    notes = study._storage.get_study_system_attrs(study._study_id)
    for number, visible in (("seed", range(6)), ("6", range(7, 13))):
        cached = [
            trial_id
            for key, trial_ids in notes.items()
            if key.startswith(f"plantnas:{number}:")
            for trial_id in trial_ids
        ]
        assert cached
        assert set(cached) <= set(visible)


def test_copies_for_parents_that_no_trial_has_are_dropped() -> None:
    class CountedSampler(RandomSampler):
        pass

    study = new_study(CountedSampler(seed=0), Beam(beam_width=2, steps=4, trials_per_step=4))
    study.optimize(objective, n_trials=60)
    gc.collect()
    alive = [one for one in gc.get_objects() if type(one) is CountedSampler]
    assert len(alive) <= 2, "the base sampler, and a copy for the last trial's parent"


def test_an_enqueued_trial_keeps_its_parameters_and_screens_the_current_parent() -> None:
    study = new_study(RandomSampler(seed=0))
    study.optimize(objective, n_trials=5)
    study.enqueue_trial({"a": 1, "b": 2, "c": 3})
    study.optimize(objective, n_trials=1)
    assert study.trials[5].params == {"a": 1, "b": 2, "c": 3}
    assert assignment_of(study.trials[5]) == Assignment("screen", 2, 4)


@pytest.mark.parametrize("number", [2, 4], ids=["screen", "grow"])
def test_a_retried_trial_keeps_its_assignment_and_parameters(number: int) -> None:
    study = new_study(RandomSampler(seed=0))
    study.optimize(objective, n_trials=number)
    dead = study.ask()
    params = {group: dead.suggest_int(group, 0, 50) for group in "abc"}
    study.tell(dead, state=TrialState.FAIL)
    RetryHeartbeatStaleTrialCallback()(study, study.trials[number])
    study.optimize(objective, n_trials=1)
    retried = study.trials[number + 1]
    assert assignment_of(retried) == assignment_of(study.trials[number])
    assert retried.params == params
    assert retried.state == TrialState.COMPLETE


def test_a_failed_screen_reopens_its_place() -> None:
    study = new_study(RandomSampler(seed=0))
    dead = study.ask()
    study.optimize(objective, n_trials=3)
    study.tell(dead, state=TrialState.FAIL)
    study.optimize(objective, n_trials=2)
    kinds = [assignment.kind for assignment in assignments(study) if assignment]
    assert kinds == ["screen"] * 5 + ["grow"]


def add_undecided(study: optuna.Study, seconds_old: float) -> int:
    """A running trial whose worker has not decided yet, by trial id."""
    template = optuna.create_trial(state=TrialState.RUNNING)
    template.datetime_start = datetime.now() - timedelta(seconds=seconds_old)
    return study._storage.create_new_trial(study._study_id, template)


def test_a_trial_waits_until_lower_numbers_are_decided() -> None:
    study = new_study(RandomSampler(seed=0), Greedy(trials_per_step=1))
    trial_id = add_undecided(study, seconds_old=0)
    asked: list[optuna.Trial] = []
    thread = threading.Thread(target=lambda: asked.append(study.ask()))
    thread.start()
    time.sleep(0.1)
    assert not asked
    first = optuna.Trial(study, trial_id)
    thread.join(timeout=60)
    assert [assignment_of(first), assignment_of(asked[0])] == [Assignment("screen", 1, None)] * 2


def test_nobody_waits_for_a_worker_that_died_before_it_decided(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    study, slept = new_study(RandomSampler(seed=0)), list[float]()
    add_undecided(study, seconds_old=6)
    monkeypatch.setattr("time.sleep", slept.append)
    assert assignment_of(study.ask()) == Assignment("screen", 1, None)
    assert slept == []


def test_a_trial_whose_workers_clock_is_behind_is_waited_for_and_a_dead_one_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    study, slept = (
        new_study(RandomSampler(seed=0), storage=RDBStorage(sqlite_url(tmp_path))),
        list[float](),
    )
    add_undecided(study, seconds_old=3600)
    monkeypatch.setattr("plantnas.trials.sampler.PATIENCE_SECONDS", 1.0)
    real = time.sleep

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        real(0.1)

    monkeypatch.setattr("time.sleep", sleep)
    assert assignment_of(study.ask()) == Assignment("screen", 1, None)
    assert slept
    slept.clear()
    assert assignment_of(study.ask()) == Assignment("screen", 1, None)
    assert slept == []


def test_threads_of_one_study_complete_every_step() -> None:
    study = new_study(TPESampler(seed=0), Greedy(steps=3, trials_per_step=6))
    study.optimize(objective, n_jobs=4)
    made = [assignment for assignment in assignments(study) if assignment]
    for step in (1, 2, 3):
        kinds = [assignment.kind for assignment in made if assignment.step == step]
        assert kinds.count("screen") >= 6
        assert kinds.count("grow") >= 1


@seeded
def test_a_study_without_plantings_gets_nothing_written(base: Callable[[], BaseSampler]) -> None:
    study = optuna.create_study(sampler=PlantingSampler(base(), Greedy(trials_per_step=2)))
    study.enqueue_trial({"x": 0.3})
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=8)
    assert len({trial.params["x"] for trial in study.trials}) == 8
    assert study.trials[0].params == {"x": 0.3}
    assert all(trial.user_attrs == {} for trial in study.trials)
    assert assignments(study) == [Assignment("screen", 1, None)] * 8


def test_a_base_sampler_that_exhausts_one_parent_does_not_end_the_study() -> None:
    def small(trial: optuna.Trial) -> tuple[float, float]:
        if assignment_of(trial) is None:
            raise optuna.TrialPruned("the study is complete")
        channels = trial.suggest_int("a", 0, 1)
        return 0.5 + trial.number / 100, 1_000.0 + channels

    study = new_study(optuna.samplers.BruteForceSampler(), Greedy(steps=2, trials_per_step=2))
    study.optimize(small)
    kinds = [assignment.kind for assignment in assignments(study) if assignment]
    assert kinds == ["screen", "screen", "grow"] * 2


def test_an_unknown_policy_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="Did you mean 'pareto'"):
        PlantingSampler(RandomSampler(), "paretto")
