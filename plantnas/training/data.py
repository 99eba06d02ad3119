"""Splits the images of a data set for a search. The views of the images are in views.py.

How each data set is read is in datasets/. The test split has a function of its own, which only the
report calls: a search cannot read it.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from plantnas.config import StudyConfig
from plantnas.errors import DataError
from plantnas.named import Guarded, raised
from plantnas.tasks import Data, Task
from plantnas.training.datasets import DATASETS
from plantnas.training.decoding import ImageFiles, Storing, decoded
from plantnas.training.giving import plain, problem_of, task_of
from plantnas.training.handed_data import handed_data, holds_images, images_of
from plantnas.training.images import UNREADABLE, Images, Splits, reason_of, with_label
from plantnas.training.normalisation import normalisation
from plantnas.training.seeds import derived_seed
from plantnas.training.stored_items import Reading
from plantnas.training.summary import summary_of


@dataclass(frozen=True)
class Dataset:
    """What a search may see of a data set.

    Attributes:
        train: Images to train on.
        validation: Images to choose networks by, disjoint from `train`.
        num_classes: How many numbers a network answers: one for each class, label or number.
        mean: Mean of the training pixels of each channel, in 0 .. 255; none of inputs that
            networks take as they are.
        std: Their standard deviation.
        fingerprint: SHA-256 of both splits' pixels and labels.
        task: What is learnt.
    """

    train: Images
    validation: Images
    num_classes: int
    mean: Tensor
    std: Tensor
    fingerprint: str
    task: Task = "classification"

    @property
    def channels(self) -> int:
        """Channels of the images."""
        return self.train.pixels.shape[1]


IN_MEMORY = Storing()
"""All images are in memory."""


def dataset_of(config: StudyConfig, storing: Storing = IN_MEMORY) -> Dataset:
    """The images that a study trains on and chooses networks by.

    Raises:
        DataError: As `load_dataset`.
    """
    return load_dataset(config.data, derived_seed(config.random_seed, "split"), storing)


def check_fingerprint(dataset: Dataset, fingerprint: str, config: StudyConfig) -> None:
    """Refuse images that are not those that a study was made with.

    Args:
        dataset: What was read now.
        fingerprint: The fingerprint of what was read then.
        config: The study's.

    Raises:
        DataError: The fingerprints differ.
    """
    if dataset.fingerprint != fingerprint:
        splits = dataset.train, dataset.validation
        folders = [split.file.path.parent for split in splits if split.file is not None]
        advice = f" If a file in {folders[0]} was changed, remove that folder." if folders else ""
        raise DataError(
            f"data.name: {config.data.name}: is not the data that study {config.name!r} was made "
            f"with: its SHA-256 is {dataset.fingerprint[:12]}, not {fingerprint[:12]}.{advice}"
        )


def load_dataset(data: Data, random_seed: int, storing: Storing = IN_MEMORY) -> Dataset:
    """Training and validation images, drawn from the data set's training split.

    Args:
        data: Which data set, and how many images.
        random_seed: Seed of the draw.
        storing: Where images are that are more than memory should hold.

    Raises:
        DataError: Files are missing or damaged, there are too few images, or none to be used
            without labels.
    """
    read = _read(data, "train", storing)
    own = None
    if isinstance(read, Splits):
        own = _all_images(_with_channels(read.validation, data), data, storing)
    pool = _with_channels(read.train if isinstance(read, Splits) else read, data)
    held = data.validation if own is None else 0
    generator = torch.Generator().manual_seed(random_seed)
    labelled = with_label(pool.labels)
    order = labelled[torch.randperm(len(labelled), generator=generator)]
    if data.stratify:
        order = _stratified(order, pool.labels, data)
    wanted = data.train or len(order) - held
    if wanted < 1 or wanted + held > len(order):
        raise DataError(
            f"data.train: {data.train} and data.validation: {held} are more images "
            f"than the {len(order)} labelled training images of {data.name}."
        )
    task = _task(pool.labels, data)
    _check_differences(pool.labels[labelled], data)
    if isinstance(pool, Images):
        _check_views(pool.pixels, data)
    chosen, left = order[held:].tensor_split([wanted])
    unlabelled = _unlabelled(pool, left, data)
    trained = torch.cat([chosen, unlabelled])
    train = _images(pool.without_labels(unlabelled), trained, data, data.views, storing)
    validation = _images(pool, order[:held], data, 1, storing) if own is None else own
    with _told(data, UNREADABLE):
        summary = summary_of(train, validation, storing.folder)
    found = (torch.tensor(each, dtype=torch.float32) for each in (summary.mean, summary.std))
    mean, std = normalisation(data, *found)
    return Dataset(
        train=train,
        validation=validation,
        num_classes=_outputs(read) or max(outputs_of(pool.labels), outputs_of(validation.labels)),
        mean=mean,
        std=std,
        fingerprint=summary.fingerprint,
        task=task,
    )


def load_test_images(data: Data, storing: Storing = IN_MEMORY) -> Images:
    """The test split, for the final report only.

    Raises:
        DataError: Files are missing or damaged.
    """
    read = _read(data, "test", storing)
    assert not isinstance(read, Splits)  # or else it was refused
    return _all_images(_with_channels(read, data), data, storing)


def _outputs(read: Images | ImageFiles | Splits) -> int | None:
    return None if isinstance(read, Images) else read.num_classes


def outputs_of(labels: Tensor) -> int:
    """How many numbers a network answers, so that it can answer these labels."""
    return labels.shape[1] if labels.is_floating_point() else int(labels.max()) + 1


def _task(labels: Tensor, data: Data) -> Task:
    try:
        return task_of(labels, data.task)
    except ValueError as error:
        raise DataError(f"data.task: {data.task}: of {data.name}: {error}") from error


def _stratified(order: Tensor, labels: Tensor, data: Data) -> Tensor:
    """The same images, each class's spread evenly over all places, in the order that they had."""
    if labels.is_floating_point():
        raise DataError(f"data.stratify: true: the targets of {data.name} are no classes.")
    drawn = labels[order]
    place = torch.empty(len(order), dtype=torch.float64)
    for label in set(drawn.tolist()):
        is_of = drawn == label
        place[is_of] = (torch.arange(int(is_of.sum())) + 0.5).double() / is_of.sum()
    return order[place.argsort(stable=True)]


