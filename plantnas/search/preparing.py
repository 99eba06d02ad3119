"""Makes a study ready for trials: teacher, its logits, and the seed, each once and kept.

It may be interrupted at any moment and called again: what is recorded is not made again. How the
study itself is recorded is in recording.py.
"""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from functools import cache, partial
from pathlib import Path

import optuna
import torch
from torch import Tensor, nn

from plantnas.channels.cost import COSTS, parameters_of
from plantnas.channels.groups import analyse
from plantnas.channels.initialisations import STARTS
from plantnas.channels.initialising import Grown, Samples, all_new
from plantnas.channels.ordering import largest_first
from plantnas.channels.planting import narrow
from plantnas.channels.resizing import resized
from plantnas.channels.structure import classifier_tensors
from plantnas.config import Recipe, SeedRecipe, Teacher, Width
from plantnas.errors import ConfigurationError, Say, StorageError
from plantnas.networks.pretrained import load_pretrained
from plantnas.records.optuna_tables import TOLD_LAST_KEY, accuracy_key, cost_key, parameters_key
from plantnas.records.record import NetworkRecord
from plantnas.records.study import StudyRecords
from plantnas.search.prepared import (
    PreparedStudy,
    Trained,
    donor_of,
    features_folder,
    network_record,
)
from plantnas.search.recording import JoinedStudy
from plantnas.search.recording import check_configuration as check_configuration
from plantnas.search.shared_files import SharedFiles
from plantnas.training.features import FeatureCache
from plantnas.training.fitting import TrainingData, fit, validate
from plantnas.training.logits import load_logits, save_logits, teacher_logits
from plantnas.training.loss import Targets, cross_entropy
from plantnas.training.losses import LOSSES
from plantnas.training.optimizers import whole_network_optimizer
from plantnas.training.phases import Phases
from plantnas.training.samples import load_samples, save_samples, teacher_samples
from plantnas.training.seeds import derived_seed, generator_for
from plantnas.training.views import Inputs, augmented_inputs, image_inputs


def prepare(
    joined: JoinedStudy, device: str = "cpu", say: Say = lambda message: None
) -> PreparedStudy:
    """Trains teacher and seed if they are not recorded yet, and loads what trials need.

    Only one worker of a database trains at a time; the others wait and find it done.

    Args:
        joined: The study.
        device: Where networks are trained.
        say: Is told what is being trained.

    Raises:
        StorageError: The database or the folder cannot be used.
    """
    config, records, study = joined.config, joined.records, joined.study
    images = _labelled(joined, torch.device(device))
    # Workers that join later do not wait for each other.
    purpose = f"prepares study {config.name!r}"
    with nullcontext() if _is_told(study) else records.database.alone(purpose, say):
        teacher = _recorded(records, "teacher")
        if teacher is None:
            network = _fresh(joined, "teacher", config.search_space.teacher, images.example)
            teacher = _trained(joined, "teacher", network, config.teacher, images, say)
        data = _distilled(joined, images, teacher, say)
        samples = cache(partial(_samples, joined, images, teacher, say))
        seed = _recorded(records, "seed")
        if seed is None:
            network = _started_seed(joined, images.example, teacher, samples)
            seed = _trained(joined, "seed", network, config.seed, data, say)
        if not _is_told(study):
            _tell_policies(joined, teacher, seed)
    limit, folder = config.memory_gigabytes * 2**30, features_folder(joined.directory)
    return PreparedStudy(
        config=config,
        records=records,
        weights=records.store,
        data=data,
        example=data.example,
        teacher=teacher,
        seed=seed,
        samples=samples,
        device=torch.device(device),
        # The split of the images by their hash, all else by the configuration's.
        features=FeatureCache(limit, folder, f"{joined.dataset.fingerprint}-{config.hash()}"),
    )


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


def _labelled(joined: JoinedStudy, device: torch.device) -> TrainingData:
    """The images on the device, with their labels and nothing of a teacher."""
    config, dataset = joined.config, joined.dataset
    seed = derived_seed(config.random_seed, "views")
    return TrainingData(
        inputs=augmented_inputs(dataset, config.data, seed, device),
        targets=Targets(dataset.train.labels.to(device)),
        validation_inputs=image_inputs(dataset.validation, dataset, device),
        validation_targets=Targets(dataset.validation.labels.to(device)),
        loss=cross_entropy,
    )


def _is_told(study: optuna.Study) -> bool:
    """Whether there is nothing to train or to tell any more."""
    return TOLD_LAST_KEY in study.user_attrs


def _recorded(records: StudyRecords, method: str) -> NetworkRecord | None:
    return next((record for record in records.networks() if record.method == method), None)


def _distilled(
    joined: JoinedStudy, training_data: TrainingData, teacher: NetworkRecord, say: Say
) -> TrainingData:
    """The same images with the teacher's logits."""
    data, validation_inputs = training_data, training_data.validation_inputs
    logits = _logits_on(joined, "train", data.inputs, teacher, say)
    validation_logits = _logits_on(joined, "validation", validation_inputs, teacher, say)
    settings = joined.config.distillation
    return replace(
        data,
        targets=data.targets._replace(teacher_logits=logits),
        validation_targets=data.validation_targets._replace(teacher_logits=validation_logits),
        loss=LOSSES.find(settings.loss)(settings),
    )


