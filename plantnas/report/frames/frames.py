"""A study's records as pandas frames, a few queries each. Nothing here draws or writes files.

A frame's columns are documented at its function; a study without rows gives an empty frame with the
same columns and types. NaN (``<NA>`` for integers) stands for what was not recorded, and moments
are in UTC. Frames as text and files are in files.py.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pandas as pd
from sqlalchemy import Boolean, ColumnElement, Integer, Select, String, and_, cast, func, select
from sqlalchemy.orm import aliased

from plantnas.channels.costs import COUNTED
from plantnas.records.damage import damage_told
from plantnas.records.optuna_tables import STATES, WITHOUT_NETWORK
from plantnas.records.study import StudyRecords
from plantnas.records.tables import (
    BaselineRow,
    CostRow,
    EpochRow,
    EvaluationRow,
    Measurement,
    NetworkRow,
    OfNetwork,
    PhaseRow,
    StudyRow,
    UtcDateTime,
    WidthRow,
)
from plantnas.report.opening import Storage, opened
from plantnas.report.trial_rows import trial_rows

if TYPE_CHECKING:
    Query: TypeAlias = Select[*tuple[Any, ...]]

_PHASES = {state: STATES[state].shown for state in WITHOUT_NETWORK} | {"COMPLETE": "probing"}
"""The phase that the seconds of a trial that left no network count as, by Optuna's state of it."""

_MOMENT = "datetime64[us, UTC]"
_TEXT = pd.Series(["text"]).dtype  # str; object before pandas 3
_TYPES: dict[type, Any] = {
    Boolean: "bool",
    Integer: "int64",
    Measurement: "float64",
    String: _TEXT,
    UtcDateTime: _MOMENT,
}
"""The type of a frame's column, by that of the table's column that it holds."""

_TRIAL_TYPES: dict[str, Any] = {
    "number": "int64",
    "state": _TEXT,
    "kind": _TEXT,
    "step": "Int64",
    "parent_trial": "Int64",
    "parent_id": "Int64",
    "network_id": "Int64",
    "worker": _TEXT,
    "datetime_start": _MOMENT,
    "datetime_complete": _MOMENT,
    "seconds": "float64",
    "validation_accuracy": "float64",
    "held_back_loss": "float64",
    "parameters": "Int64",
    "cost": "float64",
    "reason": _TEXT,
}


def networks_frame(storage: Storage, name: str) -> pd.DataFrame:
    """A row for each network of a study, oldest first.

    Args:
        storage: Where the study is.
        name: Its name.

    Returns:
        The columns id, method, kind, step, trial_number, parent_id, parameters, macs,
        activation_memory, bytes, bytes_float16, bytes_int8 (those of costs.COUNTED), cost (what the
        study trades accuracy for), validation_accuracy and test_accuracy (0 to 1), validation_loss
        and test_loss, seconds (all phases), created (UTC).

    Raises:
        StudyError: If there is no such study.
        StorageError: If the database cannot be read.
    """
    with opened(storage, name) as records:
        found = records.find()
        return _frame(records, _networks_query(found.cost_name if found else "parameters"))


def widths_frame(storage: Storage, name: str) -> pd.DataFrame:
    """A row for each channel group of each network, in the order of the network.

    Args and Raises as ``networks_frame``.

    Returns:
        The columns network_id, group_name, position (from the network's input), width, planted
        (channels that the network's own planting added).
    """
    return _read(storage, name, _of_networks(WidthRow).order_by(WidthRow.position))


def evaluations_frame(storage: Storage, name: str) -> pd.DataFrame:
    """A row for each split that a network was evaluated on.

    Args and Raises as ``networks_frame``.

    Returns:
        The columns network_id, split, accuracy (0 to 1, or what else the study maximises), loss,
        images.
    """
    return _read(
        storage, name, _of_networks(EvaluationRow, "metrics").order_by(EvaluationRow.split)
    )


def metrics_frame(storage: Storage, name: str) -> pd.DataFrame:
    """A row for each metric of each split that a network was evaluated on.

    Args and Raises as ``networks_frame``.

    Returns:
        The columns network_id, split, metric (what the study maximises comes first), value.
    """
    types = {"network_id": "int64", "split": _TEXT, "metric": _TEXT, "value": "float64"}
    with opened(storage, name) as records:
        rows = [
            (record.id, each.split, metric, value)
            for record in records.networks()
            for each in record.evaluations
            for metric, value in (each.metrics or {}).items()
        ]
        if not rows:
            _ = records.record  # tells an unknown study from one without rows
        return pd.DataFrame(rows, columns=list(types)).astype(types)


