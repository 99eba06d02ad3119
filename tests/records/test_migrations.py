"""The migrations lead to the tables of the code and lose nothing; Optuna's tables stay alone."""

import multiprocessing
import shutil
import signal
import sqlite3
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine, inspect, text

from plantnas.errors import StorageError
from plantnas.measured import Evaluation
from plantnas.records.database import Database
from plantnas.records.migrations import upgrade as upgrading
from plantnas.records.migrations.revision import NEEDED, VERSION_TABLE
from plantnas.records.migrations.upgrade import (
    Upgrade,
    planned_upgrade,
    upgrade_database,
)
from plantnas.records.record import BaselineRun, NetworkRecord
from plantnas.records.study import StudyRecords
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
    "INSERT INTO plantnas_evaluations VALUES (1, 'validation', 0.9, 0.5, 300)",
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


def file_of(url: str) -> Path:
    return Path(url.removeprefix("sqlite:///"))


def dump(url: str) -> list[str]:
    """All that is in a database, as SQL."""
    with closing(sqlite3.connect(file_of(url))) as connection:
        return list(connection.iterdump())


def set_revision(database: Database, revision: str) -> None:
    with database.engine.begin() as connection:
        connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '{revision}'"))


def add_revision(folder: Path, monkeypatch: pytest.MonkeyPatch, change: str) -> None:
    """Lets a revision 9999 follow the package's own, in a copy of them."""
    scripts = shutil.copytree(Path(upgrading.__file__).parent, folder / "migrations")
    (scripts / "versions" / "v9999_next.py").write_text(
        "import sqlalchemy as sa\nfrom alembic import op\n"
        f"revision, down_revision = '9999', '{NEEDED}'\n\n"
        f"def upgrade():\n    {change.strip()}\n"
    )
    monkeypatch.setattr(upgrading, "SCRIPTS", str(scripts))


# New databases, and those of other versions


def test_the_needed_revision_is_the_newest() -> None:
    config = Config()
    config.set_main_option("script_location", upgrading.SCRIPTS)
    assert ScriptDirectory.from_config(config).get_current_head() == NEEDED


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


def test_an_empty_file_gets_the_tables_of_the_code(url: str) -> None:
    file_of(url).touch()
    assert differences(Database(url).engine) == []


def test_opening_again_changes_nothing(
    database: Database, records: StudyRecords, network: NetworkRecord
) -> None:
    records.add(network)
    before = dump(database.url)
    Database(database.url)
    assert dump(database.url) == before


def test_a_database_of_an_older_plantnas_is_refused_as_it_is(url_of_0001: str) -> None:
    before = dump(url_of_0001)
    with pytest.raises(StorageError) as refused:
        Database(url_of_0001)
    assert str(refused.value) == (
        f"{url_of_0001}: was written by an older plantnas "
        f"(revision 0001, this one needs {NEEDED}): run plantnas db upgrade STUDY."
    )
    assert dump(url_of_0001) == before


def test_a_database_of_a_newer_plantnas_is_refused(database: Database) -> None:
    set_revision(database, "9999")
    with pytest.raises(StorageError, match=r"written by a newer plantnas.*9999"):
        Database(database.url)


# Upgrades


def test_an_upgrade_leads_to_the_tables_of_the_code(url_of_0001: str) -> None:
    upgrade_database(url_of_0001)
    assert differences(Database(url_of_0001).engine) == []


def test_an_upgrade_keeps_the_rows(url_of_0001: str) -> None:
    upgrade_database(url_of_0001)
    (found,) = StudyRecords(Database(url_of_0001), "old").networks()
    assert (found.id, found.method, found.kind, found.trial_number) == (1, "planting", "grow", 3)
    assert (found.widths, found.planted) == ({"stem": 8}, {"stem": 2})
    assert found.seconds == {"training": 2.5}
    assert found.evaluations == (Evaluation("validation", 0.9, 0.5, 300),)
    assert found.baseline is None


