"""The objective of a planting study: read it first, a whole trial is on one screen.

Which parent and what kind of trial is the sampler's and its policy's decision (trials/sampler.py,
trials/policies.py), the planting is suggested in proposals.py and trained in training/planted.py.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from math import isfinite
from pathlib import Path
from typing import NoReturn

import optuna
from optuna.trial import TrialState

from plantnas.channels.structure import Structure
from plantnas.channels.wiring import wired_as
from plantnas.config import Planting, Search, StudyConfig
from plantnas.config_files import load_study
from plantnas.errors import Say, StudyError
from plantnas.given import check_given, check_path, check_text
from plantnas.listening import training
from plantnas.measured import Epoch
from plantnas.named_keys import code_names
from plantnas.records.optuna_private import study_id_of
from plantnas.records.optuna_tables import (
    DIRECTION_WORDS,
    DIVERGED,
    EPOCHS_SAVED_KEY,
    HELD_BACK_LOSS_KEY,
    MACS_KEY,
    NETWORK_KEY,
    NO_ROOM_KEY,
    PARAMETERS_KEY,
    PLANTING_KEY,
    REASON_KEY,
    STOPPED_AFTER_KEY,
    VALIDATION_LOSS_KEY,
    WIDTHS_KEY,
    WINDOW_CONSTRAINT,
    seconds_key,
)
from plantnas.records.record import AheadRecord, NetworkRecord
from plantnas.searching.children import child_and_ahead, recorded_ahead
from plantnas.searching.devices import check_device
from plantnas.searching.interruption import give_up_if_asked
from plantnas.searching.prepared import (
    PreparedStudy,
    Trained,
    network_record,
)
from plantnas.searching.preparing import prepare
from plantnas.searching.proposals import Room, room_to_grow, suggest_counts, suggest_shares
from plantnas.searching.recording import join_study
from plantnas.training.fitting import Stop, TrainingDiverged
from plantnas.training.phases import Phases
from plantnas.training.planted import Ahead, train_planted
from plantnas.training.seeds import generator_for
from plantnas.trials.assignments import assignment_of
from plantnas.trials.history import Assignment
from plantnas.trials.owners import owned
from plantnas.trials.sampler import PlantingSampler
from plantnas.trials.stopping import LossCurve, should_stop
from plantnas.trials.storage import default_directory, storage_url
from plantnas.trust import trust_if_new


class PlantingObjective:
    """A plain Optuna objective: one planting of one parent, probed, screened or grown.

    The study needs an SQL database, the directions maximize (validation accuracy) and minimize
    (parameters), and a `PlantingSampler`. The first trial trains teacher and seed.

    Args:
        config: A study's configuration, the name of a shipped study or the path of a YAML file.
        directory: Folder of weights and logits; by default beside the SQLite file, or
            `plantnas-studies/NAME` for other databases.
        device: Where networks are trained.
        artifacts: Where weights and logits are kept, a folder or a URL such as s3://bucket/prefix;
            by default where the study says, which is `weights` in the directory of a new one.

    Raises:
        ConfigurationError: The configuration is not valid.
    """

    def __init__(
        self,
        config: StudyConfig | str | Path,
        directory: Path | str | None = None,
        device: str = "cpu",
        artifacts: str | None = None,
    ) -> None:
        kinds = (StudyConfig, str, Path)
        check_given("config", config, kinds, "a StudyConfig, a study's name or a file")
        for name, place in (("directory", directory), ("artifacts", artifacts)):
            if place is not None:
                check_path(name, place)
        check_text("device", device, "a device's name, such as 'cpu',")
        self.config = config if isinstance(config, StudyConfig) else load_study(config)
        trust_if_new(code_names(self.config))
        self._directory = directory
        self._device = device
        self._artifacts = artifacts
        self._given = self.config
        self._prepared: PreparedStudy | None = None
        self._study: tuple[str, int] | None = None

    def __call__(self, trial: optuna.Trial) -> tuple[float, float]:
        """Validation accuracy and cost of the planted and trained network.

        Of a probe, which trains none: minus the loss that its widths have without training.

        Raises:
            optuna.TrialPruned: The planting is not worth training; the user attribute `reason`
                says why.
            StudyError: The study cannot be searched by planting.
            Interrupted: The process is to end, and the training is not at its last epoch.
            TrialTaken: Another worker took this one for dead and does its work again.
        """
        assignment = assignment_of(trial)
        if assignment is None:
            _prune(trial, "the study is complete")
        prepared, config = self.prepared(trial.study), self.config
        structure = prepared.structure_of(assignment.parent)
        planting = suggest_planting(trial, prepared, structure, assignment)
        structure = structure.after(planting)
        if assignment.kind == "probe":
            return _probe(trial, prepared, structure)
        parent = prepared.parent(assignment.parent, planting)
        recipe, phases = _recipe(trial, config, assignment), Phases()
        with phases("planting"):
            child, ahead = child_and_ahead(prepared, parent, planting, _coming(trial, assignment))
        # Of the planting, not of the trial: a grown planting starts like its screening.
        generator = generator_for(config.random_seed, "batches", parent.record.widths, planting)
        price = prepared.pricing.of(structure)
        stop = _stop(trial, prepared, assignment, recipe.epochs, price)
        data, features = prepared.data, prepared.features
        try:
            with training(assignment.kind, trial.number, assignment.step):
                given = train_planted(child, data, recipe, features, generator, stop, ahead)
        except TrainingDiverged as error:
            _prune(trial, f"{DIVERGED}{error}")
        phases.add(given.seconds)
        with phases("evaluation"):
            evaluation = prepared.validate(wired_as(child.network, structure))
        trained = Trained(child.network, structure, given.epochs, evaluation, phases.seconds)
        record = replace(
            network_record("planting", trained, prepared.weights, trial, prepared.pricing),
            kind=assignment.kind,
            trial_number=trial.number,
            parent_id=parent.network_id,
            step=assignment.step,
            planted=planting,
            ahead=_ahead_record(ahead, prepared, trial),
        )
        _keep(trial, prepared, record, recipe.epochs)
        return evaluation.accuracy, record.cost

    def prepared(self, study: optuna.Study, say: Say = lambda message: None) -> PreparedStudy:
        """The study with its teacher and seed, made ready on first use; `say` tells how."""
        check_given("study", study, optuna.Study, "an optuna.Study")
        its_own = storage_url(study), study_id_of(study)
        if self._prepared is None or self._study != its_own:
            _check_study(study)
            directory = Path(self._directory or default_directory(study))
            check_device(self._device)
            joined = join_study(study, self._given, directory, self._artifacts)
            self.config = joined.config
            self._prepared, self._study = prepare(joined, self._device, say), its_own
        return self._prepared


def _recipe(trial: optuna.Trial, config: StudyConfig, assignment: Assignment) -> Planting:
    """How the trial's planting is trained."""
    assert assignment.kind != "probe"
    recipe = config.planting.for_step(assignment.step, config.search.steps)
    if assignment.kind == "screen":
        recipe = recipe.model_copy(update={"epochs": config.screen_epochs})
    return recipe.for_size(trial.user_attrs[PARAMETERS_KEY])


