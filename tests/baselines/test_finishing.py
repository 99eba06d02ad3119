"""A finished network: the widths of a planted one, the closed form's start, nothing frozen."""

from __future__ import annotations

from dataclasses import replace
from math import inf, isnan, nan
from typing import TYPE_CHECKING

import pytest
import torch

from plantnas.baselines.finishing import (
    Plan,
    finish_networks,
    plan_for,
    summary,
)
from plantnas.baselines.making import make_baseline
from plantnas.baselines.methods import method_named
from plantnas.baselines.planning import LOCK, Task, lineage_epochs
from plantnas.channels.shrinking import shrunk
from plantnas.errors import ConfigurationError, StudyError
from plantnas.files import is_locked
from plantnas.measured import Evaluation
from plantnas.place import Place
from plantnas.records.family import load_family, save_family
from plantnas.report.export.choice import Wanted, family_of
from plantnas.report.front import winning_lineage
from plantnas.searching.recording import make_study
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


def alone(folder: StudyFolder, epochs: int = EPOCHS, rate: float = RATE) -> Plan:
    """The grown network alone."""
    return Plan((grown(folder),), epochs, rate, together=False)


def together(folder: StudyFolder, epochs: int | None = None) -> Plan:
    """The seed and the grown network as a family."""
    seed = next(each for each in folder.records.networks() if each.method == "seed")
    return Plan((seed, grown(folder)), epochs, RATE, together=True)


@pytest.fixture(scope="module")
def done(
    ended: StudyFolder, open_study: OpenStudy, tmp_path_factory: pytest.TempPathFactory
) -> Opened:
    """A study in which one network was finished; nobody finishes others in it."""
    folder = ended.copy(tmp_path_factory.mktemp("done") / "study")
    finish_networks(place_of(folder), alone(folder), "cpu", lambda message: None)
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
    assert (record.method, record.kind) == ("finish", "finish")
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
    plan = alone(done.folder)
    assert finish_networks(place_of(done.folder), plan, "cpu", said.append) == [record]
    assert said == [f"network {record.id}: finished so already"]


def test_no_baselines_are_made_meanwhile(done: Opened) -> None:
    lock, locked = done.folder.directory / LOCK, list[bool]()
    plan = alone(done.folder)
    finish_networks(place_of(done.folder), plan, "cpu", lambda _: locked.append(is_locked(lock)))
    assert locked == [True]


@pytest.mark.parametrize("other", [{"epochs": 3}, {"learning_rate": 0.02}])
def test_other_settings_are_another_network(
    done: Opened, record: NetworkRecord, other: dict[str, float]
) -> None:
    plan, networks = alone(done.folder), done.networks
    assert plan.done_by(networks) == [record]
    assert plan._replace(**other).done_by(networks) == []


def test_the_same_settings_give_the_same_network(done: Opened, record: NetworkRecord) -> None:
    task = Task("finish", grown(done.folder).id, 0, RATE, EPOCHS)
    again = make_baseline(done.prepared, done.study, task, method_named("finish"))
    assert again.evaluations == record.evaluations


@pytest.mark.parametrize("epochs", [None, EPOCHS])
def test_it_is_compared_if_it_has_the_epochs_of_a_baseline(
    done: Opened, epochs: int | None
) -> None:
    parent = grown(done.folder)
    task, method = Task("finish", parent.id, 0, RATE, epochs), method_named("finish")
    made = make_baseline(done.prepared, done.study, task, method)
    assert lineage_epochs(done.networks, parent) != EPOCHS
    assert (made.baseline is None) == (epochs is not None)


def test_a_training_that_fails_leaves_no_network(ended: StudyFolder, tmp_path: Path) -> None:
    folder = ended.copy(tmp_path / "study")
    before = folder.records.networks()
    with pytest.raises(TrainingDiverged):
        finish_networks(place_of(folder), alone(folder, 1, 1e30), "cpu", lambda message: None)
    assert folder.records.networks() == before


def test_the_line_tells_both_accuracies_and_the_parents(
    done: Opened, record: NetworkRecord
) -> None:
    parent = grown(done.folder)
    before, after = record.epochs[0].validation_accuracy, record.evaluations[0].accuracy
    said = summary(record, parent)
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
    assert plan.learning_rate == ended.config.seed.for_size(parent.parameters).peak


