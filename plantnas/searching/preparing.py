"""Makes a study ready for trials: teacher, its logits, and the seed, each once and kept.

It may be interrupted at any moment and called again: what is recorded is not made again. How the
study itself is recorded is in recording.py.
"""

from contextlib import nullcontext
from dataclasses import replace
from functools import cache, partial
from pathlib import Path

import torch
from torch import Tensor

from plantnas.channels.initialising import Samples
from plantnas.errors import Say
from plantnas.listening import training
from plantnas.records.record import NetworkRecord
from plantnas.searching.first_networks import SeedMaker, is_told, made_teacher
from plantnas.searching.prepared import (
    NOTHING,
    PreparedStudy,
    donor_of,
    features_folder,
)
from plantnas.searching.recording import JoinedStudy
from plantnas.searching.recording import check_configuration as check_configuration
from plantnas.searching.shared_files import SharedFiles
from plantnas.training.augmenting import Keeping
from plantnas.training.features import FeatureCache
from plantnas.training.fitting import TrainingData, labelled
from plantnas.training.hints import Hint, hinted_layer, teacher_features
from plantnas.training.logits import (
    Answering,
    load_logits,
    save_logits,
    teacher_logits,
)
from plantnas.training.losses import loss_of
from plantnas.training.samples import load_samples, save_samples, teacher_samples
from plantnas.training.seeds import generator_for
from plantnas.training.views import Inputs, seconds_an_image


def prepare(
    joined: JoinedStudy, device: str = "cpu", say: Say = lambda message: None
) -> PreparedStudy:
    """Trains teacher and seed if they are not recorded yet, and loads what trials need.

    Only one worker of a database trains at a time; the others wait and find it done. The seed of a
    study that looks ahead is trained when the first planting of it is.

    Args:
        joined: The study.
        device: Where networks are trained.
        say: Is told what is being trained.

    Raises:
        StorageError: The database or the folder cannot be used.
    """
    config, records, study = joined.config, joined.records, joined.study
    limit, folder = config.memory_gigabytes * 2**30, features_folder(joined.directory)
    # The split of the images by their hash, all else by the configuration's.
    key = f"{joined.dataset.fingerprint}-{config.hash()}"
    keeping = Keeping(limit, folder / f"{key}.views", say)
    images = labelled(config, joined.dataset, torch.device(device), keeping)
    # Workers that join later do not wait for each other.
    purpose = f"prepares study {config.name!r}"
    with nullcontext() if is_told(study, "teacher") else records.database.alone(purpose, say):
        teacher = made_teacher(joined, images, say)
        data = _distilled(joined, images, teacher, say)
        samples = cache(partial(_samples, joined, images, teacher, say))
        seed = SeedMaker(joined, data, teacher, samples, say)
        if not is_told(study, "teacher"):
            seed.tell_costs()
    if not config.looks_ahead:
        seed.made(NOTHING)
    return PreparedStudy(
        config=config,
        records=records,
        weights=records.store,
        data=data,
        example=data.example,
        teacher=teacher,
        seed_structure=seed.structure,
        make_seed=seed.made,
        samples=samples,
        pricing=joined.pricing,
        device=torch.device(device),
        features=FeatureCache(limit, folder, key),
    )


def _distilled(
    joined: JoinedStudy, training_data: TrainingData, teacher: NetworkRecord, say: Say
) -> TrainingData:
    """The same images with the teacher's logits."""
    data, validation_inputs = training_data, training_data.validation_inputs
    config = joined.config
    logits, answering = _train_logits(joined, data.inputs, teacher, say)
    validation_logits = _logits_on(joined, "validation", validation_inputs, teacher, say)
    return replace(
        data,
        targets=data.targets._replace(teacher_logits=logits, answering=answering),
        validation_targets=data.validation_targets._replace(teacher_logits=validation_logits),
        loss=loss_of(config.distillation, joined.dataset.task, training_data.label_loss),
        hint=_hint(joined, data.inputs, teacher, say),
    )


def _hint(joined: JoinedStudy, inputs: Inputs, teacher: NetworkRecord, say: Say) -> Hint | None:
    """What the teacher's last layer is given for the training images, where networks learn it."""
    layer = hinted_layer(joined.config, joined.records.structure)
    if layer is None:
        return None
    path = _path_of(joined, "teacher-hints-train", "npy", teacher)

    def make(path: Path) -> None:
        network = joined.records.load(teacher).to(inputs.device)
        save_logits(path, teacher_features(network, inputs, layer).cpu())

    _shared(joined, say).see_to(path, "teacher's hints on the train images", make)
    weight = joined.config.distillation.hint_weight
    return Hint(layer, weight, load_logits(path).to(inputs.device))


def _train_logits(
    joined: JoinedStudy, inputs: Inputs, teacher: NetworkRecord, say: Say
) -> tuple[Tensor, Answering | None]:
    """The teacher's logits on all views; of transformed ones that are too many, on view 0.

    Then also what gives the others: the teacher itself.
    """
    config, device = joined.config, inputs.device
    size = 4 * inputs.views * inputs.images * joined.dataset.num_classes
    if not config.data.augment or size <= config.memory_gigabytes * 2**30:
        return _logits_on(joined, "train", inputs, teacher, say), None
    first = inputs.chosen(torch.arange(inputs.images))
    logits = _logits_on(joined, "train-as-they-are", first, teacher, say)
    answering = Answering(joined.records.load(teacher).to(device).eval(), inputs)
    seconds = seconds_an_image(answering, inputs.images, inputs.views)
    say(
        f"the teacher's logits on {inputs.views} views of {inputs.images:,} images are "
        f"{size / 2**30:.2g} GB, more than memory_gigabytes: it answers each batch anew, "
        f"{seconds * 1000:.2g} ms an image with its view, {seconds * inputs.images:.0f} s an epoch"
    )
    return logits, answering


def _logits_on(
    joined: JoinedStudy, split: str, inputs: Inputs, teacher: NetworkRecord, say: Say
) -> Tensor:
    path, device = _path_of(joined, f"teacher-logits-{split}", "npy", teacher), inputs.device

    def make(path: Path) -> None:
        network = joined.records.load(teacher).to(device)
        with training("logits"):
            save_logits(path, teacher_logits(network, inputs).cpu())

    _shared(joined, say).see_to(path, f"teacher's logits on the {split} images", make)
    return load_logits(path).to(device)


def _samples(
    joined: JoinedStudy, training_data: TrainingData, teacher: NetworkRecord, say: Say
) -> Samples:
    """What the teacher's layers compute on some training images."""
    config, path = joined.config, _path_of(joined, "teacher-samples", "pt", teacher)

    def make(path: Path) -> None:
        donor = donor_of(joined.records, teacher, training_data.example, None)
        memory = config.memory_gigabytes * 2**30 / 4
        generator = generator_for(config.random_seed, "samples")
        save_samples(path, teacher_samples(donor, training_data.inputs, memory, generator))

    _shared(joined, say).see_to(path, "teacher's samples", make)
    return load_samples(path, training_data.inputs)


def _shared(joined: JoinedStudy, say: Say) -> SharedFiles:
    records = joined.records
    return SharedFiles(joined.study, records.store, records.database.alone, say)


def _path_of(joined: JoinedStudy, stem: str, suffix: str, teacher: NetworkRecord) -> Path:
    # The weights' hash and the data's say all that the content depends on: the views follow
    # from the study's configuration, and that has one hash for one study.
    assert teacher.sha256 is not None
    key = f"{teacher.sha256[:12]}-{joined.dataset.fingerprint[:12]}"
    return joined.directory / f"{stem}-{key}.{suffix}"
