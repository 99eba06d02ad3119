"""A finished network: the widths of a planted one, the closed form's start, nothing frozen."""

from __future__ import annotations

from dataclasses import replace
from math import inf, isnan, nan
from typing import TYPE_CHECKING

import pytest
import torch

from plantnas.baselines.finishing import (
    Plan,
    finish_network,
    finished_record,
    plan_for,
    summary,
)
from plantnas.baselines.planning import lineage_epochs
from plantnas.channels.shrinking import shrunk
from plantnas.errors import ConfigurationError, StudyError
from plantnas.measured import Evaluation
from plantnas.place import Place
from plantnas.report.export.choice import Wanted
from plantnas.search.recording import make_study
from plantnas.training.fitting import TrainingDiverged

if TYPE_CHECKING:
    from pathlib import Path

    from plantnas.records.record import NetworkRecord
    from tests.baselines.conftest import Opened, OpenStudy
    from tests.conftest import StudyFolder

EPOCHS = 2
RATE = 0.01


def place_of(folder: StudyFolder) -> Place:
    return Place(folder.config.name, folder.url, folder.directory)


def grown(folder: StudyFolder) -> NetworkRecord:
    """The network of the first step that became a parent."""
    return next(each for each in folder.records.networks() if each.kind == "grow")


@pytest.fixture(scope="module")
def done(
    ended: StudyFolder, open_study: OpenStudy, tmp_path_factory: pytest.TempPathFactory
) -> Opened:
    """A study in which one network was finished; nobody finishes others in it."""
    folder = ended.copy(tmp_path_factory.mktemp("done") / "study")
    plan = Plan(grown(folder), EPOCHS, RATE)
    finish_network(place_of(folder), plan, "cpu", lambda message: None)
    return open_study(folder)


@pytest.fixture(scope="module")
def record(done: Opened) -> NetworkRecord:
    return done.networks[-1]


@pytest.fixture(scope="module")
def start(done: Opened, record: NetworkRecord) -> torch.nn.Module:
    return shrunk(done.prepared.sampled_donor, record.widths)


def test_it_has_the_widths_of_its_parent_and_is_of_its_own_method(
    done: Opened, record: NetworkRecord
) -> None:
    parent = grown(done.folder)
    assert (record.method, record.kind, record.baseline) == ("finish", "finish", None)
    assert (record.parent_id, record.step) == (parent.id, parent.step)
    assert (record.widths, record.parameters) == (parent.widths, parent.parameters)


def test_it_loads_again_with_the_accuracy_that_is_recorded(
    done: Opened, record: NetworkRecord
) -> None:
    network = done.prepared.records.load(record)
    assert done.prepared.validate(network) == record.evaluation_on("validation")


def test_its_history_begins_with_the_closed_form_and_the_peak_of_the_schedule(
    done: Opened, record: NetworkRecord, start: torch.nn.Module
) -> None:
    before, *epochs = record.epochs
    assert [epoch.epoch for epoch in epochs] == [1, 2]
    assert (before.epoch, before.learning_rate) == (0, RATE)
    assert isnan(before.training_loss)
    assert before.validation_accuracy == done.prepared.validate(start).accuracy


def test_all_of_it_is_trained(done: Opened, record: NetworkRecord, start: torch.nn.Module) -> None:
    trained = dict(done.prepared.records.load(record).named_parameters())
    unmoved = [name for name, each in start.named_parameters() if torch.equal(each, trained[name])]
    assert unmoved == []


def test_it_is_made_once_for_the_same_settings(done: Opened, record: NetworkRecord) -> None:
    said = list[str]()
    plan = Plan(grown(done.folder), EPOCHS, RATE)
    assert finish_network(place_of(done.folder), plan, "cpu", said.append) == record
    assert said == [f"network {record.id} was finished so already"]


@pytest.mark.parametrize("other", [{"epochs": 3}, {"learning_rate": 0.02}])
def test_other_settings_are_another_network(
    done: Opened, record: NetworkRecord, other: dict[str, float]
) -> None:
    plan = Plan(grown(done.folder), EPOCHS, RATE)
    assert plan.is_done_by(record)
    assert not plan._replace(**other).is_done_by(record)


