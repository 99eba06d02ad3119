"""A study's teacher starts from weights that a user has, and may stay with them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import torch
from torch import nn

from plantnas.errors import ConfigurationError
from plantnas.networks.loader import build_network
from plantnas.search.rehearsing import rehearsed
from plantnas.search_space import Teacher

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
