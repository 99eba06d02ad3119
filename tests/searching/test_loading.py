"""A study's teacher starts from weights that a user has, and may stay with them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import torch
from torch import nn

from plantnas.config import StudyConfig
from plantnas.errors import ConfigurationError
from plantnas.networks.loader import build_network
from plantnas.records.database import Database
from plantnas.records.study import StudyRecords
from plantnas.search_space import Teacher
from plantnas.searching.recording import make_study
from plantnas.searching.rehearsing import rehearsed

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import StudyFolder


def kept(brief: StudyFolder, directory: Path, classes: int = 10) -> tuple[StudyFolder, nn.Module]:
    """A study whose teacher is kept, and the network that it is."""
    network, path = build_network("plain-small", classes, 1, seed=7), directory / "weights.pt"
    torch.save(network.state_dict(), path)
    teacher = Teacher(weights=str(path)).model_dump()
    folder = replace(brief, directory=directory).with_settings(
        search_space__teacher=teacher, teacher__epochs=0
    )
    return folder, network.eval()


def test_a_teacher_that_is_kept_computes_what_it_did(brief: StudyFolder, tmp_path: Path) -> None:
    folder, network = kept(brief, tmp_path)
    said: list[str] = []
    prepared = folder.objective().prepared(folder.open(), said.append)
    right = prepared.validate(network).accuracy
    assert said[:3] == [
        "teacher: 26 of 26 tensors from weights.pt; its channels correspond to the students'",
        f"teacher: its validation accuracy is {right:.2%} as loaded",
        "keeping the teacher as it is",
    ]
    found = folder.records.load(prepared.teacher)
    torch.testing.assert_close(found(prepared.example), network(prepared.example))
    evaluation = prepared.teacher.evaluation_on("validation")
    assert evaluation is not None
    assert evaluation.accuracy == right
    assert [(each.epoch, each.validation_accuracy) for each in prepared.teacher.epochs] == [
        (0, right)
    ]


def test_a_teacher_without_a_classifier_for_the_data_is_not_kept(
    brief: StudyFolder, tmp_path: Path
) -> None:
    folder, _ = kept(brief, tmp_path, classes=37)
    with pytest.raises(ConfigurationError, match=r"teacher.epochs: 0 .* no 'classifier.weight'"):
        rehearsed(folder.config)


def test_a_study_goes_on_with_the_preprocessing_that_it_took_over(tmp_path: Path) -> None:
    torch.save(build_network("timm/test_efficientnet", 1000, 3).state_dict(), tmp_path / "it.pt")
    overlay = {"file": str(tmp_path / "it.pt"), "mean": [0.1, 0.2, 0.3], "std": [0.5] * 3}
    config = StudyConfig.model_validate(
        {
            "name": "it",
            "search_space": {
                "architecture": "timm/test_efficientnet",
                "arguments": {"pretrained_cfg_overlay": overlay},
                "teacher": {"weights": "DEFAULT"},
            },
            "data": {"name": "digits", "channels": 3},
        }
    )
    url = f"sqlite:///{tmp_path / 'study.db'}"
    for _ in range(2):
        make_study(config, url, str(tmp_path / "weights"))
    records = StudyRecords(Database(url), "it")
    assert records.config.data.mean == (0.1, 0.2, 0.3)
    assert records.images.mean == pytest.approx([25.5, 51.0, 76.5])
