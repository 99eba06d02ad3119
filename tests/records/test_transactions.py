"""Records are written all or nothing, by however many at once."""

import multiprocessing
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace

import pytest
from sqlalchemy import delete, event

from plantnas.errors import StorageError, StudyError
from plantnas.records.database import Database
from plantnas.records.record import NetworkRecord, StudyRecord
from plantnas.records.study import StudyRecords
from plantnas.records.tables import StudyRow
from tests.records.conftest import ON_BOTH, as_added, rows


@ON_BOTH
def test_a_failure_within_a_transaction_leaves_no_rows(
    database: Database, records: StudyRecords, network: NetworkRecord
) -> None:
    with pytest.raises(StorageError, match="plantnas_epochs"):
        records.add(replace(network, epochs=network.epochs * 2))
    assert set(rows(database).values()) == {0}


def die_between(url: str, network: NetworkRecord) -> None:
    """Adds a network, and ends at once when its epochs are written."""
    database = Database(url)

    @event.listens_for(database.engine, "after_cursor_execute")
    def die(connection: object, cursor: object, statement: str, *_: object) -> None:
        if "INSERT INTO plantnas_epochs" in statement:
            os._exit(9)

    StudyRecords(database, "digits").add(network)


@ON_BOTH
def test_a_process_that_dies_within_a_transaction_leaves_no_rows(
    database: Database, url: str, network: NetworkRecord
) -> None:
    context = multiprocessing.get_context("fork")
    process = context.Process(target=die_between, args=(url, network))
    process.start()
    process.join()
    assert process.exitcode == 9
    assert set(rows(database).values()) == {0}


@ON_BOTH
def test_deleting_a_study_deletes_its_networks_and_no_others(
    database: Database, records: StudyRecords, study: StudyRecord, network: NetworkRecord
) -> None:
    database.add_study(replace(study, name="other"))
    StudyRecords(database, "other").add(network)
    before = rows(database)
    parent_id = records.add(network)
    records.add(replace(network, kind="grow", parent_id=parent_id))
    with database.engine.begin() as connection:
        connection.execute(delete(StudyRow).where(StudyRow.name == "digits"))
    assert rows(database) == before


@ON_BOTH
def test_threads_that_add_networks_at_once_lose_nothing(
    records: StudyRecords, network: NetworkRecord
) -> None:
    def add(number: int) -> int:
        return records.add(replace(network, trial_number=number))

    with ThreadPoolExecutor(8) as pool:
        ids = list(pool.map(add, range(80)))
    assert len(set(ids)) == 80
    found = {one.trial_number: as_added(one) for one in records.networks()}
    assert found == {number: replace(network, trial_number=number) for number in range(80)}


def add_25(url: str, worker: int, study: StudyRecord, network: NetworkRecord) -> None:
    database = Database(url)
    with suppress(StudyError):  # another process was first
        database.add_study(study)
    for number in range(25 * worker, 25 * worker + 25):
        StudyRecords(database, study.name).add(replace(network, trial_number=number))


@ON_BOTH
def test_processes_that_open_a_new_database_at_once_and_add_networks_lose_nothing(
    url: str, study: StudyRecord, network: NetworkRecord
) -> None:
    context = multiprocessing.get_context("fork")
    processes = [
        context.Process(target=add_25, args=(url, worker, study, network)) for worker in range(4)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0, 0]
    networks = StudyRecords(Database(url), study.name).networks()
    assert sorted(one.trial_number or 0 for one in networks) == list(range(100))
    assert all(as_added(one) == replace(network, trial_number=one.trial_number) for one in networks)