def _logits_on(
    joined: JoinedStudy, split: str, inputs: Inputs, teacher: NetworkRecord, say: Say
) -> Tensor:
    path, device = _path_of(joined, f"teacher-logits-{split}", "npy", teacher), inputs.device

    def make(path: Path) -> None:
        network = joined.records.load(teacher).to(device)
        save_logits(path, teacher_logits(network, inputs).cpu())

    _shared(joined, say).see_to(path, f"teacher's logits on the {split} images", make)
    return load_logits(path).to(device)


def _samples(
    joined: JoinedStudy, images: TrainingData, teacher: NetworkRecord, say: Say
) -> Samples:
    """What the teacher's layers compute on some training images."""
    config, path = joined.config, _path_of(joined, "teacher-samples", "pt", teacher)

    def make(path: Path) -> None:
        donor = donor_of(joined.records, teacher, images.example, None)
        memory = config.memory_gigabytes * 2**30 / 4
        generator = generator_for(config.random_seed, "samples")
        save_samples(path, teacher_samples(donor, images.inputs, memory, generator))

    _shared(joined, say).see_to(path, "teacher's samples", make)
    return load_samples(path, images.inputs)


def _shared(joined: JoinedStudy, say: Say) -> SharedFiles:
    records = joined.records
    return SharedFiles(joined.study, records.store, records.database.alone, say)


def _path_of(joined: JoinedStudy, stem: str, suffix: str, teacher: NetworkRecord) -> Path:
    # The weights' hash and the data's say all that the content depends on: the views follow
    # from the study's configuration, and that has one hash for one study.
    assert teacher.sha256 is not None
    key = f"{teacher.sha256[:12]}-{joined.dataset.fingerprint[:12]}"
    return joined.directory / f"{stem}-{key}.{suffix}"


def _fresh(joined: JoinedStudy, method: str, width: Width, example: Tensor) -> nn.Module:
    """The architecture at the width, with the weights that the study's random seed draws."""
    seed = derived_seed(joined.config.random_seed, method, "weights")
    network, on_cpu = joined.records.build({}, seed), example.cpu()
    generator = torch.Generator().manual_seed(seed)
    narrowed = narrow(network, on_cpu, width.width, generator, minimum=width.minimum)
    if isinstance(width, Teacher) and width.weights is not None:
        classifier = classifier_tensors(analyse(narrowed, on_cpu))
        load_pretrained(narrowed, joined.config.search_space, width.weights, classifier)
    return narrowed.to(example.device)


def _started_seed(
    joined: JoinedStudy, example: Tensor, teacher: NetworkRecord, samples: Callable[[], Samples]
) -> nn.Module:
    """The seed before its training: as `seed.start` says, and then no wider than the teacher."""
    config = joined.config
    seed = _fresh(joined, "seed", config.search_space.seed, example)
    if config.seed.start == "fresh":
        return seed
    structure = analyse(seed, example)
    # A teacher narrower than its architecture may have less than the seed's minimum.
    widths = {
        name: min(width, teacher.widths[name]) for name, width in structure.growable_widths.items()
    }
    started = resized(seed, structure, widths)
    grown = Grown(
        network=started,
        structure=structure.with_widths(widths),
        parent=seed,
        changed=all_new(started),
        example=example,
        donor=donor_of(joined.records, teacher, example, samples if config.fits_channels else None),
        generator=generator_for(config.random_seed, "seed", "start"),
    )
    with torch.no_grad():
        STARTS.find(config.seed.start)(grown)
    return started


def _trained(
    joined: JoinedStudy,
    method: str,
    network: nn.Module,
    recipe: Recipe,
    training_data: TrainingData,
    say: Say,
) -> NetworkRecord:
    """Trains the teacher or the seed, and records it.

    Returns:
        Its record, or that of another worker who made the same: this one had lost its lock.
    """
    config, records, phases = joined.config, joined.records, Phases()
    say(f"training the {method} for {recipe.epochs} epochs")
    recipe = recipe.for_size(parameters_of(network))
    with phases("training"):
        l2_sp = recipe.l2_sp if isinstance(recipe, SeedRecipe) else 0.0
        optimizer = whole_network_optimizer(network, recipe, l2_sp)
        generator = generator_for(config.random_seed, method, "batches")
        epochs = fit(network, optimizer, training_data, recipe, generator)
    structure = analyse(network, training_data.example)
    if method == "teacher" and config.teacher_gives_channels:
        network = largest_first(network, structure)
    with phases("evaluation"):
        evaluation = validate(network, training_data)
    trained = Trained(network, structure, epochs, evaluation, phases.seconds)
    record = network_record(method, trained, records.store, joined.study)
    try:
        network_id = records.add(replace(record, step=0) if method == "seed" else record)
    except StorageError:
        if (others := _recorded(records, method)) is None:
            raise
        return others
    return records.network(network_id)


def _tell_policies(joined: JoinedStudy, teacher: NetworkRecord, seed: NetworkRecord) -> None:
    """Policies are functions of Optuna's study alone, so it is told what they compare to."""
    records, study = joined.records, joined.study
    cost = COSTS.find(joined.config.search.cost)
    structure = analyse(records.build(seed.widths), records.example)
    for record in (teacher, seed):
        validation = record.evaluation_on("validation")
        assert validation is not None
        study.set_user_attr(parameters_key(record.method), record.parameters)
        study.set_user_attr(cost_key(record.method), cost(structure, record.widths))
        study.set_user_attr(accuracy_key(record.method), validation.accuracy)
