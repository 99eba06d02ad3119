"""A made-up study with a seed, two steps, screens, a dominated network and a teacher."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from plantnas.records.database import Database, Evaluation, NetworkRecord, StudyRecord

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


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/study.db"


@pytest.fixture
def database(url: str) -> Database:
    """A database with the study "made-up"."""
    database = Database(url)
    database.add_study(StudyRecord("made-up", None, {}, "", "weights", {}, {}, NOW))
    for each in NETWORKS:
        database.add_network("made-up", each)
    return database


@pytest.fixture
def networks(database: Database) -> list[NetworkRecord]:
    return database.networks("made-up")
