"""A made-up study with a seed, two steps, screens, a dominated network and a teacher.

And the same with baselines, an Optuna study and a real configuration, to be compared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import optuna
import pytest
from optuna.trial import FrozenTrial, TrialState

from plantnas.config_files import load_study, with_overrides
from plantnas.measured import Epoch, Evaluation
from plantnas.records.database import Database
from plantnas.records.record import BaselineRun, NetworkRecord, StudyRecord
from plantnas.records.study import StudyRecords
from tests.browser import BROWSERS, executable

if TYPE_CHECKING:
    from playwright.sync_api import Browser

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def network(
    method: str,
    parameters: int,
    accuracy: float,
    *,
    kind: str | None = None,
    step: int | None = None,
    trial: int | None = None,
    parent: int | None = None,
    planted: dict[str, int] | None = None,
    loss: float = 0.5,
) -> NetworkRecord:
    """A network of two channel groups."""
    return NetworkRecord(
        method=method,
        kind=kind,
        trial_number=trial,
        parent_id=parent,
        step=step,
        parameters=parameters,
        macs=10 * parameters,
        widths={"stem": 4, "head": 8},
        planted=planted or {},
        evaluations=(Evaluation("validation", accuracy, loss, 100),),
        epochs=(),
        artifact_id=None,
        sha256=None,
        seconds={"training": 2.0, "evaluation": 0.5},
    )


NETWORKS = (
    network("teacher", 50_000, 0.95),
    network("seed", 500, 0.60, step=0),
    network("planting", 900, 0.65, kind="screen", step=1, trial=0, parent=2),
    network("planting", 1_000, 0.70, kind="grow", step=1, trial=1, parent=2, planted={"stem": 2}),
    network("planting", 1_500, 0.68, kind="grow", step=1, trial=2, parent=2),
    network("planting", 2_000, 0.80, kind="grow", step=2, trial=3, parent=4, planted={"head": 4}),
)
"""By id, from 1: the fifth is dominated by the fourth, and the third is screened only."""


FINISHED = network("finish", 2_000, 0.85, kind="finish", step=2, parent=6)
"""The widths of the sixth, trained whole; in no study until a test adds it, as the seventh."""


def study_record(name: str, configuration: dict[str, Any] | None = None) -> StudyRecord:
    """A study that nothing but its name and its configuration tells from others."""
    return StudyRecord(name, None, configuration or {}, "", "weights", {}, {}, NOW)


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/study.db"


@pytest.fixture
def database(url: str) -> Database:
    """A database with the study "made-up"."""
    database = Database(url)
    database.add_study(study_record("made-up"))
    for each in NETWORKS:
        StudyRecords(database, "made-up").add(each)
    return database


@pytest.fixture
def records(database: Database) -> StudyRecords:
    return StudyRecords(database, "made-up")


@pytest.fixture
def networks(records: StudyRecords) -> list[NetworkRecord]:
    return records.networks()


TARGETS = {4: 1, 6: 2}
"""Step by id of the planted networks that baselines are compared to."""

EPOCH = Epoch(1, 0.01, 0.5, 0.5, 0.8, 1.0)

MakeBaseline = Callable[..., NetworkRecord]
MakeStudy = Callable[..., StudyRecords]


@pytest.fixture(scope="session")
def baseline() -> MakeBaseline:
    """Makes a baseline of the fourth or sixth network that takes 4 seconds and three epochs."""

    def make(
        method: str,
        target: int,
        test: float | None = None,
        *,
        validation: float = 0.7,
        loss: float = 0.5,
        rate: float = 0.01,
        repetition: int = 0,
        uses_teacher: bool = True,
        seconds: float = 4.0,
    ) -> NetworkRecord:
        evaluations = [Evaluation("validation", validation, loss, 100)]
        evaluations += [] if test is None else [Evaluation("test", test, 0.5, 100)]
        return replace(
            network(method, NETWORKS[target - 1].parameters + 10, 0, step=TARGETS[target]),
            kind="baseline",
            evaluations=tuple(evaluations),
            epochs=tuple(EPOCH._replace(epoch=number) for number in (1, 2, 3)),
            seconds={"training": seconds},
            baseline=BaselineRun(target, repetition, rate, 4, uses_teacher),
        )

    return make


@pytest.fixture(scope="session")
def compared_study(tmp_path_factory: pytest.TempPathFactory) -> MakeStudy:
    """Makes a study of the networks above, each trained for two epochs, with baselines.

    Each is in a database of its own, so that the ids are those above.
    """

    def make(
        name: str,
        baselines: Sequence[NetworkRecord],
        *,
        planted: Sequence[float] = (0.71, 0.81),
        wasted: Sequence[FrozenTrial] | None = None,
        **settings: Any,
    ) -> StudyRecords:
        file = tmp_path_factory.mktemp("compared") / f"{name}.db"
        database = Database(f"sqlite:///{file}")
        trials = [trial(number, TrialState.PRUNED, 0.0) for number in range(4)]  # of the networks
        study = optuna.create_study(study_name=name, storage=f"sqlite:///{file}")
        study.add_trials(trials if wasted is None else wasted)
        config = with_overrides(load_study("digits"), settings)
        configuration = {**config.model_dump(mode="json"), "name": name, "images": {"name": name}}
        database.add_study(study_record(name, configuration))
        records = StudyRecords(database, name)
        for each in NETWORKS:
            records.add(replace(each, epochs=(EPOCH, EPOCH._replace(epoch=2))))
        tests = zip((1, 4, 6), (0.94, *planted), strict=True)
        records.add_evaluations(
            {key: Evaluation("test", accuracy, 0.5, 50) for key, accuracy in tests}
        )
        for each in baselines:
            records.add(each)
        return records

    return make


def trial(number: int, state: TrialState, seconds: float) -> FrozenTrial:
    """A trial of Optuna that took so long."""
    return FrozenTrial(
        number=number,
        trial_id=-1,
        state=state,
        value=None,
        datetime_start=NOW,
        datetime_complete=NOW + timedelta(seconds=seconds),
        params={},
        distributions={},
        user_attrs={},
        system_attrs={},
        intermediate_values={},
    )


@pytest.fixture(scope="session")
def wasted() -> list[FrozenTrial]:
    """Trials of 30 and 20 seconds without a network, and one of 500 that failed after its own."""
    # The others' numbers are those of networks: Optuna numbers trials by itself, from 0.
    return [
        trial(0, TrialState.FAIL, 500.0),
        *(trial(number, TrialState.PRUNED, 0.0) for number in (1, 2, 3)),
        trial(4, TrialState.FAIL, 30.0),
        trial(5, TrialState.PRUNED, 20.0),
    ]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium without a screen."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if executable() is None:
        pytest.skip(f"no browser: none of {', '.join(BROWSERS)} is installed")
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=executable(), args=["--no-sandbox"])
        yield browser
        browser.close()
