"""What alembic runs on an upgrade: our tables only, on the connection of ``upgrade.py``.

Optuna keeps its own ``alembic_version`` in the same database; ours is ``VERSION_TABLE``.
"""

from alembic import context

from plantnas.records.migrations.revision import VERSION_TABLE
from plantnas.records.tables import Table

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Table.metadata,
    version_table=VERSION_TABLE,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
