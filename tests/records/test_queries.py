"""Every query of docs/queries.md gives the answer that it promises."""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from plantnas.measured import Evaluation
from plantnas.records.database import Database
from plantnas.records.record import BaselineRun, NetworkRecord, StudyRecord
from plantnas.records.study import StudyRecords

PAGE = Path(__file__).parents[2] / "docs" / "queries.md"
QUERIES = dict(re.findall(r"^## (.+?)\n.*?```sql\n(.*?)```", PAGE.read_text(), re.DOTALL | re.M))


def evaluated(network: NetworkRecord, validation: float, test: float | None) -> NetworkRecord:
    evaluations = [Evaluation("validation", validation, 0.5, 300)]
    if test is not None:
        evaluations.append(Evaluation("test", test, 0.6, 500))
    return replace(network, evaluations=tuple(evaluations))


def compared(network: NetworkRecord, method: str, target_id: int, **run: Any) -> NetworkRecord:
    """A baseline of 12 345 parameters."""
    baseline = BaselineRun(target_id, run.get("repetition", 0), run.get("rate", 0.01), 24, True)
    changed = replace(network, method=method, kind="baseline", trial_number=None, planted={})
    changed = replace(changed, parameters=12_345, baseline=baseline)
    changed = replace(changed, artifact_id=f"{method} of {target_id} {run}")
    return evaluated(changed, 0.5, run["test"])


@pytest.fixture
def filled(
    database: Database, records: StudyRecords, study: StudyRecord, network: NetworkRecord
) -> Database:
    """A teacher, a seed, two screened and two grown networks, and a study that is not asked for."""
    database.add_study(replace(study, name="fashion-mnist"))
    plain = replace(network, kind=None, trial_number=None, planted={}, epochs=())
    plain = replace(plain, seconds={"training": 10.0}, step=None)
    grown = replace(network, kind="grow", seconds={"training": 8.0, "evaluation": 1.0})
    screened = replace(network, seconds={"training": 2.0})
    networks = [
        evaluated(replace(plain, method="teacher", parameters=100_000), 0.95, 0.94),
        evaluated(replace(plain, method="seed", parameters=4000, step=0), 0.80, 0.79),
        evaluated(replace(screened, trial_number=0, parameters=8000), 0.82, None),
        evaluated(
            replace(screened, trial_number=1, parameters=8000, planted={"stem": 99}), 0.7, 0.7
        ),
        evaluated(replace(grown, trial_number=2, parameters=9999, planted={"stem": 4}), 0.90, 0.88),
        evaluated(
            replace(
                grown, trial_number=3, parameters=10_000, step=2, planted={"stem": 2, "block": 9}
            ),
            0.92,
            0.91,
        ),
    ]
    for one in networks:
        StudyRecords(database, "fashion-mnist").add(one)
        records.add(one)
    return database


@pytest.fixture
def with_baselines(filled: Database, network: NetworkRecord) -> Database:
    """Of the networks 9 and 11, of test accuracy 0.88 and 0.91, and of one of the other study."""
    for one in (
        compared(network, "l1-kd", 9, test=0.87),
        compared(network, "l1-kd", 9, test=0.91, repetition=1),
        compared(network, "l1-kd", 9, test=None, rate=1.0),
        compared(network, "uniform", 9, test=0.90),
        compared(network, "scratch-kd", 9, test=0.88),
        compared(network, "taylor-kd", 11, test=0.90),
        compared(network, "taylor-kd", 11, test=0.91, repetition=1),
        compared(network, "scratch-kd", 11, test=0.95),
    ):
        StudyRecords(filled, "fashion-mnist").add(one)
    StudyRecords(filled, "digits").add(compared(network, "uniform", 10, test=0.99))
    return filled


def answer(database: Database, title: str) -> Sequence[Sequence[Any]]:
    with database.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(QUERIES[title]))]


ANSWERS = {
    "Which layers grew?": [("block", 1, 9), ("stem", 2, 6)],
    "How accurate are networks with less than 10 % of the teacher's parameters?": [
        (9, "planting", 9999, pytest.approx(9.999), 0.90, 0.88),
        (5, "planting", 8000, 8.0, 0.82, None),
        (3, "seed", 4000, 4.0, 0.80, 0.79),
        (7, "planting", 8000, 8.0, 0.7, 0.7),
    ],
    "What did each step cost?": [
        (0, "training", 1, 10.0),
        (1, "evaluation", 1, 1.0),
        (1, "training", 3, 12.0),
        (2, "evaluation", 1, 1.0),
        (2, "training", 1, 8.0),
    ],
    "Which baselines beat the planted network of their size?": [
        (9, 9999, 0.88, "uniform", 1, 0.90),
        (9, 9999, 0.88, "l1-kd", 2, pytest.approx(0.89)),
        (11, 10_000, 0.91, "scratch-kd", 1, 0.95),
    ],
}


@pytest.mark.parametrize("title", ANSWERS)
def test_a_query_gives_the_answer_that_it_promises(with_baselines: Database, title: str) -> None:
    assert answer(with_baselines, title) == ANSWERS[title]


def test_every_query_of_the_page_is_tested() -> None:
    assert QUERIES.keys() == ANSWERS.keys()
    assert PAGE.read_text().count("```sql") == len(ANSWERS)
