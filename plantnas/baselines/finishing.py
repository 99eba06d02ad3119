"""Finishes a network of a study: one at its widths that is trained whole, nested in no other.

It starts as the closed form of the study's teacher at these widths, and nothing of it is frozen.
"""

from dataclasses import replace
from math import inf
from typing import NamedTuple

import optuna

from plantnas.baselines.budget import Budget, Trainer
from plantnas.baselines.planning import lineage_epochs
from plantnas.baselines.recording import baseline_record
from plantnas.channels.shrinking import shrunk
from plantnas.errors import ConfigurationError, Say, StudyError
from plantnas.files import alone
from plantnas.measured import Epoch
from plantnas.place import Place
from plantnas.records.database import Database
from plantnas.records.record import NetworkRecord
from plantnas.records.study import StudyRecords
from plantnas.report.export.choice import Wanted, nested, wanted_record
from plantnas.report.front import FINISH, teacher_of, validation_accuracy
from plantnas.search.objective import PlantingObjective
from plantnas.search.prepared import PreparedStudy
from plantnas.training.phases import Phases
from plantnas.training.seeds import generator_for
from plantnas.trials.storage import make_folder
from plantnas.trials.study import open_study


class Plan(NamedTuple):
    """How a network is finished.

    Attributes:
        parent: The network of the study that it has its widths from.
        epochs: Of its training.
        learning_rate: Peak of the schedule.
    """

    parent: NetworkRecord
    epochs: int
    learning_rate: float

    def is_done_by(self, record: NetworkRecord) -> bool:
        """Whether this network was finished so."""
        if record.method != FINISH or record.parent_id != self.parent.id:
            return False
        before, *epochs = record.epochs
        return len(epochs) == self.epochs and before.learning_rate == self.learning_rate


def plan_for(
    records: StudyRecords,
    asked: Wanted,
    epochs: int | None = None,
    learning_rate: float | None = None,
) -> Plan:
    """How the network is finished that a user wants.

    Args:
        records: The study's.
        asked: The number of a nested network of it, or the most parameters of the best one.
        epochs: By default those of the network and all its ancestors.
        learning_rate: By default the peak of the seed's schedule.

    Raises:
        ConfigurationError: There is both a number and a limit or neither, or a value that has no
            meaning.
        StudyError: The study has not begun, there is no such network, or none that is so small.
    """
    networks = records.networks()
    if teacher_of(networks) is None:
        raise StudyError(f"study {records.name!r}: has no teacher yet; run the study first.")
    if asked == Wanted():
        raise ConfigurationError(
            "finish: needs a network's number, or the most parameters that it may have."
        )
    if epochs is not None and epochs < 1:
        raise ConfigurationError(f"epochs {epochs}: is not a positive number.")
    if learning_rate is not None and not 0 < learning_rate < inf:
        raise ConfigurationError(f"learning rate {learning_rate:g}: is not a positive number.")
    parent = wanted_record(records, nested(networks), asked)
    if not nested([parent]):
        raise StudyError(
            f"study {records.name!r}: network {parent.id} is of method {parent.method!r}: only the "
            "seed and planted networks can be finished."
        )
    if epochs is None:
        epochs = lineage_epochs(networks, parent)
    return Plan(parent, epochs, learning_rate or records.config.seed.learning_rate)


def finish_network(place: Place, plan: Plan, device: str, say: Say) -> NetworkRecord:
    """The network of the plan, which is trained and recorded if it is not yet.

    Args:
        place: Where the study is; it may still run.
        plan: How it is finished.
        device: Where it is trained.
        say: Is told what is being done.

    Raises:
        TrainingDiverged: A loss was not finite.
        StorageError: The database or the weights cannot be written.
    """
    records = StudyRecords(Database(place.url), place.name)
    make_folder(place.directory)
    with alone(place.directory / "finish.lock"):  # the same command may be typed twice
        for record in filter(plan.is_done_by, records.networks()):
            say(f"network {record.id} was finished so already")
            return record
        study = open_study(records.config, place.url)
        prepared = PlantingObjective(records.config, place.directory, device).prepared(study, say)
        say(f"finishing network {plan.parent.id} for {plan.epochs} epochs")
        return records.network(records.add(finished_record(prepared, study, plan)))


def finished_record(prepared: PreparedStudy, study: optuna.Study, plan: Plan) -> NetworkRecord:
    """The record of a network that is trained here, with its weights in the study's folder.

    The data, views, batch size, optimiser and schedule are those of the study's seed. Nothing holds
    it near where it starts, as nothing is planted in it.

    Raises:
        TrainingDiverged: A loss was not finite.
    """
    parent, phases, config = plan.parent, Phases(), prepared.config
    recipe = config.seed.model_copy(update={"learning_rate": plan.learning_rate})
    generator = generator_for(config.random_seed, FINISH, parent.parameters, "batches")
    budget = Budget(plan.epochs)
    trainer = Trainer(prepared.data, recipe, budget, generator, phases=phases)
    with phases("start"):
        network = shrunk(prepared.sampled_donor, parent.widths)
    start = prepared.validate(network)
    # What it was before its training is a line of its history, beside the peak of what follows.
    measured = (float("nan"), start.loss, start.accuracy, 0.0)
    before = Epoch(0, plan.learning_rate, *measured)
    trainer.train(network, plan.epochs)
    record = baseline_record(prepared, study, FINISH, network, trainer)
    epochs = (before, *record.epochs)
    return replace(record, kind=FINISH, parent_id=parent.id, step=parent.step, epochs=epochs)


def summary(record: NetworkRecord, plan: Plan) -> str:
    """What finishing a network has given, in a line."""
    before, parent = record.epochs[0], plan.parent
    return (
        f"Network {record.id}: widths {' '.join(map(str, record.widths.values()))}, "
        f"{record.parameters:,} parameters, validation accuracy "
        f"{before.validation_accuracy:.2%} before training, {validation_accuracy(record):.2%} "
        f"after {plan.epochs} epochs; network {parent.id}, which has these widths nested, has "
        f"{validation_accuracy(parent):.2%}."
    )