def test_an_upgraded_database_takes_baselines(url_of_0001: str, network: NetworkRecord) -> None:
    upgrade_database(url_of_0001)
    database = Database(url_of_0001)
    run = BaselineRun(1, repetition=0, learning_rate=0.1, budget_epochs=12, uses_teacher=False)
    added = replace(network, kind="baseline", trial_number=None, baseline=run)
    network_id = StudyRecords(database, "old").add(added)
    assert StudyRecords(database, "old").network(network_id).baseline == run


def test_an_upgrade_says_from_which_revision_to_which_and_where_the_copy_is(
    url_of_0001: str, tmp_path: Path
) -> None:
    copy = tmp_path / f"study.db.before-{NEEDED}"
    assert upgrade_database(url_of_0001) == Upgrade("0001", NEEDED, copy)


def test_an_upgrade_of_the_newest_revision_does_nothing(database: Database, tmp_path: Path) -> None:
    before = dump(database.url)
    assert upgrade_database(database.url) == Upgrade(NEEDED, NEEDED, None)
    assert dump(database.url) == before
    assert not list(tmp_path.glob("*before*"))


def test_a_planned_upgrade_is_what_an_upgrade_does_and_changes_nothing(url_of_0001: str) -> None:
    before = dump(url_of_0001)
    planned = planned_upgrade(url_of_0001)
    assert dump(url_of_0001) == before
    assert planned.copy is not None
    assert not planned.copy.exists()
    assert planned == upgrade_database(url_of_0001)


def test_the_copy_holds_what_was_in_the_write_ahead_log_only(
    url_of_0001: str, tmp_path: Path
) -> None:
    with closing(sqlite3.connect(file_of(url_of_0001))) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("UPDATE plantnas_networks SET parameters = 77")
        connection.commit()  # while it stays open, nothing of it gets into the file itself
        before = dump(url_of_0001)
        shutil.copy(file_of(url_of_0001), tmp_path / "alone.db")
        assert dump(f"sqlite:///{tmp_path}/alone.db") != before
        upgrade_database(url_of_0001)
    assert dump(f"sqlite:///{tmp_path}/study.db.before-{NEEDED}") == before


def test_nothing_is_left_beside_the_copy(url_of_0001: str, tmp_path: Path) -> None:
    upgrade_database(url_of_0001)
    assert {path.name for path in tmp_path.iterdir()} == {"study.db", f"study.db.before-{NEEDED}"}


def test_a_copy_that_exists_is_neither_replaced_nor_ignored(
    url_of_0001: str, tmp_path: Path
) -> None:
    copy = tmp_path / f"study.db.before-{NEEDED}"
    copy.write_text("of an earlier upgrade")
    before = dump(url_of_0001)
    with pytest.raises(StorageError, match=rf"study.db.before-{NEEDED}: exists already: move it"):
        upgrade_database(url_of_0001)
    assert copy.read_text() == "of an earlier upgrade"
    assert dump(url_of_0001) == before


KILLED = """
import os, signal, sys
from alembic import command
from plantnas.records.migrations.upgrade import upgrade_database
command.upgrade = lambda *arguments: os.kill(os.getpid(), signal.SIGKILL)
upgrade_database(sys.argv[1])
"""
"""An upgrade that is killed after the copy and before a table is changed."""


def kill_upgrade(url: str) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, url], capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr


def test_an_upgrade_that_was_killed_after_the_copy_is_done_again(
    url_of_0001: str, tmp_path: Path
) -> None:
    before = dump(url_of_0001)
    kill_upgrade(url_of_0001)
    copy = tmp_path / f"study.db.before-{NEEDED}"
    assert copy.exists()
    assert dump(url_of_0001) == before
    assert upgrade_database(url_of_0001) == Upgrade("0001", NEEDED, copy)
    assert dump(f"sqlite:///{copy}") == before
    assert planned_upgrade(url_of_0001).old == NEEDED


def test_a_copy_of_what_the_database_was_before_it_went_on_is_not_replaced(
    url_of_0001: str, tmp_path: Path
) -> None:
    kill_upgrade(url_of_0001)
    with closing(sqlite3.connect(file_of(url_of_0001))) as connection:
        connection.execute("UPDATE plantnas_networks SET parameters = 77")
        connection.commit()
    with pytest.raises(StorageError, match="exists already: move it"):
        upgrade_database(url_of_0001)
    assert {each.name for each in tmp_path.iterdir()} == {"study.db", f"study.db.before-{NEEDED}"}


