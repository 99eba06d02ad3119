"""A network's record is rows of several tables, and comes back from them as it was."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import func, insert, select

from plantnas.records.database import Database
from plantnas.records.network_rows import network_row, read_networks, rows_of_network
from plantnas.records.record import NetworkRecord
from plantnas.records.tables import BaselineRow, NetworkRow, StudyRow, WidthRow


def test_what_a_network_lacks_has_no_rows(network: NetworkRecord) -> None:
    bare = replace(network, widths={}, planted={}, epochs=(), evaluations=(), seconds={})
    assert not any(rows_of_network(bare).values())


def test_widths_keep_their_order_and_what_was_planted(network: NetworkRecord) -> None:
    rows = rows_of_network(replace(network, widths={"b": 3, "a": 5}, planted={"a": 2}))[WidthRow]
    assert [(row["group_name"], row["position"], row["planted"]) for row in rows] == [
        ("b", 0, 0),
        ("a", 1, 2),
    ]


def test_rows_are_read_back_as_they_were_written(
    database: Database, baseline: NetworkRecord
) -> None:
    rows = rows_of_network(baseline)
    assert len(rows[BaselineRow]) == 1
    with database.engine.begin() as connection:
        study_id = connection.scalar(select(StudyRow.id))
        row = network_row(baseline) | {"study_id": study_id}
        connection.execute(insert(NetworkRow).values(row))
        number = connection.scalar(select(func.max(NetworkRow.id)))
        for table, values in rows.items():
            if values:
                linked = [{"network_id": number, **value} for value in values]
                connection.execute(insert(table), linked)
        (found,) = read_networks(connection, NetworkRow.id == number)
    assert replace(found, id=None, created=None) == baseline
