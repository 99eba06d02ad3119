"""What time it is for all who look at a study: by the clock of its database, of which there is one.

The clocks of the machines differ, and jump.
"""

from datetime import UTC, datetime

import optuna
from optuna.storages import RDBStorage
from sqlalchemy import func, select

from plantnas.records.optuna_private import backend_of, storage_of


def now(study: optuna.Study) -> datetime:
    """The moment, as Optuna gives those of trials: local, without saying so.

    A storage that is no database is of one process, whose own clock it has.
    """
    backend = backend_of(storage_of(study))
    if not isinstance(backend, RDBStorage):
        return datetime.now()
    with backend.engine.begin() as connection:
        moment: datetime | None = connection.scalar(select(func.now()))
    assert moment is not None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return aware.astimezone().replace(tzinfo=None)
