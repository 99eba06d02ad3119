"""The images of a study, and the only reading of its test split. Nothing here draws."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from plantnas.errors import DataError
from plantnas.given import check_given, check_place
from plantnas.measured import Evaluation, Split
from plantnas.place import folder_beside, images_folder
from plantnas.records.database import Database
from plantnas.records.record import NetworkRecord
from plantnas.records.study import StudyRecords
from plantnas.training.data import (
    check_fingerprint,
    dataset_of,
    load_test_images,
    outputs_of,
)
from plantnas.training.decoding import Storing
from plantnas.training.evaluation import evaluate
from plantnas.training.giving import task_of
from plantnas.training.images import Images, with_label
from plantnas.training.loss import Targets, label_loss
from plantnas.training.metrics import metrics_of
from plantnas.training.views import FixedViews, Inputs, ReadInputs


def load_images(
    storage: str,
    name: str,
    split: str = "validation",
    root: str | None = None,
    trust: bool = False,
) -> tuple[Tensor, Tensor]:
    """The images of a study as its networks take them.

    Args:
        storage: URL of the study's database.
        name: Name of the study.
        split: `train` (the images with labels), `validation` or `test`.
        root: Folder of the data set, if it is no longer where the study found it.
        trust: Whether to import a data set `module:function` that the database names and you have
            not: it runs code.

    Returns:
        Normalised images, images x channels x height x width, float32, and their labels, int64; of
        other data what its reader gives.

    Raises:
        StudyError: There is no such study.
        DataError: The data cannot be read, or is not what the study was made with.
    """
    check_place(storage, name)
    check_given("root", root, (str, Path, type(None)), "a folder")
    check_given("trust", trust, bool, "True or False")
    records = StudyRecords(Database.to_read(storage, name), name)
    if trust:
        records.trust()
    images = _split(records, split, root)
    inputs = _inputs(records, images)
    return torch.cat([batch for (batch,) in inputs.in_order(0, 500)]).contiguous(), images.labels


def normalised(records: StudyRecords, images: Tensor) -> Tensor:
    """Images as a study's networks take them: of pixels the mean subtracted, over the deviation.

    Args:
        records: The study's.
        images: As the data set gives them: uint8, images x channels x height x width, or floats.

    Raises:
        DataError: They are not of the size or the kind of the study's.
    """
    recorded = records.images
    if images.shape[1:] != recorded.sizes:
        given, sizes = list(images.shape[1:]), list(recorded.sizes)
        raise DataError(f"images: are of shape {given}, the study's {sizes}.")
    if (images.dtype == torch.uint8) != bool(recorded.mean):
        kind = str(images.dtype).removeprefix("torch.")
        raise DataError(f"images: are {kind}, the study's are not.")
    if not recorded.mean:
        return images
    mean, std = (torch.tensor(each).view(-1, 1, 1) for each in (recorded.mean, recorded.std))
    return (images.float() - mean) / std


def evaluate_on(
    records: StudyRecords,
    split: Split,
    networks: Sequence[NetworkRecord],
    root: str | None = None,
) -> None:
    """Records metrics and the loss by labels on a split of those networks that lack them.

    Raises:
        DataError: The split cannot be read.
    """
    missing = [
        record
        for record in networks
        if not any(evaluation.split == split for evaluation in record.evaluations)
    ]
    if not missing:
        return
    images = _split(records, split, root)
    inputs = _inputs(records, images)
    for record in missing:
        assert record.id is not None
        evaluation = _evaluated(records, records.load(record), inputs, images.labels, split)
        records.add_evaluations({record.id: evaluation})


def evaluate_by_labels(
    records: StudyRecords, network: nn.Module, images: Tensor, labels: Tensor, split: Split
) -> Evaluation:
    """Metrics and the loss by labels of a network of a study on what `load_images` gives."""
    inputs = Inputs((images.movedim(1, -1).unsqueeze(0),))
    return _evaluated(records, network, inputs, labels, split)


def _evaluated(
    records: StudyRecords, network: nn.Module, inputs: Inputs, labels: Tensor, split: Split
) -> Evaluation:
    config, task = records.config, records.images.task
    loss, metrics = label_loss(task, config.teacher.loss), metrics_of(config.search.metric, task)
    return evaluate(network, inputs, Targets(labels), loss, split, metrics)


def _split(records: StudyRecords, split: str, root: str | None) -> Images:
    config = records.config
    if root is not None:
        data = config.data.model_copy(update={"root": str(root)})
        config = config.model_copy(update={"data": data})
    folder = folder_beside(records.artifacts_place, records.name)
    storing = Storing(images_folder(folder))
    if split == "test":
        return _checked(load_test_images(config.data, storing), records, config.data.name)
    if split not in ("train", "validation"):
        raise DataError(f"split {split!r}: is not one of 'train', 'validation' and 'test'.")
    dataset = dataset_of(config, storing)
    check_fingerprint(dataset, records.images.fingerprint, config)
    if split == "validation":
        return dataset.validation
    return dataset.train.subset(with_label(dataset.train.labels))


def _checked(source: Images, records: StudyRecords, data_name: str) -> Images:
    """The images of a test split, if they are like those that the networks were trained on.

    Raises:
        DataError: They are not.
    """
    recorded, shape = records.images, tuple(source.pixels.shape[1:])
    if shape != recorded.sizes:
        raise DataError(f"data.name: {data_name}: test images are {shape}, not {recorded.sizes}.")
    try:
        task_of(source.labels, recorded.task)
    except ValueError as error:
        raise DataError(f"data.name: {data_name}: of the test images, {error}") from error
    outputs = outputs_of(source.labels)
    if source.labels.is_floating_point() and outputs != recorded.num_classes:
        raise DataError(
            f"data.name: {data_name}: test images have {outputs} labels, not "
            f"{recorded.num_classes}."
        )
    if (most := outputs - 1) >= recorded.num_classes:
        raise DataError(
            f"data.name: {data_name}: a test image has the label {most}, of {recorded.num_classes} "
            "classes."
        )
    return source


def _inputs(records: StudyRecords, source: Images) -> Inputs:
    recorded, normalised = records.images, None
    if source.have_pixels:
        normalised = torch.tensor(recorded.mean), torch.tensor(recorded.std)
    if source.file is not None:
        return ReadInputs(FixedViews(source), source, normalised, "cpu")
    pixels = source.pixels.unsqueeze(0).movedim(2, -1).contiguous()
    return Inputs((pixels,), *(normalised or ()))
