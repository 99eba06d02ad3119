"""Makes one baseline of a study: read it first, the whole of it is on one screen."""

from dataclasses import replace

import optuna

from plantnas.baselines.budget import Budget, Trainer, by_labels
from plantnas.baselines.methods import AnyMethod, Order, SearchMethod
from plantnas.baselines.planning import Task, lineage_epochs
from plantnas.baselines.recording import baseline_record
from plantnas.baselines.sizes import TOLERANCE, SizeNotReachable
from plantnas.records.record import BaselineRun, NetworkRecord
from plantnas.search.prepared import PreparedStudy
from plantnas.training.seeds import derived_seed, generator_for


def make_baseline(
    prepared: PreparedStudy, study: optuna.Study, task: Task, method: AnyMethod
) -> NetworkRecord:
    """A network of a method at its target's size, trained for as many epochs as its lineage.

    The data, views, batch size, optimiser and schedule are those of the study's seed; the learning
    rate is the task's.

    Raises:
        SizeNotReachable: The method has no network of that size.
        TrainingDiverged: A loss was not finite.
        UnsupportedArchitecture: torch-pruning cannot follow this architecture.
    """
    assert task.target_id is not None
    config, networks = prepared.config, prepared.records.networks()
    target = next(network for network in networks if network.id == task.target_id)
    if isinstance(method, SearchMethod):
        return method.pick(networks, target, task.learning_rate)
    epochs = lineage_epochs(networks, target)
    purpose = (method.name, target.parameters, task.repetition)
    trainer = Trainer(
        prepared.data if method.distilled else by_labels(prepared.data),
        config.seed.model_copy(update={"learning_rate": task.learning_rate}),
        Budget(epochs),
        generator_for(config.random_seed, *purpose, "batches"),
    )
    seed = derived_seed(config.random_seed, *purpose, "weights")
    network = method.make(Order(prepared, networks, target, trainer, seed))
    size = sum(parameter.numel() for parameter in network.parameters())
    if abs(size - target.parameters) > TOLERANCE * target.parameters:
        raise SizeNotReachable(
            f"{method.name} made a network of {size:,} parameters, where {target.parameters:,} are "
            f"wanted (allowed are {TOLERANCE:.0%} more or less)."
        )
    run = BaselineRun(
        task.target_id, task.repetition, task.learning_rate, epochs, method.uses_teacher
    )
    record = baseline_record(prepared, study, method.name, network, trainer)
    return replace(record, kind="baseline", step=target.step, baseline=run)
