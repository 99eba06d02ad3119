"""From a trained baseline to its record: evaluated on validation, its weights kept."""

import optuna
from torch import nn

from plantnas.baselines.budget import Trainer
from plantnas.channels.groups import analyse
from plantnas.records.record import BaselineRun, NetworkRecord
from plantnas.records.weights import save_weights
from plantnas.search.prepared import PreparedStudy, all_widths, epoch_records, evaluation


def record_of(
    study: PreparedStudy,
    owner: optuna.Study | optuna.Trial,
    method: str,
    kind: str,
    network: nn.Module,
    trainer: Trainer,
    step: int | None = None,
    run: BaselineRun | None = None,
) -> NetworkRecord:
    """The record of a network, whose weights are in the study's folder.

    Args:
        study: Whose.
        owner: What its weights belong to, for the dashboard.
        method: What made it.
        kind: "baseline", or "trial" of a search.
        network: Trained.
        trainer: What it took.
        step: The target's.
        run: How it was made; None for a trial.

    Raises:
        StorageError: The weights cannot be written.
    """
    with trainer.phases("evaluation"):
        metrics = study.validate(network)
    structure = analyse(network, study.example)
    artifact_id, sha256 = save_weights(network.state_dict(), study.weights, owner)
    return NetworkRecord(
        method=method,
        kind=kind,
        trial_number=None,
        parent_id=None,
        step=step,
        parameters=structure.parameters(),
        macs=structure.macs(),
        widths=all_widths(structure),
        planted={},
        evaluations=(evaluation("validation", metrics),),
        epochs=epoch_records(tuple(trainer.epochs)),
        artifact_id=artifact_id,
        sha256=sha256,
        seconds=dict(trainer.phases.seconds),
        baseline=run,
    )
