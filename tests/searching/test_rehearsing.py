"""A study that cannot be searched is refused on a few images, before anything of it is made."""

from __future__ import annotations

import random
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from plantnas.config import StudyConfig
from plantnas.config_files import load_study, with_overrides
from plantnas.errors import ConfigurationError, PlantnasError
from plantnas.records.recorded_config import is_recorded
from plantnas.searching.objective import PlantingObjective
from plantnas.searching.recording import make_study, new_images
from plantnas.searching.rehearsing import rehearse, rehearsed
from plantnas.training.data import dataset_of
from plantnas.trials.study import open_study
from plantnas.workers.run import run_study

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import StudyFolder

MODULE = """
import torch
from torch import nn
from optuna.samplers import RandomSampler

class Trains(nn.Module):
    def __init__(self, in_channels, num_classes):
        super().__init__()
        self.conv, self.head = nn.Conv2d(in_channels, 8, 3), nn.Linear(8, num_classes)

    def forward(self, x):
        return self.head(self.conv(x).relu().mean((2, 3)))

class Cut(Trains):
    def forward(self, x):
        return super().forward(x).detach()

class TwoPlaces(Trains):
    def forward(self, x):
        return self.head(self.conv(x).relu().mean((2, 3))[:, None])[:, 0]

class Refuses(RandomSampler):
    def sample_independent(self, study, trial, name, distribution):
        raise KeyError(name)

def nan_rows(grown):
    raise ArithmeticError("no rows today")

def other_rows(grown):
    next(iter(grown.network.children())).get_submodule("0").weight = nn.Parameter(torch.ones(1))

def loss(settings):
    def of(logits, labels, teacher_logits):
        raise ArithmeticError("no loss today")
    return of

def each(settings):
    return lambda logits, labels, teacher_logits: (logits - teacher_logits).square().mean(1)

def nan_loss(settings):
    return lambda logits, labels, teacher_logits: logits.mean() * float("nan")

def nan_metric(outputs, labels):
    return float("nan") if len(outputs) > 50 else 1.0

def cost(structure, widths):
    raise ArithmeticError("no cost today")

def of_the_seed(structure, widths):
    return float("nan") if structure.parameters(widths) > 20_000 else structure.parameters(widths)
"""


@pytest.fixture
def small(folder: Path, short: Path) -> StudyConfig:
    """A study of a second, and beside it a module of the user's."""
    (folder / "mine.py").write_text(MODULE)
    return load_study(str(short))


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"search_space.grow.groups": ["nope"]}, "search_space.grow.groups: 'nope' fits no channel"),
    ({"search_space.arguments": {"num_classes": 5}}, r"has the shape \[2, 5\]"),
    ({"search_space.architecture": "mine:Cut"}, "'mine:Cut': cannot be trained: raised Runtime"),
    ({"search.maximum_parameters": 100}, "nothing can be planted in the seed"),
    ({"search.minimum_growth": 90.0, "search.maximum_growth": 99.0}, "nothing can be planted"),
    ({"search.cost": "mine:cost"}, r"search.cost: 'mine:cost': raised .*no cost today \(mine.py:"),
    ({"search.cost": "mine:of_the_seed"}, "search.cost: 'mine:of_the_seed' returned nan, but"),
    ({"planting.rows": "mine:nan_rows"}, "no rows today"),
    (
        {"planting.rows": "mine:other_rows"},
        r"planting.rows: 'mine:other_rows': left .* as \[1\] of",
    ),
    ({"seed.start": "mine:nan_rows"}, "seed.start: 'mine:nan_rows': raised .* no rows today"),
    ({"seed.start": "mine:other_rows"}, r"seed.start: 'mine:other_rows': left .* as \[1\] of"),
    (
        {"search_space.teacher.weights": "nowhere.pt"},
        "teacher.weights: nowhere.pt: cannot be read: No such",
    ),
    ({"distillation.loss": "mine:loss"}, "no loss today"),
    ({"distillation.loss": "mine:each"}, r"'mine:each': is a tensor of shape \(16,\) on"),
    (
        {"distillation.loss": "mine:nan_loss"},
        "'mine:nan_loss': is nan on 16 images",
    ),
    (
        {"distillation.hint_weight": 1.0, "search_space.architecture": "mine:TwoPlaces"},
        "hint_weight: the last layer, 'head', is not called once with images x channels",
    ),
    ({"distillation.loss": "sigmoid-kd", "search.metric": "r2"}, "'r2': is not of classification"),
    (
        {"search.metric": "mine:nan_metric"},
        "'mine:nan_metric': is nan on .* images",
    ),
    ({"data.task": "regression"}, "data.task: regression: of digits: its labels are int64"),
    (
        {
            "search.sampler.name": "GridSampler",
            "search.sampler.arguments": {"search_space": {"x": [1, 2]}},
        },
        "search.sampler.arguments: .* GridSampler cannot propose a planting",
    ),
    (
        {"search.sampler.name": "mine:Refuses", "search.sampler.arguments": {}},
        r"code of yours raised KeyError: .* \(mine.py:",
    ),
]


