"""Each kind of baseline: its size, its budget, its weights, and what it learns from."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import optuna
import pytest
import torch

from plantnas.baselines.making import make_baseline, make_family
from plantnas.baselines.methods import FamilyMethod, Method, Order, method_named, methods
from plantnas.baselines.methods.channel_pruning import CRITERIA
from plantnas.baselines.methods.searching import search
from plantnas.baselines.planning import Task, lineage_epochs
from plantnas.baselines.sizes import TOLERANCE, SizeNotReachable, uniform_widths
from plantnas.records.record import NetworkRecord
from plantnas.records.study import load_network
from plantnas.report.export.choice import Wanted
from plantnas.report.export.saving import Files, save
from plantnas.report.images import evaluate_by_labels, load_images
from plantnas.training.fitting import TrainingDiverged

if TYPE_CHECKING:
    from pathlib import Path

    from tests.baselines.conftest import MadeBaseline, Opened, OpenStudy
    from tests.conftest import StudyFolder

# Of channel pruning in every way, each by labels or by distillation: which of these is a matter
# of the data alone.
KINDS = [
    name
    for name in methods()
    if not isinstance(method_named(name), FamilyMethod)
    and (
        not name.startswith(CRITERIA)
        or name.endswith("-kd") == (("-global" in name) == ("-iterative" in name))
    )
]
OF_ALL_EPOCHS = [name for name in KINDS if isinstance(method_named(name), Method)]
SOME = ["l1-kd", "taylor-global", "bn-scale-iterative", "scratch", "uniform-kd"]


@pytest.mark.parametrize("method", OF_ALL_EPOCHS)
def test_its_size_is_that_of_its_target(
    made: MadeBaseline, made_study: Opened, method: str
) -> None:
    target = made_study.targets[0].parameters
    assert abs(made(method).parameters - target) <= TOLERANCE * target


def test_a_search_has_something_that_is_not_larger(made: MadeBaseline, made_study: Opened) -> None:
    target = made_study.targets[0].parameters
    assert made("search-kd").parameters <= (1 + TOLERANCE) * target


@pytest.mark.parametrize("method", OF_ALL_EPOCHS)
def test_it_has_all_epochs_of_its_targets_lineage_and_no_more(
    made: MadeBaseline, made_study: Opened, method: str
) -> None:
    record, epochs = made(method), lineage_epochs(made_study.networks, made_study.targets[0])
    assert record.baseline is not None
    first = 0 if method == "finish" else 1
    assert [epoch.epoch for epoch in record.epochs] == list(range(first, epochs + 1))
    assert record.baseline.budget_epochs == epochs


@pytest.mark.parametrize("method", KINDS)
def test_it_says_how_it_was_made(made: MadeBaseline, made_study: Opened, method: str) -> None:
    record, target = made(method), made_study.targets[0]
    assert record.baseline is not None
    kind = "finish" if method == "finish" else "baseline"
    assert (record.method, record.kind, record.step) == (method, kind, target.step)
    assert record.baseline.target_id == target.id
    assert record.baseline.uses_teacher == (method not in ("scratch", "uniform"))


@pytest.fixture(scope="module")
def validation(made_study: Opened) -> tuple[torch.Tensor, torch.Tensor]:
    return load_images(made_study.folder.url, "tiny")


@pytest.mark.parametrize("method", KINDS)
def test_it_loads_again_with_the_accuracy_that_is_recorded(
    made: MadeBaseline,
    made_study: Opened,
    validation: tuple[torch.Tensor, torch.Tensor],
    method: str,
) -> None:
    record = made(method)
    network = load_network(made_study.folder.url, "tiny", record.id)
    assert sum(parameter.numel() for parameter in network.parameters()) == record.parameters
    evaluation = evaluate_by_labels(made_study.prepared.records, network, *validation, "validation")
    assert evaluation.accuracy == record.evaluations[0].accuracy


@pytest.mark.parametrize("method", [*SOME, "search-kd"])
def test_it_is_saved_as_a_state_dict(
    made: MadeBaseline, made_study: Opened, tmp_path: Path, method: str
) -> None:
    record, path = made(method), tmp_path / "baseline.pt"
    told = list(save(made_study.folder.url, "tiny", Wanted(record.id), Files(output=path)))
    assert told[0].startswith(f"Network {record.id}: {record.parameters:,} parameters")
    saved, kept = torch.load(path, weights_only=True), made_study.weights_of(record)
    assert saved.keys() == kept.keys()
    assert all(torch.equal(value, kept[name]) for name, value in saved.items())


@torch.inference_mode()
def test_it_is_exported_as_a_program(
    made: MadeBaseline,
    made_study: Opened,
    validation: tuple[torch.Tensor, torch.Tensor],
    tmp_path: Path,
) -> None:
    record, path = made("l1-kd"), tmp_path / "baseline.pt2"
    list(save(made_study.folder.url, "tiny", Wanted(record.id), Files(output=path)))
    program = torch.export.load(path).module()
    network = load_network(made_study.folder.url, "tiny", record.id)
    images = validation[0]
    torch.testing.assert_close(program(images), network(images))


@pytest.mark.parametrize("method", ["random-global-iterative"])
def test_it_is_the_same_each_time(opened: Opened, method: str) -> None:
    first, again = opened.make(method), opened.make(method)
    assert first.sha256 == again.sha256
    assert first.widths == again.widths


@pytest.mark.parametrize("method", ["random", "uniform-kd"])
def test_repetitions_differ(opened: Opened, method: str) -> None:
    first, second = (opened.make(method, repetition) for repetition in (0, 1))
    assert first.sha256 != second.sha256


def test_a_repetition_draws_the_same_batches_at_another_rate(opened: Opened) -> None:
    """So that the grid of rates compares the rates alone."""
    low, high = (opened.make("random", learning_rate=rate) for rate in (1e-9, 2e-9))
    assert low.widths == high.widths
    assert low.epochs[0].training_loss == pytest.approx(high.epochs[0].training_loss, rel=1e-3)


def test_the_rate_is_the_peak_of_its_schedule(opened: Opened) -> None:
    low, high = (opened.make("uniform", learning_rate=rate) for rate in (0.01, 0.02))
    assert [epoch.learning_rate for epoch in high.epochs] == pytest.approx(
        [2 * epoch.learning_rate for epoch in low.epochs]
    )


def without_a_teacher(opened: Opened) -> Opened:
    """Whatever learns from the teacher's logits gets no number of them."""
    data = opened.prepared.data
    poisoned = replace(
        data,
        targets=data.targets._replace(teacher_logits=data.targets.teacher_logits * torch.nan),
    )
    return replace(opened, prepared=replace(opened.prepared, data=poisoned))