def test_an_upgrade_that_fails_half_way_leaves_the_database_as_it_was(
    url_of_0001: str, tmp_path: Path
) -> None:
    with closing(sqlite3.connect(file_of(url_of_0001))) as connection:
        # The table is made before its index, whose name is taken.
        connection.execute(
            "CREATE INDEX plantnas_baselines_target_id_index ON plantnas_networks (macs)"
        )
    before = dump(url_of_0001)
    with pytest.raises(StorageError, match=r"study.db: cannot be upgraded: index .* already exist"):
        upgrade_database(url_of_0001)
    assert dump(url_of_0001) == before
    assert not list(tmp_path.glob("*before*"))


def test_a_migration_that_is_wrong_leaves_the_database_as_it_was(
    url_of_0001: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_revision(tmp_path, monkeypatch, 'op.execute("DELETE FROM plantnas_widths"); 1 / 0')
    before = dump(url_of_0001)
    with pytest.raises(ZeroDivisionError):
        upgrade_database(url_of_0001)
    assert dump(url_of_0001) == before


def test_a_table_that_is_made_anew_keeps_the_rows_that_refer_to_it(
    url_of_0001: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    change = """
    with op.batch_alter_table("plantnas_networks", recreate="always") as table:
        table.add_column(sa.Column("colour", sa.Integer))
    """
    add_revision(tmp_path, monkeypatch, change)
    assert upgrade_database(url_of_0001).new == "9999"
    with closing(sqlite3.connect(file_of(url_of_0001))) as connection:
        found = connection.execute("SELECT group_name, width FROM plantnas_widths").fetchall()
    assert found == [("stem", 8)]


def test_a_process_that_has_the_database_open_works_on_after_an_upgrade(url_of_0001: str) -> None:
    script = f"""
import sqlite3
connection = sqlite3.connect({str(file_of(url_of_0001))!r})
print(connection.execute("SELECT group_name FROM plantnas_widths").fetchall(), flush=True)
input()
connection.execute("INSERT INTO plantnas_widths VALUES (1, 'head', 1, 16, 0)")
connection.commit()
"""
    reader, pipe = [sys.executable, "-c", script], subprocess.PIPE
    with subprocess.Popen(reader, text=True, stdin=pipe, stdout=pipe) as process:
        assert process.stdout.readline() == "[('stem',)]\n"
        upgrade_database(url_of_0001)
        process.communicate("go on\n", timeout=60)
    assert process.returncode == 0
    assert StudyRecords(Database(url_of_0001), "old").network(1).widths == {"stem": 8, "head": 16}


@pytest.mark.slow
def test_upgrades_at_once_all_succeed_and_one_migrates(url_of_0001: str) -> None:
    context = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(3, context, initializer=context.Barrier(3).wait) as pool:
        upgrades = [pool.submit(upgrade_database, url_of_0001) for _ in range(3)]
        found = [upgrade.result(timeout=60).old for upgrade in upgrades]
    assert sorted(found) == ["0001", NEEDED, NEEDED]


def test_an_upgrade_does_not_make_a_database(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"missing.db: no such file"):
        upgrade_database(f"sqlite:///{tmp_path}/missing.db")
    assert list(tmp_path.iterdir()) == []


def test_a_database_without_our_tables_is_not_upgraded(url: str) -> None:
    optuna.storages.RDBStorage(url)
    before = dump(url)
    with pytest.raises(StorageError, match=r"study.db: has no tables of plantnas"):
        upgrade_database(url)
    assert dump(url) == before


def test_a_database_of_a_newer_plantnas_is_not_upgraded(database: Database) -> None:
    set_revision(database, "9999")
    with pytest.raises(StorageError, match=r"written by a newer plantnas.*9999"):
        upgrade_database(database.url)


# Beside Optuna


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
