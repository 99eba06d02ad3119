"""A study of a network that layers normalise as a whole: what of it grows, and what stays exact."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
import torch
from sqlalchemy import delete

import plantnas
from plantnas.baselines.making import make_baseline
from plantnas.baselines.methods import Method, method_named
from plantnas.baselines.planning import Task
from plantnas.channels.structure import classifier_tensors
from plantnas.errors import PlantnasError
from plantnas.records.tables import WidthRow
from plantnas.report.front import lineage
from plantnas.training.nested import normalisations
from plantnas.trust import VARIABLE

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import StudyFolder

pytestmark = pytest.mark.slow

NETWORK = """
from torch import nn


class Block(nn.Module):
    def __init__(self, num_classes, in_channels, up=16):
        super().__init__()
        self.stem, self.norm = nn.Conv2d(in_channels, 12, 3, padding=1), nn.LayerNorm(12)
        self.up, self.down = nn.Linear(12, up), nn.Linear(up, 12)
        self.head = nn.Linear(12, num_classes)

    def forward(self, images):
        x = self.stem(images).permute(0, 2, 3, 1)
        return self.head((x + self.down(self.up(self.norm(x)).relu())).mean((1, 2)))


network = Block
"""


@pytest.fixture(autouse=True)
def _trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "normalised:network")


@pytest.fixture(scope="module")
def folder(brief: StudyFolder, tmp_path_factory: pytest.TempPathFactory) -> Any:
    directory = tmp_path_factory.mktemp("normalised")
    (directory / "normalised.py").write_text(NETWORK)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(directory)
        yield replace(brief, directory=directory / "study").with_settings(
            search_space__architecture="normalised:network",
            search__minimum_growth=1.05,
            search__ahead=0.0,
            search__probes=0,
        )


@pytest.fixture(scope="module", params=[False, True], ids=["alone", "ahead"])
def study(folder: StudyFolder, request: pytest.FixtureRequest) -> StudyFolder:
    """A study after all its trials; one has probes, and trains the next size along."""
    if not request.param:
        folder.run()
        return folder
    directory = folder.directory.with_name("ahead")
    looking = replace(folder, directory=directory).with_settings(
        search__ahead=0.5, search__probes=3
    )
    looking.run()
    return looking


def test_channels_that_are_normalised_as_a_whole_are_planted(study: StudyFolder) -> None:
    networks = study.records.networks()
    assert all(list(each.widths) == ["stem", "up"] for each in networks)
    assert any(each.planted.get("stem") for each in networks)


def test_earlier_parameters_are_a_childs_own_bit_for_bit(study: StudyFolder) -> None:
    """Beside new channels, a planting trains the classifier."""
    records, example = study.records, study.records.example
    networks = records.networks()
    last = max(networks, key=lambda each: ((each.step or 0), each.kind == "grow"))
    for parent, child in pairwise(lineage(networks, last)):
        cropped = plantnas.crop(records.load(child), example, parent.widths)
        own = set(classifier_tensors(records.structure))
        if study.config.search.ahead:
            own |= normalisations(cropped)  # each size has its own
        old = records.load(parent).state_dict()
        for name, tensor in cropped.state_dict().items():
            assert name in own or torch.equal(tensor, old[name]), name


def test_a_study_whose_children_preserve_the_function_leaves_such_channels_as_they_are(
    folder: StudyFolder, tmp_path: Path
) -> None:
    kept = replace(folder, directory=tmp_path / "kept").with_settings(planting__rows="fitted")
    kept.objective().prepared(kept.open())
    assert list(kept.records.structure.growable) == ["up"]
    assert kept.records.build({}).norm.normalized_shape == (12,)


def test_baselines_of_a_study_that_leaves_such_channels_as_they_are_may_remove_them(
    folder: StudyFolder, tmp_path: Path
) -> None:
    """They preserve no function: a network of fewer of those channels is recorded and loaded."""
    kept = replace(folder, directory=tmp_path / "kept").with_settings(
        planting__column_init=0.0, search_space__arguments={"up": 64}, search__steps=1
    )
    kept.run()
    study, records = kept.open(), kept.records
    prepared = kept.objective().prepared(study)
    target = next(each for each in records.networks() if each.kind == "grow")
    assert list(target.widths) == ["up"]
    for name, stems in (("l1-kd", range(2, 12)), ("reconstruct-kd", [12])):
        task, method = Task(name, target.id, 0, 0.01), method_named(name)
        assert isinstance(method, Method)
        made = make_baseline(prepared, study, task, method)
        again = records.load(records.network(records.add(made)))
        assert made.widths["stem"] in stems
        assert made.widths["stem"] == len(again.stem.weight)
        assert prepared.validate(again) == made.evaluations[0]


def test_triangular_wiring_refuses_them(folder: StudyFolder, tmp_path: Path) -> None:
    wired = replace(folder, directory=tmp_path / "wired").with_settings(
        search_space__wiring="triangular", planting__rows="fitted"
    )
    with pytest.raises(PlantnasError, match=r"stem: its channels reach .*layer_norm"):
        wired.objective().prepared(wired.open())


def test_what_did_not_grow_when_a_study_was_begun_does_not_later(
    folder: StudyFolder, tmp_path: Path
) -> None:
    """As in a study by an earlier version, which could not follow the operators around it."""
    old = replace(folder, directory=tmp_path / "old")
    old.objective().prepared(old.open())
    with old.records.database.transaction() as connection:
        connection.execute(delete(WidthRow).where(WidthRow.group_name == "stem"))
    structure = old.records.structure
    assert list(structure.growable) == ["up"]
    assert structure.groups["stem"].frozen == "it could not grow when the study was begun"
