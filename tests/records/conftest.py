"""A database of one study, in a file or on a server, and a planted network and a baseline."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import func, select

from plantnas.measured import Epoch, Evaluation
from plantnas.records.database import Database
from plantnas.records.record import BaselineRun, NetworkRecord, StudyRecord
from plantnas.records.study import StudyRecords
from plantnas.records.tables import Table

ON_BOTH = pytest.mark.parametrize("url", ["sqlite", "postgresql"], indirect=True)
"""Runs a test on an SQLite file and on a PostgreSQL server."""


def rows(database: Database) -> dict[str, int]:
    """The number of rows of each table that belongs to networks."""
    with database.engine.connect() as connection:
        return {
            name: connection.scalar(select(func.count()).select_from(table)) or 0
            for name, table in Table.metadata.tables.items()
            if name != "plantnas_studies"
        }


def as_added(network: NetworkRecord) -> NetworkRecord:
    return replace(network, id=None, created=None)


@pytest.fixture
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Of an empty database: an SQLite file, unless the test is `ON_BOTH`."""
    if getattr(request, "param", "sqlite") == "sqlite":
        return f"sqlite:///{tmp_path}/study.db"
    made: str = request.getfixturevalue("new_postgres")()
    return made


@pytest.fixture
def study() -> StudyRecord:
    return StudyRecord(
        name="digits",
        optuna_study_id=1,
        configuration={"teacher": {"widths": [32, 64]}, "temperature": 4.0},
        configuration_hash="0f" * 32,
        artifacts="digits",
        versions={"torch": "2.14.1"},
        hardware={"cores": 2},
        created=datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC),
    )


@pytest.fixture
def database(url: str, study: StudyRecord) -> Database:
    database = Database(url)
    database.add_study(study)
    return database


@pytest.fixture
def records(database: Database, study: StudyRecord) -> StudyRecords:
    return StudyRecords(database, study.name)


@pytest.fixture
def network() -> NetworkRecord:
    """A planted network with rows in every table."""
    return NetworkRecord(
        method="planting",
        kind="screen",
        trial_number=3,
        parent_id=None,
        step=1,
        parameters=4782,
        macs=3_000_000_000,
        widths={"stem": 8, "block": 12, "a_head": 16},
        planted={"block": 4},
        evaluations=(
            Evaluation("train", accuracy=0.9, loss=0.3, images=1000),
            Evaluation("validation", accuracy=0.8, loss=0.5, images=300),
        ),
        epochs=(
            Epoch(1, 0.01, 0.9, 0.8, 0.6, 1.5),
            Epoch(2, 0.005, 0.4, 0.5, 0.8, 1.25),
        ),
        artifact_id="weights-of-3",
        sha256="ab" * 32,
        seconds={"prefix": 0.5, "training": 2.75},
    )


@pytest.fixture
def baseline(records: StudyRecords, network: NetworkRecord) -> NetworkRecord:
    """A baseline of a planted network that is recorded, network 1."""
    target_id = records.add(network)
    run = BaselineRun(target_id, 1, learning_rate=0.03, budget_epochs=14, uses_teacher=True)
    changed = replace(network, method="l1-kd", kind="baseline", trial_number=None, planted={})
    return replace(changed, baseline=run)
