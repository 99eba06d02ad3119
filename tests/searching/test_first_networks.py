"""What a seed is before its training: the teacher's channels, these fitted, or fresh ones."""

from __future__ import annotations

import os
import signal
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import torch
from torch import nn

from plantnas.channels.costs.parameters import parameters_of
from plantnas.channels.planting import crop
from plantnas.searching.interruption import Interrupted, ends_politely
from plantnas.searching.objective import PlantingObjective

if TYPE_CHECKING:
    from pathlib import Path

    from plantnas.searching.prepared import PreparedStudy
    from tests.conftest import StudyFolder


def seed_that_hardly_learns(
    tiny: StudyFolder, directory: Path, start: str, teacher_epochs: int = 1
) -> PreparedStudy:
    folder = replace(tiny, directory=directory).with_settings(
        teacher__epochs=teacher_epochs,
        seed__epochs=1,
        seed__learning_rate=1e-12,
        seed__start=start,
        planting__rows="teacher",
    )
    return folder.objective().prepared(folder.open())


def teacher_of(study: PreparedStudy) -> nn.Module:
    donor = study.initialisation().donor
    assert donor is not None
    return donor.network


def test_a_seed_starts_from_the_teachers_first_channels(tiny: StudyFolder, tmp_path: Path) -> None:
    study = seed_that_hardly_learns(tiny, tmp_path, "teacher")
    expected = crop(teacher_of(study), study.example, study.seed.widths)
    for parameter, other in zip(
        study.parent(None).network.parameters(), expected.parameters(), strict=True
    ):
        torch.testing.assert_close(parameter, other)


def test_a_seed_is_nowhere_wider_than_the_teacher_that_it_starts_from(
    tiny: StudyFolder, tmp_path: Path
) -> None:
    folder = replace(tiny, directory=tmp_path).with_settings(
        teacher__epochs=1,
        seed__epochs=1,
        search_space__teacher__width=0.25,
        search_space__seed__width=0.125,
        search_space__seed__minimum=8,
    )
    study = folder.objective().prepared(folder.open())
    teacher, seed = study.teacher.widths, study.seed.widths
    assert min(teacher.values()) < 8
    assert seed == {name: min(8, width) for name, width in teacher.items()}


def test_a_fitted_seed_is_nearer_to_the_teacher_before_any_training(
    tiny: StudyFolder, tmp_path: Path
) -> None:
    losses = {}
    for start in ("fitted", "teacher"):
        study = seed_that_hardly_learns(tiny, tmp_path / start, start, teacher_epochs=6)
        losses[start] = study.seed.evaluations[0].loss
    assert losses["fitted"] < 0.8 * losses["teacher"]


def test_what_channels_are_fitted_to_is_computed_once_for_all_machines(
    tiny: StudyFolder, tmp_path: Path
) -> None:
    folder = replace(tiny, directory=tmp_path / "one").with_settings(
        teacher__epochs=1, seed__epochs=1, planting__rows="fitted"
    )
    first: list[str] = []
    folder.objective().prepared(folder.open(), first.append)
    assert first.count("computing the teacher's samples") == 1
    objective = PlantingObjective(folder.config, tmp_path / "other")
    said: list[str] = []
    prepared = objective.prepared(folder.open(), said.append)
    assert len(prepared.samples().images) == 500
    assert said[-1] == "fetching the teacher's samples"


def test_a_fresh_seed_has_nothing_of_the_teacher(tiny: StudyFolder, tmp_path: Path) -> None:
    study = seed_that_hardly_learns(tiny, tmp_path, "fresh")
    expected = crop(teacher_of(study), study.example, study.seed.widths).state_dict()
    weights = study.parent(None).network.state_dict()
    convolutions = [name for name, tensor in weights.items() if tensor.ndim == 4]
    assert not any(torch.allclose(weights[name], expected[name]) for name in convolutions)


def test_a_seed_that_a_trial_asks_for_is_given_up_between_epochs(
    looking: StudyFolder, tmp_path: Path
) -> None:
    folder = replace(looking, directory=tmp_path)
    prepared = folder.objective().prepared(folder.open())
    with ends_politely():
        os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(Interrupted):
            prepared.seed_before({"features.10": 2})
    assert [each.method for each in folder.records.networks()] == ["teacher"]
    ahead = prepared.seed_before({"features.10": 2}).ahead
    assert ahead is not None
    assert ahead.widths["features.10"] == prepared.seed.widths["features.10"] + 2


SLOPES = """
from torch import nn

def network(num_classes, in_channels):
    return nn.Sequential(
        nn.Conv2d(in_channels, 8, 3, padding=1), nn.BatchNorm2d(8), nn.PReLU(8),
        nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, num_classes),
    )
"""


def test_a_seed_of_one_channel_grows_into_the_teachers_architecture(
    brief: StudyFolder, folder: Path
) -> None:
    (folder / "slopes.py").write_text(SLOPES)
    sys.path.insert(0, str(folder))
    study = replace(brief, directory=folder).with_settings(
        search_space__architecture="slopes:network",
        search_space__arguments={},
        search_space__seed__width=0.125,
        search_space__seed__minimum=1,
        search__maximum_growth=99.0,
    )
    study.run()
    networks = study.records.networks()
    assert next(each for each in networks if each.method == "seed").widths["0"] == 1
    for record in networks:
        slopes = study.records.load(record).get_parameter("2.weight")
        assert len(slopes) == record.widths["0"]
    assert max(record.widths["0"] for record in networks if record.step) > 1


def test_students_of_a_teacher_of_another_architecture_start_fresh(
    other_teacher: StudyFolder, tmp_path: Path
) -> None:
    study = other_teacher.copy(tmp_path / "study")
    prepared = study.objective().prepared(study.open())
    teacher, network = prepared.teacher, study.records.load(prepared.teacher)
    assert teacher.is_other_teacher
    assert teacher.parameters == parameters_of(network)
    assert prepared.validate(network).accuracy == teacher.evaluations[0].accuracy
    assert prepared.initialisation().donor is None
    assert prepared.widest == study.records.structure.growable_widths
    assert {each.method for each in study.records.networks()} == {"teacher", "seed", "planting"}
