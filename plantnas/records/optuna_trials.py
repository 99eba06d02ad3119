"""What Optuna keeps of studies, by a query of each of its tables. Nothing here writes.

Optuna's own storage imports alembic before it reads anything, and an object of its mapper for each
attribute of each trial takes it ten seconds for 20 000 trials. The tests compare what is read here
with what that storage reads.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from math import inf, nan
from typing import Any

from optuna.distributions import json_to_distribution
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy import Connection, Row, TableClause, select

from plantnas.grouping import grouped
from plantnas.records.attributes import check_trial
from plantnas.records.damage import damage_told
from plantnas.records.optuna_studies import study_names
from plantnas.records.optuna_tables import (
    INTERMEDIATE_VALUES,
    PARAMETERS,
    STUDIES,
    SYSTEM_ATTRIBUTES,
    TRIALS,
    USER_ATTRIBUTES,
    VALUES,
)

_NOT_FINITE = {"INF_POS": inf, "INF_NEG": -inf, "NAN": nan}

_distribution = lru_cache(maxsize=1024)(json_to_distribution)
"""Thousands of trials have the same few."""


def trials_of(connection: Connection, name: str) -> list[FrozenTrial] | None:
    """The trials of a study by number, or None if Optuna has no study of that name.

    Raises:
        StorageError: A row is damaged.
    """
    if name not in study_names(connection):
        return None
    query = select(TRIALS).join(STUDIES, STUDIES.c.study_id == TRIALS.c.study_id)
    of_study = query.where(STUDIES.c.study_name == name).order_by(TRIALS.c.number)
    # First: a trial that ends meanwhile is a running one, and what an ended one has is found.
    with damage_told(f"study {name!r}: a trial"):
        trials = connection.execute(of_study).all()
        parts = (VALUES, PARAMETERS, USER_ATTRIBUTES, SYSTEM_ATTRIBUTES, INTERMEDIATE_VALUES)
        belonging = {part.name: _by_trial(connection, part, name) for part in parts}
        found = [
            _trial(trial, {part: rows.get(trial.trial_id, []) for part, rows in belonging.items()})
            for trial in trials
        ]
        for trial in found:
            check_trial(trial)
        return found


def _by_trial(connection: Connection, part: TableClause, name: str) -> Mapping[int, list[Row[Any]]]:
    """The rows of a study in a table that has several for a trial."""
    joined = select(part).join(TRIALS, TRIALS.c.trial_id == part.c.trial_id)
    of_studies = joined.join(STUDIES, STUDIES.c.study_id == TRIALS.c.study_id)
    rows = connection.execute(of_studies.where(STUDIES.c.study_name == name))
    return grouped((row.trial_id, row) for row in rows)


def _trial(trial_row: Row[Any], belonging: Mapping[str, list[Row[Any]]]) -> FrozenTrial:
    """A trial of its row, and of its rows in the other tables by their names."""
    values = sorted(belonging[VALUES.name], key=lambda row: row.objective)
    parameters = sorted(belonging[PARAMETERS.name], key=lambda row: row.param_id)
    distributions = {row.param_name: _distribution(row.distribution_json) for row in parameters}
    return FrozenTrial(
        number=trial_row.number,
        state=TrialState[trial_row.state],
        value=None,
        values=[_number(row.value, row.value_type) for row in values] or None,
        datetime_start=_local(trial_row.datetime_start),
        datetime_complete=_local(trial_row.datetime_complete),
        params={
            row.param_name: distributions[row.param_name].to_external_repr(row.param_value)
            for row in parameters
        },
        distributions=distributions,
        user_attrs={row.key: json.loads(row.value_json) for row in belonging[USER_ATTRIBUTES.name]},
        system_attrs={
            row.key: json.loads(row.value_json) for row in belonging[SYSTEM_ATTRIBUTES.name]
        },
        intermediate_values={
            row.step: _number(row.intermediate_value, row.intermediate_value_type)
            for row in belonging[INTERMEDIATE_VALUES.name]
        },
        trial_id=trial_row.trial_id,
    )


def _number(stored: float | None, kind: str) -> float:
    return _NOT_FINITE[kind] if stored is None else float(stored)  # SQLite takes a text, too


def _local(moment: datetime | None) -> datetime | None:
    """A moment of a table as Optuna gives it: local, without saying so."""
    return None if moment is None else moment.replace(tzinfo=UTC).astimezone().replace(tzinfo=None)
