"""A finished study of digits whose networks are small and take few epochs, and its baselines.

Networks of several thousand parameters, so that single channels are finer than the tolerance.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import optuna
import pytest
import torch
from torch import nn

from plantnas.baselines.budget import Budget, Trainer
from plantnas.baselines.making import make_baseline
from plantnas.baselines.methods import Method, Order, SearchMethod, method_named
from plantnas.baselines.methods.searching import search
from plantnas.baselines.planning import Task, lineage_epochs
from plantnas.measured import Epoch, Evaluation
from plantnas.records.record import BaselineRun, NetworkRecord
from plantnas.searching.prepared import PreparedStudy

if TYPE_CHECKING:
    from tests.conftest import StudyFolder

RATE = 0.02
SEARCH_SECONDS = 0.3

QUICK = {
    "data__train": 200,
    "search_space__seed__width": 0.25,
    "teacher__epochs": 4,
    "seed__epochs": 2,
    "planting__epochs": 2,
    "search__trials_per_step": 1,
    "search__minimum_growth": 1.5,
    "search__maximum_growth": 2.5,
}
"""The lineage of the first step's network takes four epochs, that of the second's six."""


@dataclass(frozen=True)
class Opened:
    """A finished study in the memory of this process.

    Attributes:
        folder: Where it is.
        study: Optuna's.
        prepared: What is needed for training.
    """

    folder: StudyFolder
    study: optuna.Study
    prepared: PreparedStudy

    @property
    def networks(self) -> list[NetworkRecord]:
        return self.prepared.records.networks()

    @property
    def targets(self) -> tuple[NetworkRecord, ...]:
        """The networks of both steps, smaller first."""
        return tuple(each for each in self.networks if each.kind == "grow")

    @property
    def teacher(self) -> nn.Module:
        return self.prepared.records.load(self.prepared.teacher)

    def trainer(self, epochs: int) -> Trainer:
        """Trains by distillation, as the seed was."""
        generator = torch.Generator().manual_seed(0)
        return Trainer(self.prepared.data, self.folder.config.seed, Budget(epochs), generator)

    def order(self, target: int, epochs: int, seed: int = 0) -> Order:
        """For the smaller network (0) or the larger (1)."""
        trainer = self.trainer(epochs)
        return Order(self.prepared, self.networks, self.targets[target], trainer, seed)

    def make(self, method: str, repetition: int = 0, learning_rate: float = RATE) -> NetworkRecord:
        """A baseline of the smaller network, not recorded."""
        task = Task(method, self.targets[0].id, repetition, learning_rate)
        way = method_named(method)
        if isinstance(way, SearchMethod):
            return way.pick(self.networks, self.targets[0], learning_rate)
        assert isinstance(way, Method)
        return make_baseline(self.prepared, self.study, task, way)

    def weights_of(self, record: NetworkRecord) -> dict[str, torch.Tensor]:
        return self.prepared.records.load(record).state_dict()


OpenStudy = Callable[["StudyFolder"], Opened]
MadeBaseline = Callable[[str], NetworkRecord]


def _opened(folder: StudyFolder) -> Opened:
    study = folder.open()
    return Opened(folder, study, folder.objective().prepared(study))


@pytest.fixture(scope="session")
def open_study() -> OpenStudy:
    """Loads a study's teacher, data and records."""
    return _opened


@pytest.fixture(scope="session")
def quick(tiny: StudyFolder, tmp_path_factory: pytest.TempPathFactory) -> StudyFolder:
    """A finished study without baselines; not to be changed, but copied."""
    folder = replace(tiny, directory=tmp_path_factory.mktemp("quick")).with_settings(**QUICK)
    folder.run()
    return folder


@pytest.fixture(scope="session")
def opened(quick: StudyFolder) -> Opened:
    """That study in memory; no network is recorded in it."""
    return _opened(quick)


@pytest.fixture(scope="session")
def made_study(quick: StudyFolder, tmp_path_factory: pytest.TempPathFactory) -> Opened:
    """The study to which `made` adds its baselines, and nothing else does."""
    return _opened(quick.copy(tmp_path_factory.mktemp("made") / "study"))


@pytest.fixture(scope="session")
def made(made_study: Opened) -> MadeBaseline:
    """Makes and records the baseline of a method for the smaller network, once a session."""
    found: dict[str, NetworkRecord] = {}

    def make(method: str) -> NetworkRecord:
        if method not in found:
            if isinstance(method_named(method), SearchMethod):
                epochs = lineage_epochs(made_study.networks, made_study.targets[0])
                url = made_study.folder.url
                search(made_study.prepared, url, made_study.targets, epochs, SEARCH_SECONDS)
            records = made_study.prepared.records
            number = records.add(made_study.make(method))
            found[method] = records.network(number)
        return found[method]

    return make


MadeUp = Callable[..., NetworkRecord]


@pytest.fixture(scope="session")
def made_up() -> MadeUp:
    """Makes up the record of a network, with so many epochs, of a baseline if it has a target."""

    def make(
        number: int,
        method: str,
        *,
        kind: str | None = None,
        parameters: int = 1000,
        accuracy: float = 0.5,
        epochs: int = 1,
        parent: int | None = None,
        target: int | None = None,
        rate: float = RATE,
        repetition: int = 0,
        loss: float = 1.0,
    ) -> NetworkRecord:
        run = None if target is None else BaselineRun(target, repetition, rate, epochs, True)
        return NetworkRecord(
            method=method,
            kind=kind if run is None else "baseline",
            trial_number=None,
            parent_id=parent,
            step=None,
            parameters=parameters,
            macs=parameters,
            widths={"stem": 4},
            planted={},
            evaluations=(Evaluation("validation", accuracy, loss, 100),),
            epochs=tuple(Epoch(each, 0.01, 1.0, 1.0, 0.5, 1.0) for each in range(epochs)),
            artifact_id=None,
            sha256=None,
            id=number,
            baseline=run,
        )

    return make
