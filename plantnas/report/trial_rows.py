"""Optuna's trials of a study by one query of its tables, for frames. Nothing here writes.

Optuna's own storage builds an object for each trial with all that belongs to it, which takes more
than ten seconds for 20 000 trials. Tests compare what is read here with what that storage reads.
"""

import json
from typing import TYPE_CHECKING, Any, TypeAlias

import pandas as pd
from sqlalchemy import DateTime, Engine, Select, and_, column, inspect, select, table

if TYPE_CHECKING:
    Query: TypeAlias = Select[*tuple[Any, ...]]

ATTRIBUTES = ("kind", "step", "parent", "worker", "parameters", "reason")
"""The user attributes, of those that a search writes to its trials, that are read."""

# Of Optuna's tables what is read here. Its moments are in UTC, without saying so.
_STUDIES = table("studies", column("study_id"), column("study_name"))
_TRIALS = table(
    "trials",
    *(column(name) for name in ("trial_id", "study_id", "number", "state")),
    *(column(name, DateTime) for name in ("datetime_start", "datetime_complete")),
)
_VALUES = table("trial_values", *(column(name) for name in ("trial_id", "objective", "value")))
_USER_ATTRIBUTES = table(
    "trial_user_attributes", *(column(name) for name in ("trial_id", "key", "value_json"))
)


def trial_rows(engine: Engine, study: str) -> pd.DataFrame:
    """A row for each trial, by number; none if Optuna has no study of that name.

    Returns:
        The columns number, state (its name in Optuna), datetime_start and datetime_complete (UTC,
        without a time zone), validation_accuracy (the first value), and those of ``ATTRIBUTES`` as
        they were set. What a trial does not have is missing.
    """
    query = _query(study)
    if not inspect(engine).has_table(_TRIALS.name):  # Optuna has never opened this database
        return pd.DataFrame(columns=list(query.selected_columns.keys()))
    frame = pd.read_sql_query(query, engine)
    for key in ATTRIBUTES:
        frame[key] = frame[key].map(json.loads, na_action="ignore")
    return frame


def _query(study: str) -> "Query":
    """A column for each attribute, as JSON text."""
    attributes = {key: _USER_ATTRIBUTES.alias(f"{key}_attribute") for key in ATTRIBUTES}
    trial_id = _TRIALS.c.trial_id
    tables = _TRIALS.join(_STUDIES, _STUDIES.c.study_id == _TRIALS.c.study_id)
    tables = tables.outerjoin(
        _VALUES, and_(_VALUES.c.trial_id == trial_id, _VALUES.c.objective == 0)
    )
    for key, rows in attributes.items():
        tables = tables.outerjoin(rows, and_(rows.c.trial_id == trial_id, rows.c.key == key))
    columns = ("number", "state", "datetime_start", "datetime_complete")
    return (
        select(
            *(_TRIALS.c[name] for name in columns),
            _VALUES.c.value.label("validation_accuracy"),
            *(rows.c.value_json.label(key) for key, rows in attributes.items()),
        )
        .select_from(tables)
        .where(_STUDIES.c.study_name == study)
        .order_by(_TRIALS.c.number)
    )
