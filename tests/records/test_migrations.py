"""The migrations lead to the tables of the code, once, and leave Optuna's tables alone."""

from typing import Any

import optuna
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, create_engine, inspect, text

from plantnas.errors import StorageError
from plantnas.records.database import Database, NetworkRecord
from plantnas.records.migrations.upgrade import VERSION_TABLE, upgrade
from plantnas.records.tables import Table


def is_ours(name: str | None, kind: str, _parents: Any) -> bool:
    return kind != "table" or (name or "").startswith("plantnas_")


def differences(engine: Engine) -> list[Any]:
    options = {"version_table": VERSION_TABLE, "compare_type": True, "include_name": is_ours}
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts=options)
        return list(compare_metadata(context, Table.metadata))


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
