"""Trains what a study has before its trials: the teacher, and the seed, each once and kept.

Who asks for them, and when, is in preparing.py.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from math import isnan

import optuna
import torch
from torch import Tensor, nn

from plantnas.channels.costs.parameters import parameters_of
from plantnas.channels.initialisations import ROWS
from plantnas.channels.initialising import Donor, Initialisation, Samples
from plantnas.channels.ordering import largest_first
from plantnas.channels.planting import narrow
from plantnas.channels.running import macs_of
from plantnas.channels.structure import Structure, classifier_tensors
from plantnas.channels.wiring import triangular
from plantnas.errors import Say, StorageError
from plantnas.listening import training
from plantnas.measured import Epoch, Metric
from plantnas.records.building import other_teacher
from plantnas.records.optuna_tables import accuracy_key, cost_key, parameters_key
from plantnas.records.record import NetworkRecord
from plantnas.records.study import StudyRecords
from plantnas.search_space import Width
from plantnas.searching.children import network_ahead, recorded_ahead
from plantnas.searching.interruption import give_up_if_asked
from plantnas.searching.loading import answering, load_teacher, started_seed
from plantnas.searching.outlines import narrowed, seed_structure, widest
from plantnas.searching.prepared import Trained, donor_of, network_record
from plantnas.searching.recording import JoinedStudy
from plantnas.training.answers import check_answers
from plantnas.training.fitting import (
    Part,
    TrainingData,
    before_training,
    fit,
    fit_together,
    validate,
)
from plantnas.training.nested import NestedOptimizer, nested
from plantnas.training.optimizers import whole_network_optimizer
from plantnas.training.phases import Phases
from plantnas.training.seeds import derived_seed, generator_for


def is_told(study: optuna.Study, method: str) -> bool:
    """Whether the teacher, or the seed, is trained and the study knows its figures."""
    return accuracy_key(method) in study.user_attrs


def made_teacher(joined: JoinedStudy, training_data: TrainingData, say: Say) -> NetworkRecord:
    """The teacher's record; it is trained if there is none."""
    config, records, phases = joined.config, joined.records, Phases()
    if (recorded := _recorded(records, "teacher")) is not None:
        return recorded
    space, example, count = config.search_space, training_data.example, records.images.num_classes
    structure = narrowed(records.structure, space.teacher)
    if space.has_other_teacher:
        seed = derived_seed(config.random_seed, "teacher", "weights")
        network = other_teacher(space, records.images, seed)
        classifier = answering(network, count)
    else:
        network = _fresh(joined, "teacher", space.teacher, example).cpu()
        classifier = classifier_tensors(structure)
        if space.wiring == "triangular":
            triangular(structure, network, [])  # refuses before anything is trained
    load_teacher(network, config, classifier, say)
    network = network.to(example.device)
    check_answers(network, example, count, say)
    recipe, history = config.teacher.for_size(parameters_of(network)), list[Epoch]()
    is_loaded = space.teacher.weights is not None
    if is_loaded:
        history.append(before_training(network, training_data, recipe.peak))
        metric = Metric(training_data.metrics.chosen)
        loaded = metric.short(history[0].validation_accuracy)
        say(f"teacher: its validation {metric.words} is {loaded} as loaded")
    if recipe.epochs == 0:
        say("keeping the teacher as it is")
    else:
        say(f"training the teacher for {recipe.epochs} epochs")
        with phases("training"), training("teacher"):
            optimizer = whole_network_optimizer(network, recipe)
            generator = generator_for(config.random_seed, "teacher", "batches")
            history += fit(network, optimizer, training_data, recipe, generator, _give_up)
    if config.teacher_gives_channels:
        network = largest_first(network, structure)
    with phases("evaluation"):
        evaluation = validate(network, training_data)
    if is_loaded and recipe.epochs:
        trained_to = evaluation.metric.short(evaluation.accuracy)
        say(f"teacher: its validation {evaluation.metric.words} is {trained_to} after its training")
    trained = Trained(network, structure, tuple(history), evaluation, phases.seconds)
    record = network_record("teacher", trained, records.store, joined.study, joined.pricing)
    if space.has_other_teacher:
        size, macs = parameters_of(network), macs_of(network, example)
        record = replace(record, widths={}, costs={}, parameters=size, macs=macs)
    return _added(records, record)


