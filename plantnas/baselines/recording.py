"""Makes the record of a trained baseline: evaluated on validation, its weights kept."""

import optuna
from torch import nn

from plantnas.baselines.budget import Trainer
from plantnas.channels.groups import analyse
from plantnas.records.record import NetworkRecord
from plantnas.search.prepared import PreparedStudy, Trained, network_record


def baseline_record(
    prepared: PreparedStudy,
    owner: optuna.Study | optuna.Trial,
    method: str,
    network: nn.Module,
    trainer: Trainer,
) -> NetworkRecord:
    """The record of a network, whose weights are in the study's folder.

    Whether it is compared, to what, or was a trial of a search, the caller adds.

    Args:
        prepared: The study.
        owner: What its weights belong to, for the dashboard.
        method: What made it.
        network: Trained.
        trainer: What it took.

    Raises:
        StorageError: The weights cannot be written.
    """
    with trainer.phases("evaluation"):
        evaluation = prepared.validate(network)
    structure, epochs = analyse(network, prepared.example), tuple(trainer.epochs)
    trained = Trained(network, structure, epochs, evaluation, trainer.phases.seconds)
    return network_record(method, trained, prepared.weights, owner)
