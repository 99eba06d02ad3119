"""Every query of docs/queries.md gives the answer that it promises."""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from plantnas.records.database import Database, Evaluation, NetworkRecord, StudyRecord

PAGE = Path(__file__).parents[2] / "docs" / "queries.md"
QUERIES = dict(re.findall(r"^## (.+?)\n.*?```sql\n(.*?)```", PAGE.read_text(), re.DOTALL | re.M))


def evaluated(network: NetworkRecord, validation: float, test: float | None) -> NetworkRecord:
    evaluations = [Evaluation("validation", validation, 0.5, 300)]
    if test is not None:
        evaluations.append(Evaluation("test", test, 0.6, 500))
    return replace(network, evaluations=tuple(evaluations))


@pytest.fixture
def filled(database: Database, study: StudyRecord, network: NetworkRecord) -> Database:
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
        database.add_network("fashion-mnist", one)
        database.add_network("digits", one)
    return database


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
}


@pytest.mark.parametrize("title", ANSWERS)
def test_a_query_gives_the_answer_that_it_promises(filled: Database, title: str) -> None:
    assert answer(filled, title) == ANSWERS[title]


def test_every_query_of_the_page_is_tested() -> None:
    assert QUERIES.keys() == ANSWERS.keys()
    assert PAGE.read_text().count("```sql") == len(ANSWERS)
