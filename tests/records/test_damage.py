"""Rows that are not what plantnas wrote are told in one line, by whoever reads them."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from plantnas.errors import StorageError
from plantnas.records.damage import damage_told
from plantnas.records.database import Database
from plantnas.records.study import StudyRecords

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from plantnas.records.record import NetworkRecord


@pytest.fixture
def damaged(
    database: Database, records: StudyRecords, network: NetworkRecord, tmp_path: Path
) -> Callable[[str], StudyRecords]:
    """The records of a study with two networks, after a statement that no constraint stops."""
    first = records.add(network)
    records.add(replace(network, trial_number=4, parent_id=first))
    database.close()

    def damage(statement: str) -> StudyRecords:
        with sqlite3.connect(tmp_path / "study.db") as connection:
            connection.execute("PRAGMA ignore_check_constraints = 1")
            connection.execute(statement)
        connection.close()
        return records

    return damage


@pytest.mark.parametrize(
    ("table", "value"),
    [
        ("networks SET parameters", "'many'"),
        ("networks SET macs", "1e30"),
        ("networks SET created", "'yesterday'"),
        ("networks SET sha256", "x'00'"),
        ("networks SET parent_id", "99"),
        ("networks SET parent_id", "id"),
        ("widths SET width", "'wide'"),
        ("widths SET planted", "0.5"),
        ("epochs SET training_loss", "'low'"),
        ("evaluations SET split", "'tset' WHERE split = 'validation'"),
        ("evaluations SET images", "'all'"),
        ("phases SET seconds", "'long'"),
    ],
)
def test_a_damaged_row_of_a_network_is_one_line(
    damaged: Callable[[str], StudyRecords], table: str, value: str
) -> None:
    records = damaged(f"UPDATE plantnas_{table} = {value}")
    with pytest.raises(StorageError, match="damaged") as raised:
        records.networks()
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("column", ["configuration", "versions", "hardware", "created"])
@pytest.mark.parametrize("value", ["'{'", "'[1]'", "'7'", "x'00ff'"])
def test_a_damaged_row_of_a_study_is_one_line(
    damaged: Callable[[str], StudyRecords], column: str, value: str
) -> None:
    records = damaged(f"UPDATE plantnas_studies SET {column} = {value}")
    with pytest.raises(StorageError, match=r"study 'digits': is damaged in the database: ") as told:
        _ = records.record
    assert "\n" not in str(told.value)


ON_A_SERVER = {
    "studies SET configuration": "'[1]'",
    "studies SET created": "'infinity'",
    "studies SET versions": """'{"plantnas": 3}'""",
    "networks SET created": "'0044-03-15 BC'",
    "networks SET parent_id": "id",
}
"""Its columns have types: what is left is JSON of another form, and what Python cannot hold."""


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
@pytest.mark.parametrize("column", ON_A_SERVER)
def test_a_damaged_row_on_a_server_is_one_line(
    records: StudyRecords, network: NetworkRecord, column: str
) -> None:
    records.add(replace(network, trial_number=4, parent_id=records.add(network)))
    with records.database.engine.begin() as connection:
        connection.execute(text(f"UPDATE plantnas_{column} = {ON_A_SERVER[column]}"))
    with pytest.raises(StorageError) as told:
        _ = records.config, records.networks()
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("configuration", ["{}", '{"images": 3}', '{"images": {"mean": 1}}'])
def test_a_configuration_without_its_parts_is_one_line(
    damaged: Callable[[str], StudyRecords], configuration: str
) -> None:
    records = damaged(f"UPDATE plantnas_studies SET configuration = '{configuration}'")
    with pytest.raises(StorageError, match="its images: is damaged"):
        _ = records.images
    with pytest.raises(StorageError, match="its configuration: is damaged"):
        _ = records.config


def test_a_number_that_no_database_can_hold_is_one_line(records: StudyRecords) -> None:
    with pytest.raises(StorageError, match="too large"):
        records.network(10**23)


def test_what_is_meant_to_be_raised_is_raised() -> None:
    with pytest.raises(StorageError, match=r"^as it is$"), damage_told("study"):
        raise StorageError("as it is")