@pytest.mark.parametrize("method", ["taylor-iterative", "bn-scale", "scratch"])
def test_by_labels_alone_the_teachers_logits_are_never_seen(opened: Opened, method: str) -> None:
    assert without_a_teacher(opened).make(method).sha256 == opened.make(method).sha256


@pytest.mark.parametrize("method", ["l1-kd", "scratch-kd"])
def test_by_distillation_they_are(opened: Opened, method: str) -> None:
    with pytest.raises(TrainingDiverged):
        without_a_teacher(opened).make(method)


def test_without_a_search_nothing_is_picked(opened: Opened) -> None:
    with pytest.raises(SizeNotReachable, match="no network of the search"):
        opened.make("search-kd")


def test_a_larger_target_has_a_larger_budget(opened: Opened) -> None:
    small, large = opened.targets
    task, method = Task("l1-global-kd", large.id, 0, 0.02), method_named("l1-global-kd")
    record: NetworkRecord = make_baseline(opened.prepared, opened.study, task, method)
    assert len(record.epochs) == lineage_epochs(opened.networks, large)
    assert len(record.epochs) > lineage_epochs(opened.networks, small)
    assert abs(record.parameters - large.parameters) <= TOLERANCE * large.parameters


def test_a_method_that_makes_another_size_is_refused(opened: Opened) -> None:
    def make(order: Order) -> torch.nn.Module:
        return order.fresh(opened.prepared.seed.widths)

    task = Task("small", opened.targets[0].id, 0, 0.02)
    with pytest.raises(SizeNotReachable, match=r"small made a network of [\d,]+ parameters, where"):
        make_baseline(opened.prepared, opened.study, task, Method("small", make))


@pytest.fixture(scope="module")
def of_macs(
    quick: StudyFolder, open_study: OpenStudy, tmp_path_factory: pytest.TempPathFactory
) -> Opened:
    """A study that trades accuracy for MACs, without baselines."""
    folder = replace(quick, directory=tmp_path_factory.mktemp("macs"))
    folder = folder.with_settings(search__cost="macs", search__steps=1)
    folder.run()
    return open_study(folder)


@pytest.mark.parametrize(
    "method", ["l1-kd", "l1-global-iterative-kd", "uniform-kd", "reconstruct-kd", "scratch"]
)
def test_it_costs_what_its_target_does_as_the_study_counts(of_macs: Opened, method: str) -> None:
    (target,) = of_macs.targets
    assert abs(of_macs.make(method).macs - target.macs) <= TOLERANCE * target.macs


def test_equal_parameters_would_be_other_macs(of_macs: Opened) -> None:
    structure, (target,) = of_macs.prepared.sampled_donor.structure, of_macs.targets
    macs = structure.macs(uniform_widths(structure, target.parameters))
    assert abs(macs - target.macs) > TOLERANCE * target.macs


def test_slimmable_networks_cost_what_their_targets_do(of_macs: Opened) -> None:
    method, task = method_named("slimmable-kd"), Task("slimmable-kd", None, 0, 0.02)
    assert isinstance(method, FamilyMethod)
    (made,) = make_family(of_macs.prepared, of_macs.study, task, method, of_macs.targets)
    (target,) = of_macs.targets
    assert abs(made.macs - target.macs) <= TOLERANCE * target.macs


def test_a_search_is_of_what_the_study_trades_accuracy_for(of_macs: Opened) -> None:
    search(of_macs.prepared, of_macs.folder.url, of_macs.targets, 2, 0.3)
    trials = [each for each in of_macs.networks if each.method == "search-kd"]
    (target,) = of_macs.targets
    assert trials
    assert all(each.macs <= (1 + TOLERANCE) * target.macs for each in trials)
    storage = of_macs.folder.url
    told = optuna.load_study(study_name=f"{of_macs.folder.config.name}.search-kd", storage=storage)
    assert [each.values[1] for each in told.trials if each.values] == [each.macs for each in trials]
