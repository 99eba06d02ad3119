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
from plantnas.errors import ConfigurationError, Say
from plantnas.given import check_text
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
from plantnas.training.features import FeatureCache
from plantnas.training.fitting import TrainingData, labelled
from plantnas.training.logits import load_logits, save_logits, teacher_logits
from plantnas.training.losses import loss_of
from plantnas.training.samples import load_samples, save_samples, teacher_samples
from plantnas.training.seeds import generator_for
from plantnas.training.views import Inputs


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
    images = labelled(config, joined.dataset, torch.device(device))
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
    limit, folder = config.memory_gigabytes * 2**30, features_folder(joined.directory)
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
        # The split of the images by their hash, all else by the configuration's.
        features=FeatureCache(limit, folder, f"{joined.dataset.fingerprint}-{config.hash()}"),
    )


def check_device(name: str) -> None:
    """Refuse a device that this machine does not have.

    Raises:
        ConfigurationError: There is no such device.
    """
    check_text("device", name, "a device's name, such as 'cpu',")
    try:
        torch.zeros(1, device=name).cpu()
    except (RuntimeError, AssertionError) as error:
        accelerator = torch.accelerator.current_accelerator(check_available=True)
        count = torch.accelerator.device_count() if accelerator else 0
        usable = ["cpu", *(f"{accelerator}:{number}" for number in range(count))]
        raise ConfigurationError(
            f"device {name!r}: this machine does not have it. Allowed: {', '.join(usable)}."
        ) from error


def _distilled(
    joined: JoinedStudy, training_data: TrainingData, teacher: NetworkRecord, say: Say
) -> TrainingData:
    """The same images with the teacher's logits."""
    data, validation_inputs = training_data, training_data.validation_inputs
    config = joined.config
    logits = _logits_on(joined, "train", data.inputs, teacher, say)
    validation_logits = _logits_on(joined, "validation", validation_inputs, teacher, say)
    return replace(
        data,
        targets=data.targets._replace(teacher_logits=logits),
        validation_targets=data.validation_targets._replace(teacher_logits=validation_logits),
        loss=loss_of(config.distillation, joined.dataset.task, training_data.label_loss),
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
