"""The objective is a plain one of Optuna's, and what a trial says is what the database holds."""

from __future__ import annotations

import json
import warnings
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import optuna
import pytest
import torch
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial, TrialState

from plantnas.errors import PlantnasError, StorageError, StudyError
from plantnas.records.record import NetworkRecord
from plantnas.records.study import load_network
from plantnas.records.weights import load_weights
from plantnas.report.images import load_images
from plantnas.searching.children import planted_child
from plantnas.searching.objective import PlantingObjective
from plantnas.training.planted import PlantedTraining, train_planted
from plantnas.trials.assignments import assignment_of
from plantnas.trials.policies import Beam, Greedy, Pareto, Policy
from plantnas.trials.sampler import PlantingSampler
from plantnas.trials.stopping import LossCurve, should_stop

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import StudyFolder

DIRECTIONS = ["maximize", "minimize"]
SAMPLERS = {
    "TPE": optuna.samplers.TPESampler,
    "NSGA-II": optuna.samplers.NSGAIISampler,
    "GP": optuna.samplers.GPSampler,
    "CMA-ES": optuna.samplers.CmaEsSampler,
    "QMC": optuna.samplers.QMCSampler,
    "random": optuna.samplers.RandomSampler,
}


def complete(study: optuna.Study) -> list[FrozenTrial]:
    return study.get_trials(states=(TrialState.COMPLETE,))


def networks_of_trials(folder: StudyFolder) -> dict[int, NetworkRecord]:
    networks = folder.records.networks()
    return {network.trial_number: network for network in networks if network.trial_number}


def user_optimizes(
    begun: StudyFolder, tmp_path: Path, base: BaseSampler, policy: Policy
) -> optuna.Study:
    """As a user of Optuna writes it; teacher and seed are there already, to save time."""
    folder = begun.copy(tmp_path / "study")
    study = optuna.create_study(
        storage=folder.url,
        study_name=folder.config.name,
        load_if_exists=True,
        directions=DIRECTIONS,
        sampler=PlantingSampler(base, policy),
    )
    study.optimize(PlantingObjective(folder.config), n_trials=40)
    return study


@pytest.mark.parametrize("name", SAMPLERS)
def test_any_base_sampler_searches(begun: StudyFolder, tmp_path: Path, name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        base = SAMPLERS[name](seed=0)
    study = user_optimizes(begun, tmp_path, base, Greedy(steps=1, trials_per_step=4))
    assert [trial.user_attrs["kind"] for trial in complete(study)] == ["screen"] * 4 + ["grow"]


@pytest.mark.parametrize(
    "policy",
    [
        Greedy(steps=2, trials_per_step=2),
        Beam(steps=2, trials_per_step=2, beam_width=2),
        Pareto(steps=2, trials_per_step=2),
    ],
    ids=lambda policy: type(policy).__name__,
)
def test_any_policy_searches(begun: StudyFolder, tmp_path: Path, policy: Beam) -> None:
    study = user_optimizes(begun, tmp_path, optuna.samplers.TPESampler(seed=0), policy)
    steps = [trial.user_attrs["step"] for trial in complete(study)]
    assert sorted(steps) == [1] * (2 + policy.beam_width) + [2] * (2 + policy.beam_width)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (
            lambda url: optuna.create_study(directions=DIRECTIONS, sampler=PlantingSampler(
                optuna.samplers.RandomSampler())),
            StorageError,
            "needs an SQL database",
        ),
        (
            lambda url: optuna.create_study(storage=url, directions=["minimize"] * 2,
                sampler=PlantingSampler(optuna.samplers.RandomSampler())),
            StudyError,
            r"its directions are \['minimize', 'minimize'\]",
        ),
        (
            lambda url: optuna.create_study(storage=url, directions=DIRECTIONS,
                sampler=optuna.samplers.RandomSampler()),
            StudyError,
            "its sampler is a RandomSampler; wrap it",
        ),
    ],
    ids=["in memory", "other directions", "plain sampler"],
)  # fmt: skip
def test_a_study_that_cannot_be_searched_by_planting_is_refused_in_one_line(
    tiny: StudyFolder,
    tmp_path: Path,
    make: Callable[[str], optuna.Study],
    error: type[PlantnasError],
    message: str,
) -> None:
    study = make(f"sqlite:///{tmp_path / 'study.db'}")
    with pytest.raises(error, match=message) as caught:
        study.optimize(PlantingObjective(tiny.config, tmp_path), n_trials=1)
    assert "\n" not in str(caught.value)


def test_a_trial_tells_what_it_did_in_its_user_attributes(finished: StudyFolder) -> None:
    for trial in complete(finished.open()):
        attributes = trial.user_attrs
        network = finished.records.network(attributes["network"])
        assert json.loads(attributes["planting"]) == network.planted
        assert json.loads(attributes["widths"]) == network.widths
        assert attributes["parameters"] == network.parameters
        assert attributes["macs"] == network.macs
        assert attributes["validation_loss"] == network.evaluations[0].loss
        assert attributes["kind"] == network.kind


