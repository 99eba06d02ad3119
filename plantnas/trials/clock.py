"""What time it is for all who look at a study: by its database's clock, of which there is one.

The clocks of machines differ, and jump: when a trial began, by its worker's, tells others little.
"""

from datetime import UTC, datetime

import optuna
from optuna.storages import RDBStorage
from sqlalchemy import func, select

from plantnas.records.optuna_private import backend_of, storage_of


def is_of_many(study: optuna.Study) -> bool:
    """Whether workers with other clocks may run the study's trials: it is in a database."""
    return isinstance(backend_of(storage_of(study)), RDBStorage)


def now(study: optuna.Study) -> datetime:
    """The moment, with its time zone.

    A storage that is no database is of one process, whose own clock it has.
    """
    backend = backend_of(storage_of(study))
    if not isinstance(backend, RDBStorage):
        return datetime.now(UTC)
    with backend.engine.begin() as connection:
        moment: datetime | None = connection.scalar(select(func.now()))
    assert moment is not None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