@dataclass(frozen=True)
class SeedMaker:
    """Makes a study's seed, once, whoever asks for it first.

    Attributes:
        joined: The study.
        training_data: Its images, with the teacher's logits.
        teacher: Its teacher.
        samples: Gives what the teacher's layers compute on some training images.
        say: Is told what is trained.
    """

    joined: JoinedStudy
    training_data: TrainingData
    teacher: NetworkRecord
    samples: Callable[[], Samples]
    say: Say

    @cached_property
    def structure(self) -> Structure:
        """The seed's, which need not be trained: no wider than the teacher that gives channels."""
        config, records = self.joined.config, self.joined.records
        limits = widest(records.structure, self.teacher)
        return seed_structure(config, records.structure, limits, lambda: records.build({}))

    def tell_costs(self) -> None:
        """Tells Optuna's study what policies compare to: they are functions of it alone."""
        study, structure, teacher = self.joined.study, self.structure, self.teacher
        cost = self.joined.pricing.cost
        study.set_user_attr(parameters_key("seed"), structure.parameters())
        study.set_user_attr(cost_key("seed"), cost(structure, {}))
        study.set_user_attr(parameters_key("teacher"), teacher.parameters)
        if not teacher.is_other_teacher:
            study.set_user_attr(cost_key("teacher"), cost(structure, teacher.widths))
        elif not isnan(teacher.cost):  # a function of channel groups, which it does not have
            study.set_user_attr(cost_key("teacher"), teacher.cost)
        _tell_accuracy(study, teacher)

    def made(self, planting: Mapping[str, int]) -> NetworkRecord:
        """The seed's record; it is trained if there is none, while other workers wait.

        Args:
            planting: {group: new channels} of the network that is trained along with it; of
                nothing, none is.

        Raises:
            Interrupted: The process is to end.
        """
        joined, records = self.joined, self.joined.records
        recorded = _recorded(records, "seed")
        if recorded is not None and is_told(joined.study, "seed"):
            return recorded
        with records.database.alone(f"trains the seed of study {joined.config.name!r}", self.say):
            seed = _recorded(records, "seed") or self._recorded(planting)
            _tell_accuracy(joined.study, seed)
        return seed

    def trained(self, planting: Mapping[str, int]) -> tuple[Trained, Donor | None]:
        """A seed, and what a planting makes of it, trained and not recorded; as for `made`."""
        phases, donor = Phases(), self._donor()
        network = self._started(donor)
        self.say(f"training the seed for {self.joined.config.seed.epochs} epochs")
        with phases("training"), training("seed"):
            wider = self._ahead_of(network, planting, donor)
            epochs = self._fit(network, wider)
        with phases("evaluation"):
            evaluation = validate(network, self.training_data)
        return Trained(network, self.structure, epochs, evaluation, phases.seconds), wider

    def _recorded(self, planting: Mapping[str, int]) -> NetworkRecord:
        records, study = self.joined.records, self.joined.study
        seed, wider = self.trained(planting)
        record = network_record("seed", seed, records.store, study, self.joined.pricing)
        record = replace(record, step=0)
        if wider is not None:
            ahead = recorded_ahead(wider.network, wider.structure, records.store, study)
            record = replace(record, ahead=ahead)
        return _added(records, record)

    def _fit(self, network: nn.Module, wider: Donor | None) -> tuple[Epoch, ...]:
        config, data = self.joined.config, self.training_data
        recipe = config.seed.for_size(self.structure.parameters())
        generator = generator_for(config.random_seed, "seed", "batches")
        if wider is None:
            optimizer = whole_network_optimizer(network, recipe, recipe.l2_sp)
            return fit(network, optimizer, data, recipe, generator, _give_up)
        crop, widest = nested(network, self.structure), nested(*wider[:2])
        together = NestedOptimizer([crop], widest, recipe, l2_sp=recipe.l2_sp)
        parts = [Part(network), Part(wider.network, config.search.ahead)]
        return fit_together(parts, together, data, recipe, generator, _give_up)[0]

    def _started(self, donor: Donor | None) -> nn.Module:
        """The seed before its training, as `seed.start` says."""
        config, example = self.joined.config, self.training_data.example
        seed = _fresh(self.joined, "seed", config.search_space.seed, example)
        if config.seed.start == "fresh":
            return seed
        as_drawn = narrowed(self.joined.records.structure, config.search_space.seed)
        return started_seed(seed, as_drawn, self.structure, config, example, donor)

    def _ahead_of(
        self, network: nn.Module, planting: Mapping[str, int], donor: Donor | None
    ) -> Donor | None:
        """The network that is trained along with the seed, with a planting's channels."""
        if not planting:
            return None
        config, structure = self.joined.config, self.structure
        given = config.planting
        start = Initialisation(ROWS.find(given.rows), given.column_init, donor)
        wider = network_ahead(
            network, structure, planting, start, self.training_data.example, config.random_seed
        )
        return Donor(wider, structure.after(planting))

    def _donor(self) -> Donor | None:
        """The teacher, where the seed or new channels may start from it."""
        joined = self.joined
        if not joined.config.teacher_gives_channels:
            return None
        samples = self.samples if joined.config.fits_channels else None
        return donor_of(joined.records, self.teacher, self.training_data.example, samples)


def _give_up(epoch: Epoch) -> bool:
    """No training of a whole network ends early, but for the end of its process."""
    give_up_if_asked()
    return False


def _recorded(records: StudyRecords, method: str) -> NetworkRecord | None:
    return next((record for record in records.networks() if record.method == method), None)


def _fresh(joined: JoinedStudy, method: str, width: Width, example: Tensor) -> nn.Module:
    """The architecture at the width, with the weights that the study's random seed draws."""
    seed = derived_seed(joined.config.random_seed, method, "weights")
    network, on_cpu = joined.records.build({}, seed), example.cpu()
    generator = torch.Generator().manual_seed(seed)
    structure = joined.records.structure
    network = narrow(
        network, on_cpu, width.width, generator, minimum=width.minimum, structure=structure
    )
    return network.to(example.device)


def _added(records: StudyRecords, record: NetworkRecord) -> NetworkRecord:
    """The network as recorded, or another worker's who made the same: this one lost its lock."""
    try:
        return records.network(records.add(record))
    except StorageError:
        if (others := _recorded(records, record.method)) is None:
            raise
        return others


def _tell_accuracy(study: optuna.Study, record: NetworkRecord) -> None:
    validation = record.evaluation_on("validation")
    assert validation is not None
    study.set_user_attr(accuracy_key(record.method), validation.accuracy)
