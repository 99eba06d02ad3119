"""A study's images are the ones that its networks were trained and chosen on."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import torch

from plantnas.errors import DataError, StudyError
from plantnas.records.study import load_network
from plantnas.report.images import evaluate_on, load_images

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import StudyFolder


@pytest.mark.parametrize(("split", "count"), [("train", 600), ("validation", 300), ("test", 359)])
def test_a_split_has_its_normalised_images(prepared: StudyFolder, split: str, count: int) -> None:
    images, labels = load_images(prepared.url, "tiny", split)
    assert images.shape == (count, 1, 8, 8)
    assert images.dtype == torch.float32
    assert labels.shape == (count,)
    assert images.mean().abs() < 0.05
    assert abs(images.std() - 1) < 0.05


def test_images_without_labels_are_not_given_as_training_images(
    tiny: StudyFolder, tmp_path: Path
) -> None:
    folder = replace(tiny, directory=tmp_path / "study").with_settings(
        data__unlabelled=True, data__train=500, search__steps=1, search__trials_per_step=2
    )
    folder.objective().prepared(folder.open())
    _, labels = load_images(folder.url, "tiny", "train")
    assert len(labels) == 500
    assert labels.min() == 0


def test_the_splits_share_no_image(prepared: StudyFolder) -> None:
    """Of 1259 digits none is given twice: equal pixels would be the same image."""
    splits = [
        load_images(prepared.url, "tiny", split)[0] for split in ("train", "validation", "test")
    ]
    images = torch.cat(splits).flatten(1)
    assert len(images.unique(dim=0)) == len(images)


def test_an_unknown_split_or_study_is_refused(prepared: StudyFolder) -> None:
    with pytest.raises(DataError, match="split 'tset': is not one of"):
        load_images(prepared.url, "tiny", "tset")
    with pytest.raises(StudyError, match=r"no study 'tny'. Did you mean 'tiny'\?"):
        load_images(prepared.url, "tny")


def test_test_accuracy_is_that_of_the_loaded_network_on_the_test_images(
    prepared: StudyFolder, tmp_path: Path
) -> None:
    folder = prepared.copy(tmp_path / "study")
    records = folder.records
    evaluate_on(records, "test", records.networks())
    images, labels = load_images(folder.url, "tiny", "test")
    for record in records.networks():
        logits = load_network(folder.url, "tiny", record.id or 0)(images)
        (evaluation,) = [each for each in record.evaluations if each.split == "test"]
        assert evaluation.accuracy == (logits.argmax(1) == labels).double().mean().item()
        loss = torch.nn.functional.cross_entropy(logits, labels).item()
        assert evaluation.loss == pytest.approx(loss, rel=1e-5)
        assert evaluation.images == len(labels)


def test_what_was_evaluated_is_not_read_again(prepared: StudyFolder, tmp_path: Path) -> None:
    folder = prepared.copy(tmp_path / "study")
    records = folder.records
    evaluate_on(records, "test", records.networks())
    for weights in (folder.directory / "weights").iterdir():
        weights.unlink()
    evaluate_on(records, "test", records.networks())


@pytest.mark.parametrize(
    ("recorded", "problem"),
    [
        ({"num_classes": 5}, "a test image has the label 9, of 5 classes"),
        ({"height": 9}, r"test images are \(1, 8, 8\), not \(1, 9, 8\)"),
    ],
)
def test_test_images_that_are_no_longer_the_studys_are_refused(
    prepared: StudyFolder, recorded: dict[str, int], problem: str
) -> None:
    records = prepared.records
    records.images = replace(records.images, **recorded)
    with pytest.raises(DataError, match=f"data.name: digits: {problem}"):
        evaluate_on(records, "test", records.networks())
