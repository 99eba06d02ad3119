"""Records come back as they were written, all or nothing, and what cannot be true is refused."""

import math
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from sqlalchemy import delete, event, func, insert, select
from sqlalchemy.exc import IntegrityError

from plantnas.errors import PlantingError, StorageError, StudyError
from plantnas.records.database import Database
from plantnas.records.record import EpochRecord, Evaluation, NetworkRecord, StudyRecord
from plantnas.records.tables import NetworkRow, StudyRow, Table
from tests.records.conftest import ON_BOTH


def rows(database: Database) -> dict[str, int]:
    """The number of rows of each table that belongs to networks."""
    with database.engine.connect() as connection:
        return {
            name: connection.scalar(select(func.count()).select_from(table)) or 0
            for name, table in Table.metadata.tables.items()
            if name != "plantnas_studies"
        }


def as_added(network: NetworkRecord) -> NetworkRecord:
    return replace(network, id=None, created=None)


# Studies


def test_a_study_comes_back_as_it_was_added(database: Database, study: StudyRecord) -> None:
    assert database.study("digits") == study
    assert database.find_study("digits") == study


@ON_BOTH
def test_a_second_study_of_the_same_name_is_refused(database: Database, study: StudyRecord) -> None:
    with pytest.raises(StudyError, match="'digits' exists already"):
        database.add_study(replace(study, optuna_study_id=2))
    assert database.study("digits").optuna_study_id == 1


def test_an_unknown_study_is_named_with_the_nearest_known_one(database: Database) -> None:
    assert database.find_study("digit") is None
    for ask in (database.study, database.networks, database.artifact_store):
        with pytest.raises(StudyError, match=r"no study 'digit'. Did you mean 'digits'\?"):
            ask("digit")


def test_an_empty_database_says_that_it_has_no_studies(url: str) -> None:
    with pytest.raises(StudyError, match="It has none yet"):
        Database(url).study("digits")


def test_study_names_are_in_the_order_of_their_making(
    database: Database, study: StudyRecord
) -> None:
    database.add_study(replace(study, name="a later one"))
    assert database.study_names() == ["digits", "a later one"]


# Networks


@ON_BOTH
def test_a_network_comes_back_as_it_was_added(database: Database, network: NetworkRecord) -> None:
    network_id = database.add_network("digits", network)
    found = database.network("digits", network_id)
    assert as_added(found) == network
    assert found.id == network_id
    assert found.created is not None
    assert abs(datetime.now(UTC) - found.created) < timedelta(minutes=1)


@ON_BOTH
def test_loss_curves_are_of_a_steps_trials_of_one_kind(
    database: Database, network: NetworkRecord
) -> None:
    nan = replace(network.epochs[0], validation_loss=math.nan)
    others = [{"kind": "grow"}, {"trial_number": 4, "step": 2}, {"trial_number": 2}]
    for changes in ({}, *others, {"trial_number": 5, "epochs": (nan,)}):
        database.add_network("digits", replace(network, **changes))
    *curves, last = database.loss_curves("digits", "screen", 1)
    assert curves == [(2, 4782, (0.8, 0.5)), (3, 4782, (0.8, 0.5))]
    assert last[:2] == (5, 4782)
    assert math.isnan(*last.losses)


def test_widths_come_back_in_the_order_of_the_network(
    database: Database, network: NetworkRecord
) -> None:
    found = database.network("digits", database.add_network("digits", network))
    assert list(found.widths) == ["stem", "block", "a_head"]


@ON_BOTH
def test_a_moment_in_another_time_zone_comes_back_as_the_same_moment(
    database: Database, network: NetworkRecord
) -> None:
    created = datetime(2026, 1, 1, 0, 30, tzinfo=timezone(timedelta(hours=9)))
    network_id = database.add_network("digits", replace(network, created=created))
    found = database.network("digits", network_id).created
    assert found == created
    assert found.tzinfo == UTC


@ON_BOTH
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_diverged_loss_is_kept(database: Database, network: NetworkRecord, value: float) -> None:
    epoch = EpochRecord(1, 0.1, value, value, 0.1, 1.0)
    network_id = database.add_network("digits", replace(network, epochs=(epoch,)))
    (found,) = database.network("digits", network_id).epochs
    assert repr(found) == repr(epoch)


def test_networks_are_those_of_the_study_alone_and_in_order(
    database: Database, study: StudyRecord, network: NetworkRecord
) -> None:
    database.add_study(replace(study, name="other"))
    added = [replace(network, trial_number=number) for number in (5, 4, 6)]
    for one in added:
        database.add_network("digits", one)
        database.add_network("other", replace(one, parameters=1))
    assert [as_added(one) for one in database.networks("digits")] == added