def test_the_same_settings_give_the_same_network(done: Opened, record: NetworkRecord) -> None:
    again = finished_record(done.prepared, done.study, Plan(grown(done.folder), EPOCHS, RATE))
    assert again.evaluations == record.evaluations


def test_a_training_that_fails_leaves_no_network(ended: StudyFolder, tmp_path: Path) -> None:
    folder = ended.copy(tmp_path / "study")
    before = folder.records.networks()
    with pytest.raises(TrainingDiverged):
        finish_network(place_of(folder), Plan(grown(folder), 1, 1e30), "cpu", lambda message: None)
    assert folder.records.networks() == before


def test_the_line_tells_both_accuracies_and_the_parents(
    done: Opened, record: NetworkRecord
) -> None:
    parent = grown(done.folder)
    before, after = record.epochs[0].validation_accuracy, record.evaluations[0].accuracy
    said = summary(record, Plan(parent, EPOCHS, RATE))
    assert said.startswith(f"Network {record.id}: widths ")
    assert f"{record.parameters:,} parameters" in said
    assert f"{before:.2%} before training, {after:.2%} after 2 epochs" in said
    nested = f"{parent.evaluations[0].accuracy:.2%}"
    assert said.endswith(f"network {parent.id}, which has these widths nested, has {nested}.")


def test_epochs_and_rate_are_by_default_those_of_a_baseline_and_of_the_seed(
    ended: StudyFolder,
) -> None:
    networks, parent = ended.records.networks(), grown(ended)
    plan = plan_for(ended.records, Wanted(parent.id))
    assert plan.epochs == lineage_epochs(networks, parent)
    assert plan.learning_rate == ended.config.seed.learning_rate


def test_the_best_network_within_a_limit_is_never_a_finished_one(
    ended: StudyFolder, tmp_path: Path
) -> None:
    folder = ended.copy(tmp_path / "study")
    wanted = Wanted(max_parameters=folder.records.networks()[0].parameters)
    parent = plan_for(folder.records, wanted).parent
    best = replace(
        parent,
        method="finish",
        kind="finish",
        trial_number=None,
        parent_id=parent.id,
        artifact_id=None,
        evaluations=(Evaluation("validation", 1.0, 0.0, 100),),
    )
    folder.records.add(best)
    assert plan_for(folder.records, wanted).parent == parent


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        (Wanted(), "needs a network's number, or the most parameters"),
        (Wanted(2, 5000), "a limit of parameters or MACs has no meaning beside it"),
        (Wanted(99), "has no network 99: its networks are 1 to "),
        (Wanted(1), "network 1 is of method 'teacher': only the seed and planted networks"),
        (Wanted(max_parameters=1), "no network is within these limits: the smallest has "),
    ],
)
def test_a_network_that_cannot_be_finished_is_refused(
    ended: StudyFolder, wanted: Wanted, message: str
) -> None:
    with pytest.raises((ConfigurationError, StudyError), match=message):
        plan_for(ended.records, wanted)


@pytest.mark.parametrize("epochs", [0, -1])
def test_epochs_that_are_none_are_refused(ended: StudyFolder, epochs: int) -> None:
    with pytest.raises(ConfigurationError, match=f"epochs {epochs}: is not a positive number"):
        plan_for(ended.records, Wanted(2), epochs)


@pytest.mark.parametrize("rate", [0.0, -0.1, inf, nan])
def test_a_rate_that_is_none_is_refused(ended: StudyFolder, rate: float) -> None:
    with pytest.raises(ConfigurationError, match=r"learning rate .*: is not a positive number"):
        plan_for(ended.records, Wanted(2), learning_rate=rate)


def test_a_study_that_has_not_begun_is_refused(brief: StudyFolder, tmp_path: Path) -> None:
    folder = replace(brief, directory=tmp_path)
    make_study(folder.config, folder.url, str(tmp_path / "weights"))
    with pytest.raises(StudyError, match="has no teacher yet; run the study first"):
        plan_for(folder.records, Wanted(2))
