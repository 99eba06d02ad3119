"""What is said of Optuna's tables is true of the Optuna that is installed."""

from pathlib import Path

import optuna
import pytest
from optuna.storages._rdb.models import BaseModel
from optuna.trial import TrialState
from sqlalchemy import Enum, TableClause

from plantnas.records.optuna_tables import (
    DIRECTIONS,
    HEARTBEATS,
    INTERMEDIATE_VALUES,
    METRIC_NAMES,
    NAMES,
    PARAMETERS,
    SETTLED_KEY,
    STATES,
    STUDIES,
    SYSTEM_ATTRIBUTES,
    TRIALS,
    USER_ATTRIBUTES,
    VALUES,
    WINDOW_CONSTRAINT,
    name_values,
)


@pytest.mark.parametrize(
    "table",
    [
        STUDIES,
        TRIALS,
        VALUES,
        INTERMEDIATE_VALUES,
        PARAMETERS,
        USER_ATTRIBUTES,
        SYSTEM_ATTRIBUTES,
        HEARTBEATS,
        DIRECTIONS,
    ],
    ids=lambda table: table.name,
)
def test_the_columns_are_optunas_with_its_types(table: TableClause) -> None:
    model = BaseModel.metadata.tables[table.name]
    for column in table.columns:
        theirs = model.columns[column.name].type
        assert isinstance(theirs, type(column.type))
        assert getattr(theirs, "name", None) == getattr(column.type, "name", None)


def test_the_names_are_those_of_all_its_tables() -> None:
    assert {*BaseModel.metadata.tables, "alembic_version"} == NAMES


def test_every_state_has_its_words() -> None:
    assert STATES.keys() == set(TrialState.__members__)
    stored = TRIALS.c.state.type
    assert isinstance(stored, Enum)
    assert set(stored.enums) == STATES.keys()
    assert len({words.shown for words in STATES.values()}) == len(STATES)


def test_a_constraint_is_where_workers_look_whether_a_trial_trains() -> None:
    study = optuna.create_study()
    study.ask().set_constraint(WINDOW_CONSTRAINT, -1.0)
    assert SETTLED_KEY in study.trials[0].system_attrs


@pytest.mark.filterwarnings("error::optuna.exceptions.ExperimentalWarning")
def test_values_are_named_once(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/study.db"
    study = optuna.create_study(storage=url, directions=["maximize", "minimize"])
    name_values(study)
    assert study.metric_names == METRIC_NAMES


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
def test_names_that_a_user_gave_are_kept() -> None:
    study = optuna.create_study(directions=["maximize", "minimize"])
    study.set_metric_names(["a", "b"])
    name_values(study)
    assert study.metric_names == ["a", "b"]
