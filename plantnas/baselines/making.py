"""Makes one baseline of a study: read it first, the whole of it is on one screen."""

from dataclasses import replace

import optuna

from plantnas.baselines.budget import Budget, Trainer, by_labels
from plantnas.baselines.channel_pruning import prune_by
from plantnas.baselines.methods import METHODS
from plantnas.baselines.planning import Task, lineage_epochs
from plantnas.baselines.recording import baseline_record
from plantnas.baselines.scratch import train_from_scratch
from plantnas.baselines.searching import picked, trials_of
from plantnas.baselines.unfrozen import train_unfrozen
from plantnas.records.record import BaselineRun, NetworkRecord
from plantnas.search.prepared import PreparedStudy
from plantnas.training.seeds import derived_seed, generator_for


def make_baseline(study: PreparedStudy, optuna_study: optuna.Study, task: Task) -> NetworkRecord:
    """A network of a method at its target's size, trained for as many epochs as its lineage.

    The data, views, batch size, optimiser and schedule are those of the study's seed; the learning
    rate is the task's.

    Raises:
        SizeNotReachable: The method has no network of that size.
        TrainingDiverged: A loss was not finite.
        UnsupportedArchitecture: torch-pruning cannot follow this architecture.
    """
    assert task.target_id is not None
    method, config = METHODS[task.method], study.config
    networks = study.records.networks()
    target = next(network for network in networks if network.id == task.target_id)
    if method.kind == "search":
        return picked(trials_of(networks), target, task.learning_rate)
    epochs = lineage_epochs(networks, target)
    purpose = (task.method, target.parameters, task.repetition)
    trainer = Trainer(
        study.data if method.distilled else by_labels(study.data),
        config.seed.model_copy(update={"learning_rate": task.learning_rate}),
        Budget(epochs),
        generator_for(config.random_seed, *purpose, "batches"),
    )
    if method.kind == "channel pruning":
        teacher = study.records.load(study.teacher).to(study.device)
        network = prune_by(method, teacher, study.example, target.parameters, trainer)
    elif method.kind == "lineage":
        network = train_unfrozen(study, networks, target, trainer)
    else:
        seed = derived_seed(config.random_seed, *purpose, "weights")
        network = train_from_scratch(method, study, target, trainer, seed)
    run = BaselineRun(
        task.target_id, task.repetition, task.learning_rate, epochs, method.uses_teacher
    )
    record = baseline_record(study, optuna_study, method.name, network, trainer)
    return replace(record, kind="baseline", step=target.step, baseline=run)
