"""A study with probes: what they leave, what is screened of them, and what they must not enter."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import optuna
import pytest
from optuna.trial import TrialState

from plantnas.channels.shrinking import shrunk
from plantnas.report.finished_trials import wasted_seconds
from plantnas.report.frames.frames import trials_frame
from plantnas.report.plotting.pareto import pareto_info
from plantnas.report.study_data import study_data
from plantnas.searching.progress import progress
from plantnas.trials.assignments import assignment_of
from tests.searching.test_objective import (
    assert_same_weights,
    complete,
    kill_and_resume,
    networks_of_trials,
    of_kind,
    what_was_made,
)

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import StudyFolder


def test_probes_come_before_screens_and_these_before_the_grow(probing: StudyFolder) -> None:
    kinds = [trial.user_attrs["kind"] for trial in complete(probing.open())]
    assert kinds == (["probe"] * 4 + ["screen"] * 2 + ["grow"]) * 2


def test_a_probe_leaves_its_loss_its_widths_and_no_network(probing: StudyFolder) -> None:
    networks = networks_of_trials(probing)
    prepared = probing.objective().prepared(probing.open())
    for probe in of_kind(probing, "probe"):
        attributes, widths = probe.user_attrs, json.loads(probe.user_attrs["widths"])
        network = shrunk(prepared.sampled_donor, widths)
        assert prepared.probe(widths) == attributes["held_back_loss"]
        assert probe.values == [-attributes["held_back_loss"], attributes["parameters"]]
        assert sum(each.numel() for each in network.parameters()) == attributes["parameters"]
        assert probe.number not in networks
        assert "network" not in attributes


def test_screens_repeat_the_plantings_of_the_best_probes(probing: StudyFolder) -> None:
    trials = {trial.number: trial for trial in complete(probing.open())}
    for screen in of_kind(probing, "screen"):
        assignment = assignment_of(screen)
        assert assignment is not None
        probe = trials[assignment.repeats or 0]
        assert probe.user_attrs["kind"] == "probe"
        assert probe.user_attrs["planting"] == screen.user_attrs["planting"]
        assert probe.params == screen.params


def test_nothing_of_a_probe_is_in_the_front_or_the_best(probing: StudyFolder) -> None:
    data = study_data(probing.records)
    accuracies = [point.accuracy for point in pareto_info(data).points]
    accuracies += [trial.values[0] for step in progress(data.trials) if (trial := step.best)]
    accuracies += trials_frame(probing.url, "short").validation_accuracy.dropna().tolist()
    assert min(accuracies) > 0
    assert wasted_seconds(data) > 0


def test_a_study_with_probes_that_is_killed_and_resumed_makes_the_same(
    brief: StudyFolder, probing: StudyFolder, tmp_path: Path
) -> None:
    resumed = replace(probing, directory=tmp_path / "resumed")
    kill_and_resume(resumed, 2, 3, 4, None)
    assert what_was_made(resumed) == what_was_made(probing)
    assert_same_weights(resumed, probing)


def test_probes_of_a_planting_that_another_one_has_are_rejected(
    probing: StudyFolder, tmp_path: Path
) -> None:
    folder = replace(probing, directory=tmp_path / "study")
    folder.run(1)
    (first,) = folder.open().trials
    study = folder.open()
    study.add_trial(
        optuna.create_trial(
            state=TrialState.WAITING,
            params=first.params,
            distributions=first.distributions,
            system_attrs=first.system_attrs,
        )
    )
    folder.run(1)
    again = study.trials[-1]
    assert again.state == TrialState.PRUNED
    assert again.user_attrs["reason"] == f"trial {first.number} has the same planting"


def test_probes_do_not_depend_on_what_new_channels_start_from(
    brief: StudyFolder, tmp_path: Path
) -> None:
    """A teacher that gives no channels is recorded in the order in which it was trained."""
    losses = []
    for rows in ("fresh", "teacher"):
        folder = replace(brief, directory=tmp_path / rows).with_settings(
            seed__start="fresh", planting__rows=rows, search__probes=3, search__trials_per_step=1
        )
        prepared = folder.objective().prepared(folder.open())
        losses.append(prepared.probe(prepared.seed.widths))
        folder.run(8)
        assert len(of_kind(folder, "probe")) >= 3
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)