def test_reading_networks_takes_the_same_queries_for_one_as_for_many(
    database: Database, network: NetworkRecord
) -> None:
    statements: list[str] = []

    @event.listens_for(database.engine, "before_cursor_execute")
    def count(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        statements.append(statement)

    def queries() -> int:
        statements.clear()
        database.networks("digits")
        return len(statements)

    database.add_network("digits", network)
    before = queries()
    for number in range(10, 20):
        database.add_network("digits", replace(network, trial_number=number))
    assert queries() == before <= 10


def test_an_unknown_network_is_refused_with_the_range_of_the_known(
    database: Database, study: StudyRecord, network: NetworkRecord
) -> None:
    with pytest.raises(StudyError, match="no network 1: it has none"):
        database.network("digits", 1)
    for number in range(3):
        database.add_network("digits", replace(network, trial_number=number))
    with pytest.raises(StudyError, match="no network 4: its networks are 1 to 3"):
        database.network("digits", 4)


def test_a_network_of_another_study_is_unknown(
    database: Database, study: StudyRecord, network: NetworkRecord
) -> None:
    database.add_study(replace(study, name="other"))
    network_id = database.add_network("other", network)
    with pytest.raises(StudyError, match="'digits' has no network"):
        database.network("digits", network_id)


def test_a_network_is_found_by_its_trial(database: Database, network: NetworkRecord) -> None:
    database.add_network("digits", replace(network, trial_number=2, parameters=1))
    database.add_network("digits", network)
    found = database.network_of_trial("digits", 3)
    assert found is not None
    assert as_added(found) == network
    assert database.network_of_trial("digits", 4) is None


# What cannot be true


def test_a_network_of_an_unknown_study_is_refused(
    database: Database, network: NetworkRecord
) -> None:
    with pytest.raises(StudyError, match="no study 'digit'"):
        database.add_network("digit", network)


def test_the_database_itself_refuses_a_network_without_its_study(database: Database) -> None:
    orphan = insert(NetworkRow).values(
        study_id=99, method="seed", parameters=1, macs=1, created=datetime.now(UTC)
    )
    with database.engine.begin() as connection, pytest.raises(IntegrityError, match="FOREIGN KEY"):
        connection.execute(orphan)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"artifact_id": "2"}, id="a second network of the same trial and kind"),
        pytest.param({"trial_number": 4, "kind": None}, id="a trial's network without a kind"),
        pytest.param({"trial_number": 4, "parent_id": 99}, id="a parent that does not exist"),
        pytest.param({"trial_number": None, "method": "teacher"}, id="a second teacher"),
        pytest.param({"trial_number": None, "method": "seed"}, id="a second seed"),
        pytest.param(
            {"trial_number": 4, "evaluations": (Evaluation("holdout", 0.5, 0.5, 10),)},  # type: ignore[arg-type]
            id="an unknown split",
        ),
    ],
)
def test_what_cannot_be_true_is_refused(
    database: Database, network: NetworkRecord, change: dict[str, Any]
) -> None:
    for method in ("teacher", "seed"):
        database.add_network(
            "digits", replace(network, method=method, kind=None, trial_number=None)
        )
    database.add_network("digits", network)
    before = rows(database)
    with pytest.raises(StorageError, match=r"study 'digits': .* constraint failed") as caught:
        database.add_network("digits", replace(network, **change))
    assert "\n" not in str(caught.value)
    assert rows(database) == before


def test_two_studies_may_each_have_a_teacher_a_seed_and_a_third_trial(
    database: Database, study: StudyRecord, network: NetworkRecord
) -> None:
    database.add_study(replace(study, name="other"))
    for name in ("digits", "other"):
        database.add_network(name, network)
        for method in ("teacher", "seed"):
            database.add_network(
                name, replace(network, method=method, kind=None, trial_number=None)
            )
    assert rows(database)["plantnas_networks"] == 6


def test_a_parent_from_another_study_is_refused(
    database: Database, study: StudyRecord, network: NetworkRecord
) -> None:
    database.add_study(replace(study, name="other"))
    parent_id = database.add_network("other", network)
    with pytest.raises(StorageError, match="FOREIGN KEY"):
        database.add_network("digits", replace(network, parent_id=parent_id))


def test_a_planting_of_an_unknown_group_is_refused(
    database: Database, network: NetworkRecord
) -> None:
    with pytest.raises(PlantingError, match=r"'blok' is not a group .* Did you mean 'block'\?"):
        database.add_network("digits", replace(network, planted={"blok": 4}))


# All or nothing


