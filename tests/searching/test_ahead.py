"""A study that looks ahead: what is trained along, what goes on from it, and what it must keep."""

from __future__ import annotations

import json
import multiprocessing
import os
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import torch
from torch import nn

from plantnas.channels.groups import analyse
from plantnas.channels.planting import crop
from plantnas.channels.structure import classifier_tensors
from plantnas.records.family import load_family, save_family
from plantnas.searching.prepared import PreparedStudy
from plantnas.trials.assignments import assignment_of
from plantnas.trials.cleaning import clean
from plantnas.workers.worker import optimize_until_complete
from tests.searching.test_objective import (
    assert_same_weights,
    complete,
    kill_and_resume,
    what_was_made,
)

if TYPE_CHECKING:
    from pathlib import Path

    from plantnas.records.record import NetworkRecord
    from tests.conftest import StudyFolder


@pytest.fixture(scope="session")
def study(looking: StudyFolder) -> PreparedStudy:
    """The study after all its trials."""
    return looking.objective().prepared(looking.open())


@pytest.fixture(scope="session")
def lineage(study: PreparedStudy) -> list[NetworkRecord]:
    """The seed and the grown networks."""
    networks = study.records.networks()
    return [each for each in networks if each.method == "seed" or each.kind == "grow"]


def test_the_seed_is_trained_when_the_first_steps_probes_are_made(looking: StudyFolder) -> None:
    kinds = [trial.user_attrs["kind"] for trial in complete(looking.open())]
    assert kinds == [
        *["probe"] * 4,
        *["screen"] * 2,
        *["probe"] * 4,
        "grow",
        *["screen"] * 2,
        "grow",
    ]


def test_the_seed_is_trained_along_with_the_first_that_is_screened(
    looking: StudyFolder, lineage: list[NetworkRecord]
) -> None:
    ahead, networks = lineage[0].ahead, looking.records.networks()
    assert ahead is not None
    assert ahead.widths == next(each.widths for each in networks if each.kind == "screen")


def test_what_is_grown_is_trained_along_with_the_probe_that_is_screened_next(
    looking: StudyFolder, lineage: list[NetworkRecord]
) -> None:
    trials = {trial.number: trial for trial in complete(looking.open())}
    grow = assignment_of(trials[lineage[1].trial_number or 0])
    assert grow is not None
    assert lineage[1].ahead is not None
    assert json.loads(trials[grow.ahead or 0].user_attrs["widths"]) == lineage[1].ahead.widths
    screens = [each for each in map(assignment_of, trials.values()) if each and each.step == 2]
    assert grow.ahead in {each.repeats for each in screens if each.kind == "screen"}


def test_nothing_is_trained_along_with_screens_and_the_last_step(
    looking: StudyFolder, lineage: list[NetworkRecord]
) -> None:
    assert lineage[-1].ahead is None
    assert not any(each.ahead for each in looking.records.networks() if each.kind == "screen")


def own_names(network: nn.Module, study: PreparedStudy) -> set[str]:
    """The tensors that each size has for itself."""
    norms = {name for name, each in network.named_modules() if isinstance(each, nn.BatchNorm2d)}
    names = {name for name in network.state_dict() if name.rpartition(".")[0] in norms}
    return names | classifier_tensors(analyse(network, study.example))


@pytest.mark.parametrize("step", [0, 1])
def test_the_convolutions_of_earlier_sizes_are_bit_identical_in_later_ones(
    study: PreparedStudy, lineage: list[NetworkRecord], step: int
) -> None:
    network = study.records.load(lineage[step])
    kept, ahead = network.state_dict().keys() - own_names(network, study), lineage[step].ahead
    wider = [study.records.load(record) for record in lineage[step + 1 :]]
    assert ahead is not None
    for each in [*wider, study.records.load_ahead(ahead)]:
        cropped = crop(each, study.example, lineage[step].widths).state_dict()
        assert kept
        assert all(torch.equal(cropped[name], network.state_dict()[name]) for name in kept)


def test_all_sizes_are_in_one_family_file(
    looking: StudyFolder, study: PreparedStudy, lineage: list[NetworkRecord], tmp_path: Path
) -> None:
    save_family(tmp_path / "family.safetensors", study.records, lineage)
    images = torch.randn(4, *study.example.shape[1:])
    for record in lineage:
        loaded = load_family(tmp_path / "family.safetensors", record.step)
        assert torch.equal(loaded(images), study.records.load(record)(images))


def test_the_same_study_makes_the_same_networks_whenever_it_is_killed(
    looking: StudyFolder, tmp_path: Path
) -> None:
    resumed = replace(looking, directory=tmp_path / "resumed")
    kill_and_resume(resumed, 2, 3, 4, 3, None)
    assert what_was_made(resumed) == what_was_made(looking)
    assert_same_weights(resumed, looking)


def test_what_is_trained_along_is_needed_however_old_it_is(
    looking: StudyFolder, tmp_path: Path
) -> None:
    folder = looking.copy(tmp_path / "study")
    for path in folder.directory.rglob("*"):
        os.utime(path, (1, 1))
    assert list(clean(folder.open(), folder.records, folder.directory)) == []
    for record in folder.records.networks():
        if record.ahead is not None:
            folder.records.load_ahead(record.ahead)  # checks its SHA-256


def test_a_study_of_another_weight_is_another_study(looking: StudyFolder) -> None:
    assert looking.with_settings(search__ahead=0.5).config.hash() != looking.config.hash()


def _work(folder: StudyFolder) -> None:
    optimize_until_complete(folder.open(), folder.objective())


def test_two_workers_train_one_seed(looking: StudyFolder, tmp_path: Path) -> None:
    folder = replace(looking, directory=tmp_path / "study")
    folder.open()
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_work, args=(folder,)) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0]
    networks = folder.records.networks()
    assert [each.method for each in networks].count("seed") == 1
    assert {each.step for each in networks if each.kind == "grow"} == {1, 2}


def test_what_the_last_version_left_is_gone_on_with_as_it_was(
    looking: StudyFolder, tmp_path: Path
) -> None:
    """A configuration without the key was of a study that looked nowhere."""
    folder = looking.copy(tmp_path / "study")
    tree = json.loads(json.dumps(folder.records.record.configuration))
    del tree["search"]["ahead"]
    folder.records.configure(tree)
    assert folder.records.config.search.ahead == 0