def test_every_complete_trial_has_one_network_that_agrees_with_it(finished: StudyFolder) -> None:
    trials = {trial.number: trial for trial in complete(finished.open())}
    networks = finished.records.networks()
    of_trials = [network for network in networks if network.trial_number is not None]
    assert sorted(trials) == sorted(network.trial_number or 0 for network in of_trials)
    for network in of_trials:
        expected = [network.evaluations[0].accuracy, network.parameters]
        assert trials[network.trial_number or 0].values == expected


def test_a_networks_weights_reproduce_its_validation_accuracy(finished: StudyFolder) -> None:
    images, labels = load_images(finished.url, "tiny")
    for record in finished.records.networks():
        network = load_network(finished.url, "tiny", record.id)
        with torch.inference_mode():
            correct = (network(images).argmax(1) == labels).double().mean().item()
        assert correct == pytest.approx(record.evaluations[0].accuracy, abs=1e-12)
        assert sum(p.numel() for p in network.parameters()) == record.parameters


def kill_and_resume(folder: StudyFolder, *counts: int | None) -> None:
    """Runs so many trials at a time, or all that are left, behind one whose worker was killed."""
    for trials in counts:
        killed = folder.open().ask()
        folder.open().tell(killed.number, state=TrialState.FAIL)
        folder.run(trials)


def what_was_made(folder: StudyFolder) -> list[tuple[object, ...]]:
    """The trials that did not fail, in order, without their numbers and times."""
    trials = folder.open().get_trials(states=(TrialState.COMPLETE, TrialState.PRUNED))
    return [
        (trial.user_attrs.get("kind"), trial.state, trial.params, trial.values,
         trial.user_attrs.get("planting"))
        for trial in trials
        if assignment_of(trial)
    ]  # fmt: skip


def assert_same_weights(one: StudyFolder, other: StudyFolder) -> None:
    """Of every trained network, in the order of their trials."""
    tensors = [
        [
            load_weights(store, network.artifact_id or "", network.sha256 or "")
            for network in records.networks()
        ]
        for records in (one.records, other.records)
        for store in [records.store]
    ]
    for first, second in zip(*tensors, strict=True):
        assert first.keys() == second.keys()
        assert all(torch.equal(first[name], second[name]) for name in first)


def test_two_runs_make_the_same_trials_and_the_same_weights_to_the_bit(
    brief: StudyFolder, ended: StudyFolder, tmp_path: Path
) -> None:
    again = replace(brief, directory=tmp_path / "again")
    again.run()
    assert what_was_made(again) == what_was_made(ended)
    assert_same_weights(again, ended)


def test_a_run_that_is_killed_in_trials_and_resumed_makes_the_same(
    begun: StudyFolder, ended: StudyFolder, tmp_path: Path
) -> None:
    resumed = begun.copy(tmp_path / "resumed")
    kill_and_resume(resumed, 2, 3, 1, None)
    assert what_was_made(resumed) == what_was_made(ended)
    assert_same_weights(resumed, ended)


@pytest.mark.parametrize("random_seed", [0, 1])
def test_the_best_planted_network_is_20_points_better_than_its_seed(
    finished: StudyFolder, tmp_path: Path, random_seed: int
) -> None:
    """By validation accuracy; 40 points were measured and more, as the seed is tiny and short."""
    study = finished.open()
    if random_seed != finished.config.random_seed:
        folder = replace(finished, directory=tmp_path).with_settings(random_seed=random_seed)
        study = folder.run()
    best = max(trial.values[0] for trial in complete(study))
    assert best > study.user_attrs["seed_accuracy"] + 0.2