def epochs_frame(storage: Storage, name: str) -> pd.DataFrame:
    """A row for each epoch of each network's own training; 0 is a finished one before it.

    Args and Raises as ``networks_frame``.

    Returns:
        The columns network_id, epoch, learning_rate, training_loss, validation_loss,
        validation_accuracy (0 to 1), seconds.
    """
    return _read(storage, name, _of_networks(EpochRow).order_by(EpochRow.epoch))


def baselines_frame(storage: Storage, name: str) -> pd.DataFrame:
    """A row for each baseline: how it was made, and what it is compared to.

    Args and Raises as ``networks_frame``.

    Returns:
        The columns network_id, target_id (the planted network of its size), repetition,
        learning_rate, budget_epochs, uses_teacher.
    """
    return _read(storage, name, _of_networks(BaselineRow))


def costs_frame(storage: Storage, name: str) -> pd.DataFrame:
    """A row for each phase of each network, and for each trial that took time and left no network.

    Args and Raises as ``networks_frame``.

    Returns:
        The columns network_id (``<NA>`` without a network), method, kind, step, trial_number, phase
        (of a trial without a network: failed, refused or probing), seconds.
    """
    of_network = (NetworkRow.method, NetworkRow.kind, NetworkRow.step, NetworkRow.trial_number)
    query = (
        select(PhaseRow.network_id, *of_network, PhaseRow.phase, PhaseRow.seconds)
        .join(NetworkRow, NetworkRow.id == PhaseRow.network_id)
        .order_by(PhaseRow.network_id, PhaseRow.phase)
    )
    with opened(storage, name) as records:
        trials = _trials(records)  # first: a network is recorded before its trial ends
        phases = _frame(records, query).astype({"network_id": "Int64"})
    is_over = trials["state"].isin(WITHOUT_NETWORK) | (trials["kind"] == "probe")
    ended = is_over & trials["state"].isin(list(_PHASES)) & trials["seconds"].notna()
    wasted = trials[ended & trials["network_id"].isna()].rename(columns={"number": "trial_number"})
    wasted = wasted.assign(method="planting", phase=wasted["state"].map(_PHASES))
    rows = wasted[phases.columns].astype(phases.dtypes.to_dict())
    return pd.concat([phases, rows], ignore_index=True)


def trials_frame(storage: Storage, name: str) -> pd.DataFrame:
    """A row for each of Optuna's trials of a study, by number; none if Optuna has no such study.

    Args and Raises as ``networks_frame``.

    Returns:
        The columns number, state (Optuna's: RUNNING, COMPLETE, FAIL, PRUNED for refused), kind,
        step, parent_trial (``<NA>`` if it planted the seed), parent_id and network_id (of the
        networks that it planted and that it left), worker, datetime_start, datetime_complete,
        seconds, validation_accuracy (0 to 1), held_back_loss (of a probe, which has no accuracy),
        parameters, cost (what the study trades accuracy for), reason (why it was refused).
    """
    with opened(storage, name) as records:
        return _trials(records)


def _networks_query(cost_name: str) -> "Query":
    columns = {"parameters": NetworkRow.parameters, "macs": NetworkRow.macs}
    counted = {name: aliased(CostRow) for name in {*COUNTED, cost_name} - columns.keys()}
    values = {name: row.value.label(name) for name, row in counted.items()}
    chosen = columns[cost_name] if cost_name in columns else counted[cost_name].value
    validation, test = aliased(EvaluationRow), aliased(EvaluationRow)
    phases = (
        select(PhaseRow.network_id, func.sum(PhaseRow.seconds).label("seconds"))
        .group_by(PhaseRow.network_id)
        .subquery()
    )
    query = (
        select(
            NetworkRow.id,
            NetworkRow.method,
            NetworkRow.kind,
            NetworkRow.step,
            NetworkRow.trial_number,
            NetworkRow.parent_id,
            NetworkRow.parameters,
            NetworkRow.macs,
            *(values[name] for name in COUNTED if name in values),
            cast(chosen, Measurement).label("cost"),
            validation.accuracy.label("validation_accuracy"),
            validation.loss.label("validation_loss"),
            test.accuracy.label("test_accuracy"),
            test.loss.label("test_loss"),
            phases.c.seconds,
            NetworkRow.created,
        )
        .outerjoin(
            validation,
            and_(validation.network_id == NetworkRow.id, validation.split == "validation"),
        )
        .outerjoin(test, and_(test.network_id == NetworkRow.id, test.split == "test"))
        .outerjoin(phases, phases.c.network_id == NetworkRow.id)
        .order_by(NetworkRow.id)
    )
    for name, row in counted.items():
        query = query.outerjoin(row, and_(row.network_id == NetworkRow.id, row.cost == name))
    return query


