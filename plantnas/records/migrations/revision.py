"""Which revision a database's tables are of, and which this plantnas needs.

Without alembic, which takes longer to import than a study to read: it is in ``upgrade.py``, for
those who find another revision than the needed one.
"""

from sqlalchemy import Connection, column, inspect, select, table

VERSION_TABLE = "plantnas_alembic_version"

NEEDED = "0006"
"""The newest of ``versions/``, as a test checks."""


def revision_of(connection: Connection) -> str | None:
    """The revision of a database's tables; None if it has none of ours."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    revision: str | None = connection.scalar(
        select(column("version_num")).select_from(table(VERSION_TABLE))
    )
    return revision