@pytest.mark.parametrize(("changes", "message"), REFUSED, ids=lambda each: str(each)[:60])
def test_what_cannot_be_searched_is_refused_before_anything_is_made(
    small: StudyConfig, folder: Path, changes: dict[str, Any], message: str
) -> None:
    before = set(folder.rglob("*.*"))
    config = with_overrides(small, changes)
    with pytest.raises(PlantnasError, match=message):
        run_study(config, f"sqlite:///{folder}/studies/study.db", folder / "studies")
    with pytest.raises(PlantnasError, match=message):
        make_study(config, f"sqlite:///{folder}/studies/study.db", str(folder / "weights"))
    made = {path for path in set(folder.rglob("*.*")) - before if path.suffix != ".pyc"}
    assert not made
    assert not (folder / "studies").exists()


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"search.probes": 4, "seed.start": "fitted", "planting.rows": "fitted"},
        {"seed.start": "fresh", "planting.rows": "fresh"},
        {"search_space.wiring": "triangular"},
        {"search_space.architecture": "mine:Trains"},
        {"search_space.grow.proposal": "counts"},
        {"search.sampler.name": "CmaEsSampler", "search.sampler.arguments": {}},
        {"search.policy": "pareto"},
        {"search.cost": "latency", "search.minimum_growth": 1.0, "search.maximum_growth": 99.0},
        {"planting.learning_rate": 1e30, "teacher.learning_rate": 1e30},
    ],
    ids=str,
)
def test_what_can_be_searched_is_not_refused(small: StudyConfig, changes: dict[str, Any]) -> None:
    config = with_overrides(small, changes)
    rehearse(config, dataset_of(config))


def test_images_without_labels_do_not_matter(small: StudyConfig) -> None:
    dataset = dataset_of(small)
    dataset.train.labels[:20] = -1
    rehearse(small, dataset)


def test_random_generators_are_left_as_they_are(small: StudyConfig) -> None:
    dataset = dataset_of(small)
    before = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()  # noqa: NPY002
    rehearse(small, dataset)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert random.getstate() == before[1]
    assert np.random.get_state()[1].tolist() == before[2]  # noqa: NPY002


def test_a_study_that_is_recorded_is_not_tried_out_again(ended: StudyFolder) -> None:
    assert new_images(ended.config, ended.url) is None


def test_an_objective_of_python_refuses_before_it_records_the_study(
    small: StudyConfig, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path}/study.db"
    config = with_overrides(small, {"search.maximum_parameters": 100})
    study = open_study(config, url)
    with pytest.raises(ConfigurationError, match="nothing can be planted"):
        PlantingObjective(config, tmp_path).prepared(study)
    assert not is_recorded(config.name, url)


def test_a_teacher_that_cannot_be_trained_is_told_by_its_key(
    brief: StudyFolder, folder: Path
) -> None:
    (folder / "narrow.py").write_text(
        "from torch import nn\n"
        "def network(num_classes, in_channels):\n"
        "    return nn.Sequential(nn.Flatten(), nn.Linear(3, num_classes))\n"
    )
    sys.path.insert(0, str(folder))
    said = brief.config.model_dump(include={"name", "data", "teacher"}, exclude_unset=True)
    teacher = {"architecture": "narrow:network"}
    said["search_space"] = {"architecture": "plain-small", "teacher": teacher}
    wanted = r"^search_space\.teacher\.architecture: 'narrow:network': cannot be trained: raised"
    with pytest.raises(ConfigurationError, match=wanted):
        rehearsed(StudyConfig.model_validate(said))
