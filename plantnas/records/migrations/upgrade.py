"""Brings a database's tables to the newest revision. What each changes is in ``versions/``."""

from threading import Lock

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine

VERSION_TABLE = "plantnas_alembic_version"

# Workers that start together: one migrates, the others wait and then find nothing to do. On SQLite
# this also puts the whole migration into one transaction, which its driver would not.
_EXCLUSIVE = {
    "sqlite": "BEGIN IMMEDIATE",
    "postgresql": "SELECT pg_advisory_xact_lock(20112390)",
}
_alembic_has_global_state = Lock()


def upgrade(engine: Engine) -> None:
    """Create or migrate the tables of ``plantnas.records.tables``; nothing to do is cheap.

    Raises:
        alembic.util.CommandError: If the database is of a newer plantnas.
        sqlalchemy.exc.SQLAlchemyError: If the database refuses.
    """
    config = Config()
    config.set_main_option("script_location", "plantnas.records:migrations")
    head = ScriptDirectory.from_config(config).get_current_head()
    with engine.begin() as connection:
        if _revision(connection) == head:
            return
    with _alembic_has_global_state, engine.begin() as connection:
        connection.exec_driver_sql(_EXCLUSIVE.get(engine.dialect.name, "SELECT 1"))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _revision(connection: Connection) -> str | None:
    context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
    return context.get_current_revision()
