"""The migrations lead to the tables of the code, once, and leave Optuna's tables alone."""

from dataclasses import replace
from typing import Any

import optuna
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, create_engine, inspect, text

from plantnas.errors import StorageError
from plantnas.records.database import BaselineRun, Database, NetworkRecord
from plantnas.records.migrations.upgrade import VERSION_TABLE, upgrade
from plantnas.records.tables import Table


def is_ours(name: str | None, kind: str, _parents: Any) -> bool:
    return kind != "table" or (name or "").startswith("plantnas_")


def differences(engine: Engine) -> list[Any]:
    options = {"version_table": VERSION_TABLE, "compare_type": True, "include_name": is_ours}
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts=options)
        return list(compare_metadata(context, Table.metadata))


OLD_ROWS = (
    "INSERT INTO plantnas_studies VALUES (1, 'old', NULL, '{}', '', 'weights', '{}', '{}', :now)",
    "INSERT INTO plantnas_networks VALUES "
    "(1, 1, 'planting', 'grow', 3, NULL, 1, 4782, 30, NULL, NULL, :now)",
    "INSERT INTO plantnas_widths VALUES (1, 'stem', 0, 8, 2)",
    "INSERT INTO plantnas_phases VALUES (1, 'training', 2.5)",
)
"""A study and a network as revision 0001 has them."""


@pytest.fixture
def url_of_0001(url: str) -> str:
    """A database that the first revision made, with a network in it."""
    engine, config = create_engine(url), Config()
    config.set_main_option("script_location", "plantnas.records:migrations")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        for row in OLD_ROWS:
            connection.execute(text(row), {"now": "2026-01-02 03:04:05.000000"})
    engine.dispose()
    return url


def test_the_migrations_lead_to_the_tables_of_the_code(url: str) -> None:
    assert differences(Database(url).engine) == []


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE plantnas_networks ADD COLUMN colour INTEGER",
        "DROP INDEX plantnas_networks_one_teacher_one_seed",
        "DROP TABLE plantnas_phases",
    ],
)
def test_a_difference_between_migrations_and_code_would_be_seen(url: str, change: str) -> None:
    engine = Database(url).engine
    with engine.begin() as connection:
        connection.execute(text(change))
    assert differences(engine) != []


def test_constraints_of_the_migrations_are_those_of_the_code(url: str) -> None:
    """``compare_metadata`` sees no check constraints, names of keys, or conditions of indexes."""

    def constraints(engine: Engine) -> set[str]:
        with engine.connect() as connection:
            statements = connection.scalars(text("SELECT sql FROM sqlite_master")).all()
        lines = "\n".join(filter(None, statements)).splitlines()
        constraint = ("CONSTRAINT plantnas_", "CREATE UNIQUE INDEX")
        return {line.strip().rstrip(",") for line in lines if any(c in line for c in constraint)}

    from_code = create_engine("sqlite://")
    Table.metadata.create_all(from_code)
    primary_key_of_alembic = {f"CONSTRAINT {VERSION_TABLE}_pkc PRIMARY KEY (version_num)"}
    from_migrations = constraints(Database(url).engine) - primary_key_of_alembic
    assert len(from_migrations) > 10
    assert from_migrations == constraints(from_code)


def test_migrating_again_changes_nothing(database: Database, network: NetworkRecord) -> None:
    network_id = database.add_network("digits", network)
    before = database.network("digits", network_id)
    upgrade(database.engine)
    assert Database(str(database.engine.url)).network("digits", network_id) == before


def test_a_database_of_the_first_revision_gets_the_tables_of_the_code(url_of_0001: str) -> None:
    assert "plantnas_baselines" not in inspect(create_engine(url_of_0001)).get_table_names()
    assert differences(Database(url_of_0001).engine) == []


def test_a_database_of_the_first_revision_keeps_its_rows(url_of_0001: str) -> None:
    (found,) = Database(url_of_0001).networks("old")
    assert (found.id, found.method, found.kind, found.trial_number) == (1, "planting", "grow", 3)
    assert (found.widths, found.planted) == ({"stem": 8}, {"stem": 2})
    assert found.seconds == {"training": 2.5}
    assert found.baseline is None


def test_a_database_of_the_first_revision_takes_baselines(
    url_of_0001: str, network: NetworkRecord
) -> None:
    database = Database(url_of_0001)
    run = BaselineRun(1, repetition=0, learning_rate=0.1, budget_epochs=12, uses_teacher=False)
    added = replace(network, kind="baseline", trial_number=None, baseline=run)
    network_id = database.add_network("old", added)
    assert database.network("old", network_id).baseline == run


@pytest.mark.parametrize("first", ["optuna", "plantnas"])
def test_optuna_and_our_tables_share_a_database(url: str, first: str) -> None:
    openers = {"optuna": optuna.storages.RDBStorage, "plantnas": Database}
    openers.pop(first)(url)
    openers.popitem()[1](url)
    database, storage = Database(url), optuna.storages.RDBStorage(url)
    assert {"trials", "alembic_version", VERSION_TABLE} <= set(
        inspect(database.engine).get_table_names()
    )
    assert storage.get_current_version() == storage.get_head_version()
    assert differences(database.engine) == []


def test_a_database_of_a_newer_plantnas_is_refused(database: Database) -> None:
    with database.engine.begin() as connection:
        connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '9999'"))
    with pytest.raises(StorageError, match=r"written by a newer plantnas.*9999"):
        Database(str(database.engine.url))
