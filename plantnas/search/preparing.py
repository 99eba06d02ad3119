"""Makes a study ready for trials: teacher, its logits, and the seed, each once and kept.

It may be interrupted at any moment and called again: what is recorded is not made again.
"""

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import optuna
import torch
from torch import Tensor, nn

from plantnas.channels.cost import COSTS
from plantnas.channels.groups import analyse
from plantnas.channels.initialisations import STARTS
from plantnas.channels.initialising import Donor, Grown
from plantnas.channels.ordering import largest_first
from plantnas.channels.planting import narrow
from plantnas.channels.resizing import resized
from plantnas.channels.structure import classifier_tensors
from plantnas.config import Recipe, SeedRecipe, StudyConfig, Teacher, Width
from plantnas.errors import ConfigurationError, Say, StorageError
from plantnas.named_keys import find_names
from plantnas.networks.pretrained import load_pretrained
from plantnas.records.optuna_tables import TOLD_LAST_KEY, accuracy_key, cost_key, parameters_key
from plantnas.records.record import NetworkRecord
from plantnas.records.study import StudyRecords
from plantnas.search.prepared import (
    PreparedStudy,
    Trained,
    features_folder,
    network_record,
)
from plantnas.search.recording import add_study, record_steps
from plantnas.search.recording import check_configuration as check_configuration
from plantnas.search.shared_logits import SharedLogits
from plantnas.training.data import Dataset, check_fingerprint, dataset_of
from plantnas.training.features import FeatureCache
from plantnas.training.fitting import TrainingData, fit, validate
from plantnas.training.logits import teacher_logits
from plantnas.training.loss import Targets, cross_entropy
from plantnas.training.losses import LOSSES
from plantnas.training.optimizers import whole_network_optimizer
from plantnas.training.phases import Phases
from plantnas.training.seeds import derived_seed, generator_for
from plantnas.training.views import Inputs, augmented_inputs, image_inputs
from plantnas.trials.storage import make_folder, open_database


def prepare(
    study: optuna.Study,
    config: StudyConfig,
    directory: Path,
    device: str = "cpu",
    say: Say = lambda message: None,
    artifacts: str | None = None,
) -> PreparedStudy:
    """Trains teacher and seed if they are not recorded yet, and loads what trials need.

    Only one worker of a database trains at a time; the others wait and find it done.

    Args:
        study: Optuna's study, in an SQL database.
        config: The study's configuration.
        directory: Folder of this machine for the teacher's logits and features, and of the
            artifacts of a new study.
        device: Where networks are trained.
        say: Is told what is being trained.
        artifacts: Where this machine finds the artifacts, if elsewhere than recorded; a new
            study's are recorded to be there.

    Raises:
        StudyError: The study exists with another configuration.
        ConfigurationError: This machine has no such device, or a name of the configuration stands
            for nothing here.
        DataError: The data cannot be read or is not what the study was made with.
        StorageError: The database or the folder cannot be used.
    """
    check_device(device)
    find_names(config)
    records = StudyRecords(open_database(study, artifacts), config.name)
    check_configuration(records, config)
    dataset = dataset_of(config)
    make_folder(directory)
    add_study(records, study, config, dataset, artifacts or str(directory / "weights"))
    check_fingerprint(dataset, records.images.fingerprint, config)
    record_steps(records, config)
    preparation = _Preparation(study, config, records, dataset, directory, device, say)
    # Workers that join later do not wait for each other.
    purpose = f"prepares study {config.name!r}"
    with nullcontext() if preparation.is_done() else records.database.alone(purpose, say):
        return preparation.prepared()


def check_device(name: str) -> None:
    """Refuse a device that this machine does not have.

    Raises:
        ConfigurationError: There is no such device.
    """
    try:
        torch.zeros(1, device=name).cpu()
    except (RuntimeError, AssertionError) as error:
        accelerator = torch.accelerator.current_accelerator(check_available=True)
        count = torch.accelerator.device_count() if accelerator else 0
        usable = ["cpu", *(f"{accelerator}:{number}" for number in range(count))]
        raise ConfigurationError(
            f"device {name!r}: this machine does not have it. Allowed: {', '.join(usable)}."
        ) from error