def _probe(
    trial: optuna.Trial, prepared: PreparedStudy, structure: Structure
) -> tuple[float, float]:
    """Minus the loss that a structure's widths have without training, and their cost."""
    widths, phases = structure.growable_widths, Phases()
    with phases("probing"):
        loss = prepared.probe(widths)
    if not isfinite(loss):
        _prune(trial, f"{DIVERGED}the loss without training is {loss}")
    shown = {
        WIDTHS_KEY: json.dumps(widths),
        MACS_KEY: structure.macs(),
        HELD_BACK_LOSS_KEY: loss,
        **{seconds_key(phase): round(value, 3) for phase, value in phases.seconds.items()},
    }
    for key, value in shown.items():
        trial.set_user_attr(key, value)
    return -loss, prepared.pricing.of(structure)


def _ahead_record(
    ahead: Ahead | None, prepared: PreparedStudy, trial: optuna.Trial
) -> AheadRecord | None:
    if ahead is None:
        return None
    network, structure = ahead.child.network, ahead.child.structure
    return recorded_ahead(network, structure, prepared.weights, trial)


def _coming(trial: optuna.Trial, assignment: Assignment) -> dict[str, int]:
    """The planting of the next step that is trained along; nothing without one."""
    if assignment.ahead is None:
        return {}
    probe = trial.study.get_trials(deepcopy=False)[assignment.ahead]
    planting: dict[str, int] = json.loads(probe.user_attrs[PLANTING_KEY])
    return planting


def _stop(
    trial: optuna.Trial, prepared: PreparedStudy, assignment: Assignment, epochs: int, price: float
) -> Stop:
    """Whether a training of so many planned epochs ends with one of them; a grow's never does."""
    rule, losses = prepared.config.search.early_stopping, list[float]()

    def stop(epoch: Epoch) -> bool:
        give_up_if_asked()
        if rule == "none" or assignment.kind == "grow":
            return False
        losses.append(epoch.validation_loss)
        curves = prepared.records.loss_curves(assignment.kind, assignment.step)
        finished = [  # without those of rows that a killed worker left
            LossCurve(other.values[1], curves[other.number])
            for other in trial.study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
            if other.number in curves
        ]
        return should_stop(rule, LossCurve(price, tuple(losses)), finished, epochs)

    return stop


