"""Makes baselines of a study, one or a whole family: read it first."""

from collections.abc import Sequence
from dataclasses import replace

import optuna
from torch import nn

from plantnas.baselines.budget import Budget, Trainer, by_labels
from plantnas.baselines.methods import FamilyMethod, FamilyOrder, Method, Order
from plantnas.baselines.planning import Task, lineage_epochs
from plantnas.baselines.recording import baseline_record, structure_of
from plantnas.baselines.sizes import TOLERANCE, SizeNotReachable
from plantnas.channels.costs import shown_cost, title_of
from plantnas.config import Recipe
from plantnas.listening import training
from plantnas.records.record import BaselineRun, NetworkRecord
from plantnas.records.study import StudyRecords
from plantnas.report.front import FINISH
from plantnas.searching.prepared import PreparedStudy
from plantnas.training.seeds import derived_seed, generator_for


def make_baseline(
    prepared: PreparedStudy,
    study: optuna.Study,
    task: Task,
    single: Method,
) -> NetworkRecord:
    """A network at its target's cost.

    The data, views, batch size, optimiser and schedule are those of the study's seed; the learning
    rate is the task's. By default the epochs are those of the target's lineage; with others, the
    network is compared to nothing.

    Args:
        prepared: The study.
        study: Optuna's.
        task: What to make.
        single: How, the task's method.

    Raises:
        SizeNotReachable: The method has no network of that cost.
        TrainingDiverged: A loss was not finite.
        UnsupportedArchitecture: torch-pruning cannot follow this architecture.
    """
    assert task.target_id is not None
    records, random_seed = prepared.records, prepared.config.random_seed
    target = records.network(task.target_id)
    networks = records.networks()
    budget = lineage_epochs(networks, target)
    data = prepared.data if single.distilled else by_labels(prepared.data)
    if single.kind != FINISH:  # whose channels need not be the teacher's of the same places
        data = replace(data, hint=None)
    purpose = (single.name, target.parameters, task.repetition)
    generator = generator_for(random_seed, *purpose, "batches")
    trainer = Trainer(data, _recipe(prepared, task), Budget(task.epochs or budget), generator)
    seed = derived_seed(random_seed, *purpose, "weights")
    with training(single.name, detail=task.detail(target)):
        network = single.make(Order(prepared, networks, target, trainer, seed))
    is_sized = _is_sized(prepared, network, target, single)
    record = baseline_record(prepared, study, single.name, trainer.trained(network))
    baseline = None
    if trainer.budget.epochs == budget and is_sized:
        rate = task.learning_rate
        baseline = BaselineRun(task.target_id, task.repetition, rate, budget, single.uses_teacher)
    parent = task.target_id if single.kind == FINISH else None
    return replace(record, kind=single.kind, parent_id=parent, step=target.step, baseline=baseline)


def make_family(
    prepared: PreparedStudy,
    study: optuna.Study,
    task: Task,
    jointly: FamilyMethod,
    targets: Sequence[NetworkRecord],
) -> list[NetworkRecord]:
    """A network for each target, smallest first, all of one training.

    By default it has as many epochs as cost what networks of the targets' sizes cost that are
    trained one by one; with others, they are compared to nothing.

    Args:
        prepared: The study.
        study: Optuna's.
        task: Repetition and learning rate.
        jointly: How, the task's method.
        targets: Smallest first.

    Raises:
        SizeNotReachable: The method has no network of a target's cost.
        TrainingDiverged: A loss was not finite.
    """
    networks, sizes = prepared.records.networks(), [target.parameters for target in targets]
    separate = sum(lineage_epochs(networks, target) * target.macs for target in targets)
    seed = derived_seed(prepared.config.random_seed, jointly.name, sizes, task.repetition)
    recipe = _recipe(prepared, task)
    order = FamilyOrder(prepared, tuple(targets), recipe, seed, separate, task.epochs)
    with training(jointly.name, detail=f"at {task.run}"):
        members = jointly.make(order)
    made = list[NetworkRecord]()
    for target, member in zip(targets, members, strict=True):
        assert target.id is not None
        is_sized = _is_sized(prepared, member.network, target, jointly)
        record = baseline_record(prepared, study, jointly.name, member)
        trained = record.epochs[-1].epoch
        run = BaselineRun(target.id, task.repetition, task.learning_rate, trained, True)
        compared = run if task.epochs is None and is_sized else None
        made.append(replace(record, kind=jointly.kind, step=target.step, baseline=compared))
    return made


def record_family(records: StudyRecords, networks: Sequence[NetworkRecord]) -> list[int]:
    """Records networks that were trained together, all or none.

    Each is the parent of the next if it is a crop of it.

    Returns:
        Their ids.
    """
    before = [None, *range(len(networks) - 1)]
    are_nested = all(network.kind == FINISH for network in networks)
    return records.add_all(networks, before if are_nested else [None] * len(networks))


def _recipe(prepared: PreparedStudy, task: Task) -> Recipe:
    return prepared.config.seed.model_copy(update={"learning_rate": task.learning_rate})


def _is_sized(
    prepared: PreparedStudy,
    network: nn.Module,
    target: NetworkRecord,
    method: Method | FamilyMethod,
) -> bool:
    """Whether the network costs what its target does, and so can be compared to it.

    Raises:
        SizeNotReachable: It has not, though it is no finished one. Those are at the target's
            widths, where a dense network costs more than one of triangular wiring.
    """
    pricing = prepared.pricing
    cost = pricing.of(structure_of(prepared, network))
    if abs(cost - target.cost) <= TOLERANCE * target.cost:
        return True
    if method.kind == FINISH:
        return False
    raise SizeNotReachable(
        f"{method.name} made a network of {shown_cost(cost)} {title_of(pricing.name)}, where "
        f"{shown_cost(target.cost)} are wanted (allowed are {TOLERANCE:.0%} more or less)."
    )