@pytest.fixture(scope="module", params=[("median", "parameters"), ("halving", "macs")])
def stopping_begun(
    brief: StudyFolder, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> StudyFolder:
    """A study with early stopping with its teacher and seed; not to be changed, but copied."""
    rule, cost = request.param
    folder = replace(brief, directory=tmp_path_factory.mktemp(rule)).with_settings(
        search__early_stopping=rule,
        search__cost=cost,
        search__trials_per_step=6,
        planting__screen_epochs=3,
        planting__epochs=4,
        planting__epochs_growth=1,
    )
    folder.objective().prepared(folder.open())
    return folder


@pytest.fixture(scope="module")
def stopping(stopping_begun: StudyFolder, tmp_path_factory: pytest.TempPathFactory) -> StudyFolder:
    """It after all its trials."""
    folder = stopping_begun.copy(tmp_path_factory.mktemp("stopping") / "study")
    folder.run()
    return folder


def of_kind(folder: StudyFolder, kind: str) -> list[FrozenTrial]:
    return [trial for trial in complete(folder.open()) if trial.user_attrs["kind"] == kind]


def test_a_stopped_trial_is_complete_with_what_its_last_epoch_achieved(
    stopping: StudyFolder,
) -> None:
    networks = networks_of_trials(stopping)
    stopped = [
        trial for trial in of_kind(stopping, "screen") if "stopped_after" in trial.user_attrs
    ]
    assert stopped
    for trial in stopped:
        network = networks[trial.number]
        assert trial.user_attrs["stopped_after"] == len(network.epochs) < 3
        assert trial.user_attrs["epochs_saved"] == 3 - len(network.epochs)
        assert trial.values == [network.epochs[-1].validation_accuracy, network.cost]


def test_screens_are_stopped_where_the_rule_says_and_nowhere_else(stopping: StudyFolder) -> None:
    records, rule = stopping.records, stopping.config.search.early_stopping
    for step in (1, 2):
        losses, trials = records.loss_curves("screen", step), stopping.open().trials
        curves = [LossCurve(trials[number].values[1], theirs) for number, theirs in losses.items()]
        assert len(curves) == 6
        for number, curve in enumerate(curves):
            for epoch in range(1, len(curve.losses) + 1):
                so_far = curve._replace(losses=curve.losses[:epoch])
                is_last = epoch == len(curve.losses) < 3
                assert should_stop(rule, so_far, curves[:number], 3) == is_last


def test_grows_are_never_stopped_nor_repeat_a_stopped_screen(stopping: StudyFolder) -> None:
    networks, grows = networks_of_trials(stopping), of_kind(stopping, "grow")
    assert len(grows) == 2
    for grow in grows:
        assignment = assignment_of(grow)
        assert assignment is not None
        assert len(networks[grow.number].epochs) == 4
        assert len(networks[assignment.repeats or 0].epochs) == 3


def test_one_worker_stops_the_same_trials_again_whatever_a_killed_one_left(
    stopping: StudyFolder, stopping_begun: StudyFolder, tmp_path: Path
) -> None:
    again = stopping_begun.copy(tmp_path / "again")
    again.run(9)  # two screens among them
    killed = again.open().ask()
    left = list(networks_of_trials(again).values())[-1]
    perfect = [epoch._replace(validation_loss=0.0) for epoch in left.epochs]
    left = replace(left, trial_number=killed.number, parameters=1, epochs=tuple(perfect))
    again.records.add(replace(left, id=None))
    again.open().tell(killed.number, state=TrialState.FAIL)
    again.run(8)
    made = what_was_made(again)
    assert made == what_was_made(stopping)[: len(made)]


def test_nothing_of_a_rejected_proposal_is_trained_or_kept(finished: StudyFolder) -> None:
    pruned = finished.open().get_trials(states=(TrialState.PRUNED,))
    rejected = [trial for trial in pruned if assignment_of(trial)]
    assert rejected
    assert not {trial.number for trial in rejected} & networks_of_trials(finished).keys()
    assert all("not between" in trial.user_attrs["reason"] for trial in rejected)


def test_samplers_learn_from_rejected_proposals_by_their_constraint(finished: StudyFolder) -> None:
    trials = finished.open().get_trials(states=(TrialState.PRUNED, TrialState.COMPLETE))
    for trial in filter(assignment_of, trials):
        is_feasible = trial.constraints["parameters"] <= 0
        assert is_feasible == (trial.state == TrialState.COMPLETE)


def test_new_channels_start_from_the_teachers_and_are_held_but_in_the_last_step(
    brief: StudyFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = replace(brief, directory=tmp_path)
    study = folder.objective().prepared(folder.open())
    parent, donor = study.parent(None), study.initialisation().donor
    assert donor is not None
    first = next(iter(parent.structure.growable))
    child = planted_child(study, parent, {first: 2}).network
    width = parent.structure.groups[first].width
    name = f"{first}.weight"
    assert torch.equal(
        child.get_parameter(name)[width:], donor.network.get_parameter(name)[width : width + 2]
    )
    held = set[tuple[int, float]]()

    def train(*arguments: Any) -> PlantedTraining:
        child, _, recipe, *_ = arguments
        step = 1 if child.parent == parent.network_id else 2
        held.add((step, recipe.l2_sp))
        return train_planted(*arguments)

    monkeypatch.setattr("plantnas.searching.objective.train_planted", train)
    folder.run()
    grown = [each for each in folder.records.networks() if each.kind == "grow"]
    assert {each.step for each in grown} == {1, 2}
    assert held == {(1, 0.1), (2, 0.0)}


def test_a_study_of_fitted_channels_keeps_its_parents_function(
    tiny: StudyFolder, tmp_path: Path
) -> None:
    folder = replace(tiny, directory=tmp_path).with_settings(
        seed__start="fitted", planting__rows="fitted", search__steps=1, search__trials_per_step=1
    )
    study = folder.objective().prepared(folder.open())
    parent = study.parent(None)
    child = planted_child(study, parent, dict.fromkeys(parent.structure.growable, 2)).network
    with torch.no_grad():
        torch.testing.assert_close(child(study.example), parent.network(study.example))
    folder.run()
    (grown,) = (each for each in folder.records.networks() if each.kind == "grow")
    assert grown.evaluations[0].loss < study.seed.evaluations[0].loss