def _of_networks(table: type[OfNetwork], *left_out: str) -> "Query":
    """All columns of a table but some, by network."""
    columns = [each for each in select(table).selected_columns if each.name not in left_out]
    joined = select(*columns).join(NetworkRow, NetworkRow.id == table.network_id)
    return joined.order_by(table.network_id)


def _read(storage: Storage, name: str, query: "Query") -> pd.DataFrame:
    with opened(storage, name) as records:
        return _frame(records, query)


def _frame(records: StudyRecords, query: "Query") -> pd.DataFrame:
    """What a query of networks finds in a study, but for networks whose trial failed.

    Raises:
        StudyError: If there is no such study.
        StorageError: If a row is damaged.
    """
    of_study = query.join(StudyRow, StudyRow.id == NetworkRow.study_id)
    of_study = of_study.where(StudyRow.name == records.name)
    if abandoned := records.abandoned():
        of_study = of_study.where(NetworkRow.id.not_in(abandoned))
    types = {column.name: _type_of(column) for column in query.selected_columns}
    with damage_told(f"study {records.name!r}: a network"):
        with records.database.transaction() as connection:
            frame = pd.read_sql_query(of_study, connection)
        if frame.empty:
            _ = records.record  # tells an unknown study from one without rows
        return _typed(frame, types)


def _trials(records: StudyRecords) -> pd.DataFrame:
    """The frame of trials.

    Raises:
        StudyError: If there is no such study.
        StorageError: If a row is damaged.
    """
    with damage_told(f"study {records.name!r}: a trial"):
        with records.database.transaction() as connection:
            trials = trial_rows(connection, records.name)
        return _with_networks(records, trials)


def _with_networks(records: StudyRecords, trials: pd.DataFrame) -> pd.DataFrame:
    """The frame of trials, with the networks that each has planted and left."""
    columns = (NetworkRow.id, NetworkRow.method, NetworkRow.trial_number)
    networks = _frame(records, select(*columns).order_by(NetworkRow.id))
    of_trial = networks.dropna(subset="trial_number").drop_duplicates("trial_number", keep="last")
    network_of = of_trial.set_index("trial_number")["id"]
    seeds = networks.loc[networks["method"] == "seed", "id"]
    trials["parent_trial"] = pd.to_numeric(trials["parent"], errors="coerce").astype("Int64")
    parents = trials["parent_trial"].map(network_of)
    trials["parent_id"] = parents.mask(trials["parent"] == "seed", seeds.max())
    trials["network_id"] = trials["number"].map(network_of)
    took = pd.to_timedelta(trials["datetime_complete"] - trials["datetime_start"])
    trials["seconds"] = took.dt.total_seconds()
    return _typed(trials, _TRIAL_TYPES)


def _type_of(column: ColumnElement[Any]) -> Any:
    """The type of a frame's column for this one of a table, whose integers may be missing."""
    if isinstance(column.type, Integer) and getattr(column, "nullable", True):
        return "Int64"
    return next(kind for of, kind in _TYPES.items() if isinstance(column.type, of))


def _typed(frame: pd.DataFrame, types: Mapping[str, Any]) -> pd.DataFrame:
    """The columns of these names with these types."""
    moments = {
        name: pd.to_datetime(frame[name], utc=True).dt.as_unit("us")
        for name, kind in types.items()
        if kind == _MOMENT
    }
    with np.errstate(invalid="ignore"):  # pandas itself refuses what a damaged row does to a type
        return frame.assign(**moments)[list(types)].astype(dict(types))