@ON_BOTH
def test_a_failure_within_a_transaction_leaves_no_rows(
    database: Database, network: NetworkRecord
) -> None:
    with pytest.raises(StorageError, match="plantnas_epochs"):
        database.add_network("digits", replace(network, epochs=network.epochs * 2))
    assert set(rows(database).values()) == {0}


@ON_BOTH
def test_a_process_that_dies_within_a_transaction_leaves_no_rows(
    database: Database, url: str
) -> None:
    script = f"""
import os
from sqlalchemy import event
from plantnas.records.database import Database
from plantnas.records.record import EpochRecord, NetworkRecord

database = Database({url!r})

@event.listens_for(database.engine, "after_cursor_execute")
def die(connection, cursor, statement, *_):
    if "INSERT INTO plantnas_epochs" in statement:
        os._exit(9)

epochs = (EpochRecord(1, 0.1, 0.1, 0.1, 0.1, 0.1),)
database.add_network("digits", NetworkRecord(
    "seed", None, None, None, 0, 1, 1, {{"stem": 8}}, {{}}, (), epochs, None, None))
"""
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 9
    assert set(rows(database).values()) == {0}


@ON_BOTH
def test_deleting_a_study_deletes_its_networks_and_no_others(
    database: Database, study: StudyRecord, network: NetworkRecord
) -> None:
    database.add_study(replace(study, name="other"))
    database.add_network("other", network)
    before = rows(database)
    parent_id = database.add_network("digits", network)
    database.add_network("digits", replace(network, kind="grow", parent_id=parent_id))
    with database.engine.begin() as connection:
        connection.execute(delete(StudyRow).where(StudyRow.name == "digits"))
    assert rows(database) == before


# Evaluations that come later


def test_evaluations_are_added_to_recorded_networks(
    database: Database, network: NetworkRecord
) -> None:
    ids = [
        database.add_network("digits", replace(network, trial_number=number)) for number in (1, 2)
    ]
    test = Evaluation("test", 0.7, 0.6, 500)
    database.add_evaluations("digits", dict.fromkeys(ids, test))
    for found in database.networks("digits"):
        assert found.evaluations == (*network.evaluations, test)


@ON_BOTH
def test_an_evaluation_that_exists_is_left_as_it_is(
    database: Database, network: NetworkRecord
) -> None:
    network_id = database.add_network("digits", network)
    database.add_evaluations("digits", {network_id: Evaluation("validation", 0.1, 9.0, 1)})
    assert database.network("digits", network_id).evaluations == network.evaluations


def test_evaluations_of_an_unknown_network_are_refused_together(
    database: Database, network: NetworkRecord
) -> None:
    network_id = database.add_network("digits", network)
    test = Evaluation("test", 0.7, 0.6, 500)
    with pytest.raises(StudyError, match="no network 77"):
        database.add_evaluations("digits", {network_id: test, 77: test})
    assert database.network("digits", network_id).evaluations == network.evaluations


def test_no_evaluations_are_nothing_to_do(database: Database) -> None:
    database.add_evaluations("digits", {})


# Many at once


@ON_BOTH
def test_threads_that_add_networks_at_once_lose_nothing(
    database: Database, network: NetworkRecord
) -> None:
    def add(number: int) -> int:
        return database.add_network("digits", replace(network, trial_number=number))

    with ThreadPoolExecutor(8) as pool:
        ids = list(pool.map(add, range(80)))
    assert len(set(ids)) == 80
    found = {one.trial_number: as_added(one) for one in database.networks("digits")}
    assert found == {number: replace(network, trial_number=number) for number in range(80)}


@ON_BOTH
def test_processes_that_open_a_new_database_at_once_and_add_networks_lose_nothing(url: str) -> None:
    script = f"""
import sys
from datetime import UTC, datetime
from plantnas.errors import StudyError
from plantnas.records.database import Database
from plantnas.records.record import NetworkRecord, StudyRecord

database = Database({url!r})
try:
    database.add_study(StudyRecord("digits", 1, {{}}, "", "", {{}}, {{}}, datetime.now(UTC)))
except StudyError:
    pass  # another process was first
for number in range(25):
    trial_number = 25 * int(sys.argv[1]) + number
    database.add_network("digits", NetworkRecord(
        "planting", "screen", trial_number, None, 1, 1, 1, {{"stem": 8}}, {{}}, (), (), None, None))
"""
    processes = [
        subprocess.Popen([sys.executable, "-c", script, str(worker)]) for worker in range(4)
    ]
    assert [process.wait() for process in processes] == [0, 0, 0, 0]
    networks = Database(url).networks("digits")
    assert sorted(one.trial_number or 0 for one in networks) == list(range(100))
    assert all(one.widths == {"stem": 8} for one in networks)