class _Preparation:
    """The one-time work on a study, in order: teacher, logits, seed."""

    def __init__(
        self,
        study: optuna.Study,
        config: StudyConfig,
        records: StudyRecords,
        dataset: Dataset,
        directory: Path,
        device: str,
        say: Say,
    ) -> None:
        self.study, self.config, self.records, self.say = study, config, records, say
        self.dataset, self.directory, self.device = dataset, directory, torch.device(device)
        self.weights = records.store
        seed = derived_seed(config.random_seed, "views")
        self.inputs = augmented_inputs(dataset, config.data, seed, self.device)
        self.validation_inputs = image_inputs(dataset.validation, dataset, self.device)
        (self.example,) = next(self.validation_inputs.in_order(0, 2))

    def is_done(self) -> bool:
        """Whether there is nothing to train or to tell."""
        return TOLD_LAST_KEY in self.study.user_attrs

    def prepared(self) -> PreparedStudy:
        space = self.config.search_space
        by_label = self._by_label()
        teacher = self._recorded("teacher") or self._train(
            "teacher", space.teacher, self.config.teacher, by_label
        )
        data = self._distilled(by_label, teacher)
        seed = self._recorded("seed") or self._train(
            "seed",
            space.seed,
            self.config.seed,
            data,
            teacher if self.config.seed.start != "fresh" else None,
        )
        if not self.is_done():
            self._tell_policies(teacher, seed)
        return PreparedStudy(
            config=self.config,
            records=self.records,
            weights=self.weights,
            data=data,
            example=self.example,
            teacher=teacher,
            seed=seed,
            device=self.device,
            features=FeatureCache(
                self.config.memory_gigabytes * 2**30,
                features_folder(self.directory),
                # The split of the images by their hash, all else by the configuration's.
                f"{self.dataset.fingerprint}-{self.config.hash()}",
            ),
        )

    def _by_label(self) -> TrainingData:
        """The images with their labels, and nothing of a teacher."""
        return TrainingData(
            inputs=self.inputs,
            targets=Targets(self.dataset.train.labels.to(self.device)),
            validation_inputs=self.validation_inputs,
            validation_targets=Targets(self.dataset.validation.labels.to(self.device)),
            loss=cross_entropy,
        )

    def _distilled(self, training_data: TrainingData, teacher: NetworkRecord) -> TrainingData:
        """The same images with the teacher's logits."""
        logits = self._logits_on("train", self.inputs, teacher)
        validation_logits = self._logits_on("validation", self.validation_inputs, teacher)
        settings = self.config.distillation
        return replace(
            training_data,
            targets=training_data.targets._replace(teacher_logits=logits),
            validation_targets=training_data.validation_targets._replace(
                teacher_logits=validation_logits
            ),
            loss=LOSSES.find(settings.loss)(settings),
        )

    def _recorded(self, method: str) -> NetworkRecord | None:
        networks = self.records.networks()
        return next((network for network in networks if network.method == method), None)

    def _train(
        self,
        method: str,
        width: Width,
        recipe: Recipe,
        training_data: TrainingData,
        teacher: NetworkRecord | None = None,
    ) -> NetworkRecord:
        random_seed = self.config.random_seed
        network = self._fresh(method, width)
        if teacher is not None:
            network = self._started(network, teacher)
        self.say(f"training the {method} for {recipe.epochs} epochs")
        phases = Phases()
        with phases("training"):
            l2_sp = recipe.l2_sp if isinstance(recipe, SeedRecipe) else 0.0
            optimizer = whole_network_optimizer(network, recipe, l2_sp)
            generator = generator_for(random_seed, method, "batches")
            epochs = fit(network, optimizer, training_data, recipe, generator)
        structure = analyse(network, self.example)
        if method == "teacher" and self.config.teacher_gives_channels:
            network = largest_first(network, structure)
        with phases("evaluation"):
            evaluation = validate(network, training_data)
        trained = Trained(network, structure, epochs, evaluation, phases.seconds)
        record = network_record(method, trained, self.weights, self.study)
        return self._added(replace(record, step=0) if method == "seed" else record)

    def _added(self, record: NetworkRecord) -> NetworkRecord:
        """The record, or that of another worker who made the same: this one had lost its lock."""
        try:
            network_id = self.records.add(record)
        except StorageError:
            if (other := self._recorded(record.method)) is None:
                raise
            return other
        return self.records.network(network_id)

    def _fresh(self, method: str, width: Width) -> nn.Module:
        seed = derived_seed(self.config.random_seed, method, "weights")
        network = self.records.build({}, seed)
        example = self.example.cpu()
        generator = torch.Generator().manual_seed(seed)
        narrowed = narrow(network, example, width.width, generator, minimum=width.minimum)
        if isinstance(width, Teacher) and width.weights is not None:
            classifier = classifier_tensors(analyse(narrowed, example))
            load_pretrained(narrowed, self.config.search_space, width.weights, classifier)
        return narrowed.to(self.device)

    def _started(self, seed: nn.Module, teacher: NetworkRecord) -> nn.Module:
        """The seed with the weights that `seed.start` names, no wider than the teacher."""
        network, structure = self.records.load(teacher).to(self.device), analyse(seed, self.example)
        # A teacher narrower than its architecture may have less than the seed's minimum.
        widths = {
            name: min(width, teacher.widths[name])
            for name, width in structure.growable_widths.items()
        }
        started, axes_of = resized(seed, structure, widths), structure.axes_of
        grown = Grown(
            network=started,
            structure=structure.with_widths(widths),
            parent=seed,
            changed={name: axes_of.get(name, ()) for name in structure.shapes},
            example=self.example,
            donor=Donor(network, analyse(network, self.example)),
            generator=generator_for(self.config.random_seed, "seed", "start"),
        )
        with torch.no_grad():
            STARTS.find(self.config.seed.start)(grown)
        return started

    def _logits_on(self, split: str, inputs: Inputs, teacher: NetworkRecord) -> Tensor:
        # The weights' hash and the data's say all that the logits depend on: the views follow
        # from the study's configuration, and that has one hash for one study.
        assert teacher.sha256 is not None
        key = f"{teacher.sha256[:12]}-{self.dataset.fingerprint[:12]}"
        path = self.directory / f"teacher-logits-{split}-{key}.npy"

        def compute() -> Tensor:
            network = self.records.load(teacher).to(self.device)
            return teacher_logits(network, inputs).cpu()

        shared = SharedLogits(self.study, self.weights, self.records.database.alone, self.say)
        return shared.at(path, split, compute).to(self.device)

    def _tell_policies(self, teacher: NetworkRecord, seed_record: NetworkRecord) -> None:
        """Policies are functions of Optuna's study alone, so it is told what they compare to."""
        cost = COSTS.find(self.config.search.cost)
        structure = analyse(self.records.build(seed_record.widths), self.records.example)
        for network in (teacher, seed_record):
            validation = network.evaluation_on("validation")
            assert validation is not None
            self.study.set_user_attr(parameters_key(network.method), network.parameters)
            self.study.set_user_attr(cost_key(network.method), cost(structure, network.widths))
            self.study.set_user_attr(accuracy_key(network.method), validation.accuracy)