def test_the_best_network_within_a_limit_is_never_a_finished_one(
    ended: StudyFolder, tmp_path: Path
) -> None:
    folder = ended.copy(tmp_path / "study")
    wanted = Wanted(limits={"parameters": folder.records.networks()[0].parameters})
    (parent,) = plan_for(folder.records, wanted).sources
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
    assert plan_for(folder.records, wanted).sources == (parent,)


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        (Wanted(), "needs a network's number, or a limit, such as the most parameters"),
        (Wanted(2, {"parameters": 5000}), "a limit of parameters has no meaning beside it"),
        (Wanted(99), "has no network 99: its networks are 1 to "),
        (Wanted(1), "network 1 is of method 'teacher': only the seed and planted networks"),
        (Wanted(limits={"parameters": 1}), "no network is within these limits: the smallest has "),
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


@pytest.fixture(scope="module")
def family(
    ended: StudyFolder, open_study: OpenStudy, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Opened, list[NetworkRecord]]:
    """A study whose seed and grown network were finished together."""
    folder = ended.copy(tmp_path_factory.mktemp("family") / "study")
    plan = together(folder)
    networks = finish_networks(place_of(folder), plan, "cpu", lambda message: None)
    return open_study(folder), networks


def test_a_family_has_a_network_for_each_of_a_lineage(
    family: tuple[Opened, list[NetworkRecord]],
) -> None:
    opened, networks = family
    first, second = networks
    sources = together(opened.folder).sources
    assert [each.widths for each in networks] == [each.widths for each in sources]
    assert [each.step for each in networks] == [each.step for each in sources]
    assert {(each.method, each.kind) for each in networks} == {("family", "finish")}
    assert (first.parent_id, second.parent_id) == (None, first.id)


def test_a_network_of_a_family_is_a_crop_of_the_next(
    family: tuple[Opened, list[NetworkRecord]], tmp_path: Path
) -> None:
    opened, (first, second) = family
    path = tmp_path / "family.plantnas"
    save_family(path, opened.prepared.records, family_of("study", opened.networks, second))
    loaded, recorded = load_family(path, step=0), opened.prepared.records.load(first)
    for name, tensor in recorded.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], tensor)


def test_a_family_is_compared_at_the_cost_of_separate_trainings(
    family: tuple[Opened, list[NetworkRecord]],
) -> None:
    opened, networks = family
    sources = together(opened.folder).sources
    epochs = [lineage_epochs(opened.networks, source) for source in sources]
    separate = sum(each * source.macs for each, source in zip(epochs, sources, strict=True))
    (trained,) = {network.epochs[-1].epoch for network in networks}
    epoch = sources[0].macs / 2 + sources[1].macs
    assert trained * epoch <= separate < (trained + 1) * epoch
    assert [each.baseline.target_id for each in networks if each.baseline] == [
        source.id for source in sources
    ]


def test_a_family_is_made_once_for_the_same_settings(
    family: tuple[Opened, list[NetworkRecord]],
) -> None:
    opened, networks = family
    plan = together(opened.folder)
    assert plan.done_by(opened.networks) == networks
    assert plan._replace(epochs=99).done_by(opened.networks) == []
    assert plan._replace(sources=plan.sources[1:]).done_by(opened.networks) == []


def test_a_part_of_a_larger_family_is_no_family_that_was_made(
    family: tuple[Opened, list[NetworkRecord]],
) -> None:
    opened, _ = family
    plan = together(opened.folder)
    assert plan._replace(sources=plan.sources[:1]).done_by(opened.networks) == []


def test_without_a_number_a_family_is_the_winning_lineage(ended: StudyFolder) -> None:
    plan = plan_for(ended.records, Wanted(), together=True)
    assert list(plan.sources) == winning_lineage(ended.records.networks())


def test_nothing_is_finished_from_a_teacher_of_another_architecture(
    other_teacher: StudyFolder,
) -> None:
    with pytest.raises(StudyError, match="'other': its teacher is of another architecture"):
        plan_for(other_teacher.records, Wanted(2))
