"""The images of a study, and the only reading of its test split. Nothing here draws."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from plantnas.errors import DataError
from plantnas.given import check_given, check_place
from plantnas.measured import Evaluation, Split
from plantnas.records.database import Database
from plantnas.records.record import NetworkRecord
from plantnas.records.study import StudyRecords
from plantnas.training.data import check_fingerprint, dataset_of, load_test_images
from plantnas.training.evaluation import evaluate
from plantnas.training.images import UNLABELLED, Images
from plantnas.training.loss import Targets, cross_entropy
from plantnas.training.views import Inputs


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
        Normalised images, images x channels x height x width, float32, and their labels, int64.

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


def evaluate_on(
    records: StudyRecords,
    split: Split,
    networks: Sequence[NetworkRecord],
    root: str | None = None,
) -> None:
    """Records accuracy and cross-entropy on a split of those networks that lack them.

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
    inputs, targets = _inputs(records, images), Targets(images.labels)
    for record in missing:
        assert record.id is not None
        evaluation = evaluate(records.load(record), inputs, targets, cross_entropy, split)
        records.add_evaluations({record.id: evaluation})


def evaluate_by_labels(
    network: nn.Module, images: Tensor, labels: Tensor, split: Split
) -> Evaluation:
    """Accuracy and cross-entropy of a network on what `load_images` gives."""
    inputs = Inputs((images.movedim(1, -1).unsqueeze(0),))
    return evaluate(network, inputs, Targets(labels), cross_entropy, split)


def _split(records: StudyRecords, split: str, root: str | None) -> Images:
    config = records.config
    if root is not None:
        data = config.data.model_copy(update={"root": str(root)})
        config = config.model_copy(update={"data": data})
    if split == "test":
        return _checked(load_test_images(config.data), records, config.data.name)
    if split not in ("train", "validation"):
        raise DataError(f"split {split!r}: is not one of 'train', 'validation' and 'test'.")
    dataset = dataset_of(config)
    check_fingerprint(dataset, records.images.fingerprint, config)
    if split == "validation":
        return dataset.validation
    return dataset.train.subset((dataset.train.labels != UNLABELLED).nonzero().flatten())


def _checked(images: Images, records: StudyRecords, data_name: str) -> Images:
    """The images of a test split, if they are like those that the networks were trained on.

    Raises:
        DataError: They are not.
    """
    recorded, shape = records.images, tuple(images.pixels.shape[1:])
    wanted = (recorded.channels, recorded.height, recorded.width)
    if shape != wanted:
        raise DataError(f"data.name: {data_name}: test images are {shape}, not {wanted}.")
    if (most := int(images.labels.max())) >= recorded.num_classes:
        raise DataError(
            f"data.name: {data_name}: a test image has the label {most}, of {recorded.num_classes} "
            "classes."
        )
    return images


def _inputs(records: StudyRecords, images: Images) -> Inputs:
    recorded = records.images
    pixels = images.pixels.unsqueeze(0).movedim(2, -1).contiguous()
    return Inputs((pixels,), torch.tensor(recorded.mean), torch.tensor(recorded.std))