def suggest_planting(
    trial: optuna.Trial, prepared: PreparedStudy, structure: Structure, assignment: Assignment
) -> dict[str, int]:
    """The planting that a trial proposes for a parent's structure, if it is worth training.

    Raises:
        optuna.TrialPruned: Nothing would be planted, the child is outside the window, or another
            trial planted the same.
    """
    growth, search = prepared.config.search_space.grow, prepared.config.search
    room = room_to_grow(structure, prepared.widest, growth, search, prepared.pricing.cost)
    suggest = suggest_shares if growth.proposal == "shares" else suggest_counts
    planting = suggest(trial, room)
    widths = structure.widths_after(planting)
    excess = room.excess(widths)
    if (not planting or excess > 0) and room.has_none():
        trial.set_user_attr(NO_ROOM_KEY, True)  # policies need no second proposal to know it
    trial.set_user_attr(PLANTING_KEY, json.dumps(planting))
    trial.set_user_attr(PARAMETERS_KEY, structure.parameters(widths))
    # Samplers that know constraints learn the window from it, also from trials that end here.
    trial.set_constraint(WINDOW_CONSTRAINT, excess)
    if not planting:
        _prune(trial, "nothing is planted")
    if excess > 0:
        _prune(trial, _outside(room, widths, search))
    if assignment.kind != "grow":
        twin = _twin(trial, planting, assignment)
        if twin is not None:
            _prune(trial, f"trial {twin} has the same planting")
    return planting


def _outside(room: Room, widths: Mapping[str, int], search: Search) -> str:
    """Which limit a child exceeds, and by what."""
    cost, low, high = room.cost_at(widths), room.minimum, room.maximum
    if room.minimum <= cost <= room.maximum:
        parameters = room.structure.parameters(widths)
        return f"{parameters} parameters are more than {search.maximum_parameters}"
    # A cost such as milliseconds may be a small number.
    figures = [f"{each:.0f}" if each >= 100 else f"{each:.3g}" for each in (cost, low, high)]
    return f"{figures[0]} {search.cost} are not between {figures[1]} and {figures[2]}"


def _twin(trial: optuna.Trial, planting: Mapping[str, int], assignment: Assignment) -> int | None:
    """The number of another trial of the same kind, parent and planting, if there is one.

    Later ones count too: this trial may have waited in the queue, or proposed after them. Of two
    that propose at the same moment both may end here, but never both be trained.
    """
    states = (TrialState.COMPLETE, TrialState.RUNNING)
    for other in trial.study.get_trials(deepcopy=False, states=states):
        theirs = assignment_of(other)
        if theirs is None or theirs.kind != assignment.kind or theirs.parent != assignment.parent:
            continue
        same = other.user_attrs.get(PLANTING_KEY) == json.dumps(planting)
        if same and other.number != trial.number:
            return other.number
    return None


def _keep(
    trial: optuna.Trial, prepared: PreparedStudy, record: NetworkRecord, planned_epochs: int
) -> None:
    """The rows in one transaction, after the weights; then what Optuna shows of them.

    The trial is told last, by Optuna: what a finished trial says is in the database.
    """
    network_id = prepared.records.add(record, owned(trial))
    shown = {
        NETWORK_KEY: network_id,
        MACS_KEY: record.macs,
        WIDTHS_KEY: json.dumps(record.widths),
        VALIDATION_LOSS_KEY: record.evaluations[0].loss,
        **{seconds_key(phase): round(value, 3) for phase, value in record.seconds.items()},
    }
    if len(record.epochs) < planned_epochs:
        shown[STOPPED_AFTER_KEY] = len(record.epochs)
        shown[EPOCHS_SAVED_KEY] = planned_epochs - len(record.epochs)
    for key, value in shown.items():
        trial.set_user_attr(key, value)


def _prune(trial: optuna.Trial, reason: str) -> NoReturn:
    trial.set_user_attr(REASON_KEY, reason)
    raise optuna.TrialPruned(reason)


def _check_study(study: optuna.Study) -> None:
    names = [direction.name.lower() for direction in study.directions]
    if names != DIRECTION_WORDS:
        raise StudyError(
            f"study {study.study_name!r}: its directions are {names}, but planting maximizes "
            "validation accuracy and minimizes cost: directions=['maximize', 'minimize']."
        )
    if not isinstance(study.sampler, PlantingSampler):
        raise StudyError(
            f"study {study.study_name!r}: its sampler is a {type(study.sampler).__name__}; wrap "
            "it: plantnas.PlantingSampler(sampler, policy='greedy')."
        )
