"""Optuna's trials of a study by one query of its tables, for frames. Nothing here writes.

Optuna's own storage builds an object for each trial with all that belongs to it, which takes more
than ten seconds for 20 000 trials. Tests compare what is read here with what that storage reads.
"""

import json

import pandas as pd
from sqlalchemy import Connection, Engine, String, and_, cast, inspect, select

from plantnas.records.optuna_tables import (
    HELD_BACK_LOSS_KEY,
    KIND_KEY,
    PARAMETERS_KEY,
    PARENT_KEY,
    REASON_KEY,
    STEP_KEY,
    STUDIES,
    TRIALS,
    USER_ATTRIBUTES,
    VALUES,
    WORKER_KEY,
)

ATTRIBUTES = (
    KIND_KEY, STEP_KEY, PARENT_KEY, WORKER_KEY, PARAMETERS_KEY, HELD_BACK_LOSS_KEY, REASON_KEY
)  # fmt: skip
"""The user attributes, of those that a search writes to its trials, that are read."""


def trial_rows(connection: Engine | Connection, name: str) -> pd.DataFrame:
    """A row for each trial, by number; none if Optuna has no study of that name.

    Returns:
        The columns number, state (its name in Optuna), datetime_start and datetime_complete (UTC,
        without a time zone), validation_accuracy (the first value, but for probes), cost (the
        second), and those of ``ATTRIBUTES`` as they were set. What a trial does not have is
        missing.
    """
    attributes = {key: USER_ATTRIBUTES.alias(f"{key}_attribute") for key in ATTRIBUTES}
    trial_id = TRIALS.c.trial_id
    tables = TRIALS.join(STUDIES, STUDIES.c.study_id == TRIALS.c.study_id)
    tables = tables.outerjoin(VALUES, and_(VALUES.c.trial_id == trial_id, VALUES.c.objective == 0))
    costs = VALUES.alias("costs")
    tables = tables.outerjoin(costs, and_(costs.c.trial_id == trial_id, costs.c.objective == 1))
    for key, rows in attributes.items():
        tables = tables.outerjoin(rows, and_(rows.c.trial_id == trial_id, rows.c.key == key))
    query = (
        select(
            TRIALS.c.number,
            cast(TRIALS.c.state, String).label("state"),
            TRIALS.c.datetime_start,
            TRIALS.c.datetime_complete,
            VALUES.c.value.label("validation_accuracy"),
            costs.c.value.label("cost"),
            *(rows.c.value_json.label(key) for key, rows in attributes.items()),
        )
        .select_from(tables)
        .where(STUDIES.c.study_name == name)
        .order_by(TRIALS.c.number)
    )
    if not inspect(connection).has_table(TRIALS.name):  # Optuna has never opened this database
        return pd.DataFrame(columns=list(query.selected_columns.keys()))
    frame = pd.read_sql_query(query, connection)
    for key in ATTRIBUTES:
        frame[key] = frame[key].map(json.loads, na_action="ignore")
    trained = frame[HELD_BACK_LOSS_KEY].isna()
    return frame.assign(validation_accuracy=frame["validation_accuracy"].where(trained))
