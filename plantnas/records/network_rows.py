"""A network's record as rows of the tables, and back. Nothing here opens a database or commits.

The records are in ``record.py``, the tables in ``tables.py``, transactions in ``database.py``.
"""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, select
from sqlalchemy.orm import InstrumentedAttribute

from plantnas.measured import SPLITS, Epoch, Evaluation
from plantnas.records.damage import check_types, damage_told
from plantnas.records.record import AheadRecord, BaselineRun, NetworkRecord
from plantnas.records.tables import (
    AheadRow,
    BaselineRow,
    CostRow,
    EpochRow,
    EvaluationRow,
    NetworkRow,
    OfNetwork,
    PhaseRow,
    StudyRow,
    WidthRow,
)


def network_row(record: NetworkRecord) -> dict[str, Any]:
    """The row of the table of networks, without the study's id."""
    names = ("method", "kind", "trial_number", "parent_id", "step", "parameters", "macs")
    row = {name: getattr(record, name) for name in (*names, "artifact_id", "sha256")}
    return row | {"created": record.created or datetime.now(UTC)}


def rows_of_network(record: NetworkRecord) -> dict[type[OfNetwork], list[dict[str, Any]]]:
    """The rows of the tables of what belongs to it, without the network's id."""
    widths = [
        {
            "group_name": group,
            "position": position,
            "width": width,
            "planted": record.planted.get(group, 0),
        }
        for position, (group, width) in enumerate(record.widths.items())
    ]
    costs = [{"cost": name, "value": value} for name, value in record.costs.items()]
    phases = [{"phase": phase, "seconds": seconds} for phase, seconds in record.seconds.items()]
    return {
        WidthRow: widths,
        EvaluationRow: [evaluation._asdict() for evaluation in record.evaluations],
        EpochRow: [epoch._asdict() for epoch in record.epochs],
        PhaseRow: phases,
        CostRow: costs,
        BaselineRow: [asdict(record.baseline)] if record.baseline else [],
        AheadRow: [asdict(record.ahead)] if record.ahead else [],
    }


def read_networks(connection: Connection, condition: ColumnElement[bool]) -> list[NetworkRecord]:
    """The networks that satisfy the condition, by id: one query a table, however many there are.

    Raises:
        StorageError: A row is damaged.
    """
    with damage_told("a network"):
        return _read_networks(connection, condition)


def _read_networks(connection: Connection, condition: ColumnElement[bool]) -> list[NetworkRecord]:
    rows = connection.execute(select(NetworkRow).where(condition).order_by(NetworkRow.id)).all()
    check_types(NetworkRow, rows)
    for row in rows:
        if row.parent_id is not None and row.parent_id >= row.id:
            raise ValueError(f"network {row.id} descends from the later network {row.parent_id}")
    widths = _read_rows(connection, WidthRow, WidthRow.position, condition)
    evaluations = _read_rows(connection, EvaluationRow, EvaluationRow.split, condition)
    for network_id, values_of in evaluations.items():
        if any(Evaluation(*values).images < 1 for values in values_of):
            raise ValueError(f"network {network_id} was evaluated on no image")
    epochs = _read_rows(connection, EpochRow, EpochRow.epoch, condition)
    phases = _read_rows(connection, PhaseRow, PhaseRow.phase, condition)
    costs = _read_rows(connection, CostRow, CostRow.cost, condition)
    cost_names = _cost_names(connection, {row.study_id for row in rows})
    baselines = _read_rows(connection, BaselineRow, BaselineRow.network_id, condition)
    aheads = _read_rows(connection, AheadRow, AheadRow.network_id, condition)
    return [
        NetworkRecord(
            **{key: value for key, value in row._mapping.items() if key != "study_id"},
            widths={name: width for name, _, width, _ in widths[row.id]},
            planted={name: planted for name, _, _, planted in widths[row.id] if planted},
            evaluations=tuple(
                sorted(
                    (Evaluation(*values) for values in evaluations[row.id]),
                    key=lambda evaluation: SPLITS.index(evaluation.split),
                )
            ),
            epochs=tuple(Epoch(*values) for values in epochs[row.id]),
            seconds=dict(phases[row.id]),
            costs=dict(costs[row.id]),
            cost_name=cost_names[row.study_id],
            baseline=next((BaselineRun(*values) for values in baselines[row.id]), None),
            ahead=next((AheadRecord(*values) for values in aheads[row.id]), None),
        )
        for row in rows
    ]


def _cost_names(connection: Connection, study_ids: Collection[int]) -> dict[int, str]:
    """The cost that each study trades accuracy for, by its id."""
    query = select(StudyRow.id, StudyRow.configuration).where(StudyRow.id.in_(study_ids))
    return {
        study_id: configuration.get("search", {}).get("cost", "parameters")
        for study_id, configuration in connection.execute(query)
    }


def _read_rows(
    connection: Connection,
    table: type[OfNetwork],
    column: InstrumentedAttribute[Any],
    condition: ColumnElement[bool],
) -> defaultdict[int, list[Any]]:
    """The other columns of some networks' rows in one table, by network id, in a column's order."""
    query = select(table).join(NetworkRow, NetworkRow.id == table.network_id)
    rows_of: defaultdict[int, list[Any]] = defaultdict(list)
    rows = connection.execute(query.where(condition).order_by(column)).all()
    check_types(table, rows)
    for row in rows:
        rows_of[row.network_id].append(row[1:])
    return rows_of


def grown_groups(connection: Connection, study_id: int) -> frozenset[str]:
    """The channel groups that a study's teacher or seed names; none before there is one."""
    first = (NetworkRow.study_id == study_id) & NetworkRow.method.in_(("teacher", "seed"))
    return frozenset(name for each in read_networks(connection, first) for name in each.widths)