def _check_differences(labels: Tensor, data: Data) -> None:
    if (labels == labels[0]).all():
        what, why = f"label {labels[0].tolist()}", "there is no other class to tell them from"
        if labels.is_floating_point():
            what, why = f"labels {labels[0].tolist()}", "there is nothing to learn"
        raise DataError(f"data.name: {data.name}: all images have the {what}: {why}.")


def _check_views(pixels: Tensor, data: Data) -> None:
    """Refuses views of inputs that are no images."""
    for key, value, verb in (("flip", data.flip, "mirrors"), ("shift", data.shift, "shifts")):
        if value and pixels.ndim != 4:
            raise DataError(
                f"data.{key}: {str(value).lower()}: {verb} images of channels x height x width, "
                f"but the inputs of {data.name} have the shape {tuple(pixels.shape[1:])}."
            )


def _unlabelled(pool: Images | ImageFiles, left: Tensor, data: Data) -> Tensor:
    """Indices of the training images to use without labels: those without one, or those left."""
    if not data.unlabelled:
        return left[:0]
    is_without = torch.ones(len(pool), dtype=torch.bool)
    is_without[with_label(pool.labels)] = False
    if is_without.any():
        return is_without.nonzero().flatten()
    if data.train is None:
        raise DataError(
            "data.unlabelled: true: needs data.train, the number of training images of "
            f"{data.name} that keep their labels; the rest is used without."
        )
    if not len(left):
        raise DataError(
            f"data.unlabelled: true: data.train: {data.train} and data.validation: "
            f"{data.validation} leave none of the {len(pool)} training images of {data.name}."
        )
    return left


def _with_channels(pool: Images | ImageFiles, data: Data) -> Images | ImageFiles:
    channels = pool.shape[0] if isinstance(pool, ImageFiles) else pool.pixels.shape[1]
    if data.channels is None or data.channels == channels:
        return pool
    if channels != 1 or isinstance(pool, ImageFiles):
        raise DataError(f"data.channels: {data.channels}: {data.name} has {channels} channels.")
    sizes = pool.pixels.shape[2:]
    return replace(pool, pixels=pool.pixels.expand(-1, data.channels, *sizes))


def _all_images(pool: Images | ImageFiles, data: Data, storing: Storing) -> Images:
    return _images(pool, torch.arange(len(pool)), data, 1, storing)


def _images(
    pool: Images | ImageFiles, indices: Tensor, data: Data, times: int, storing: Storing
) -> Images:
    """Those of a pool at some indices; files are decoded now.

    Raises:
        DataError: Files are no images, or cannot be stored.
    """
    if isinstance(pool, Images):
        return pool.subset(indices)
    with _told(data, UNREADABLE):
        images = decoded(pool.subset(indices), data, times, storing)
    if (problem := problem_of(images)) is not None:
        raise DataError(f"data.name: {data.name}: {problem}")
    return images


def _read(data: Data, split: str, storing: Storing) -> Images | ImageFiles | Splits:
    """All images of the data set's own `train` or `test` split; the first may be two."""
    read, is_shipped = DATASETS.find(data.name), data.name in DATASETS
    with _told(data, UNREADABLE if is_shipped else (Exception, SystemExit)):
        images: object = (read.thing if isinstance(read, Guarded) else read)(data, split)
    if isinstance(images, ImageFiles):
        return images
    if not is_shipped:
        images = plain(_taken(images, split, data, storing))
    for each in images[:2] if isinstance(images, Splits) else (images,):
        if (problem := problem_of(each)) is not None:
            raise DataError(f"data.name: {data.name}: {problem}")
    assert isinstance(images, Images | Splits)  # or there is a problem
    return images


@contextmanager
def _told(data: Data, foreseen: tuple[type[BaseException], ...]) -> Iterator[None]:
    """What reading raises is one line.

    Raises:
        DataError: Something that was foreseen was raised.
    """
    try:
        yield
    except foreseen as error:
        is_told = data.name in DATASETS or isinstance(error, DataError)
        reason = reason_of(error) if is_told else f"{raised(error)}."
        raise DataError(f"data.name: {data.name}: cannot be read: {reason}") from error


def _taken(returned: object, split: str, data: Data, storing: Storing) -> object:
    """What a reader of the user's returned: torch Datasets, and pairs of tensors, are read here."""
    source = data.model_dump_json(exclude={"memory_gigabytes", "on_error", "download"})
    reading = Reading(storing, data.memory_gigabytes * 2**30, data.views, source)
    try:
        if split == "train" and isinstance(returned, Mapping | Splits):
            parts = returned._asdict() if isinstance(returned, Splits) else returned
            own = handed_data(parts.get("train"), parts.get("validation"), None, reading)
            return Splits(own.train, own.validation, parts.get("num_classes"))
        return images_of(returned, split, reading) if holds_images(returned) else returned
    except DataError as error:
        raise DataError(f"data.name: {data.name}: {error}") from error
