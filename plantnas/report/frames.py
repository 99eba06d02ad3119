"""A study's records as pandas frames, one query each. Nothing here draws.

A frame's columns are documented at its function; a study without rows gives an empty frame with the
same columns, and NaN (or ``<NA>`` for integers) stands for what was not recorded.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeAlias

import pandas as pd
from optuna.storages import RDBStorage
from sqlalchemy import Select, and_, func, select
from sqlalchemy.orm import aliased

from plantnas.errors import StorageError
from plantnas.records.database import Database
from plantnas.records.engine import shown_url, sqlite_file
from plantnas.records.tables import (
    BaselineRow,
    EpochRow,
    EvaluationRow,
    NetworkRow,
    OfNetwork,
    PhaseRow,
    StudyRow,
    WidthRow,
)

Storage = str | Database | RDBStorage
"""A database URL, our own database object, or Optuna's storage object for the same database."""

if TYPE_CHECKING:
    Query: TypeAlias = Select[*tuple[Any, ...]]


def networks_frame(storage: Storage, study: str) -> pd.DataFrame:
    """A row for each network of a study, oldest first.

    Args:
        storage: Where the study is.
        study: Its name.

    Returns:
        The columns id, method, kind, step, trial_number, parent_id, parameters, macs,
        validation_accuracy and test_accuracy (0 to 1), validation_loss and test_loss, seconds (all
        phases), created (UTC).

    Raises:
        StudyError: If there is no such study.
        StorageError: If the database cannot be read.
    """
    frame = _read(storage, study, _networks_query())
    integers = dict.fromkeys(("step", "trial_number", "parent_id"), "Int64")
    frame["created"] = pd.to_datetime(frame["created"], utc=True).dt.as_unit("us")
    return frame.astype(integers)


def widths_frame(storage: Storage, study: str) -> pd.DataFrame:
    """A row for each channel group of each network, in the order of the network.

    Args and Raises as ``networks_frame``.

    Returns:
        The columns network_id, group_name, position (from the network's input), width, planted
        (channels that the network's own planting added).
    """
    return _read(storage, study, _of_networks(WidthRow).order_by(WidthRow.position))


def evaluations_frame(storage: Storage, study: str) -> pd.DataFrame:
    """A row for each split that a network was evaluated on.

    Args and Raises as ``networks_frame``.

    Returns:
        The columns network_id, split, accuracy (0 to 1), loss, images.
    """
    return _read(storage, study, _of_networks(EvaluationRow).order_by(EvaluationRow.split))


def epochs_frame(storage: Storage, study: str) -> pd.DataFrame:
    """A row for each epoch of each network's own training.

    Args and Raises as ``networks_frame``.

    Returns:
        The columns network_id, epoch, learning_rate, training_loss, validation_loss,
        validation_accuracy (0 to 1), seconds.
    """
    return _read(storage, study, _of_networks(EpochRow).order_by(EpochRow.epoch))


def baselines_frame(storage: Storage, study: str) -> pd.DataFrame:
    """A row for each baseline: how it was made, and what it is compared to.

    Args and Raises as ``networks_frame``.

    Returns:
        The columns network_id, target_id (the planted network of its size), repetition,
        learning_rate, budget_epochs, uses_teacher.
    """
    return _read(storage, study, _of_networks(BaselineRow))


def _networks_query() -> "Query":
    validation, test = aliased(EvaluationRow), aliased(EvaluationRow)
    phases = (
        select(PhaseRow.network_id, func.sum(PhaseRow.seconds).label("seconds"))
        .group_by(PhaseRow.network_id)
        .subquery()
    )
    return (
        select(
            NetworkRow.id,
            NetworkRow.method,
            NetworkRow.kind,
            NetworkRow.step,
            NetworkRow.trial_number,
            NetworkRow.parent_id,
            NetworkRow.parameters,
            NetworkRow.macs,
            validation.accuracy.label("validation_accuracy"),
            validation.loss.label("validation_loss"),
            test.accuracy.label("test_accuracy"),
            test.loss.label("test_loss"),
            phases.c.seconds,
            NetworkRow.created,
        )
        .outerjoin(
            validation,
            and_(validation.network_id == NetworkRow.id, validation.split == "validation"),
        )
        .outerjoin(test, and_(test.network_id == NetworkRow.id, test.split == "test"))
        .outerjoin(phases, phases.c.network_id == NetworkRow.id)
        .order_by(NetworkRow.id)
    )


def _of_networks(table: type[OfNetwork]) -> "Query":
    """All columns of a table, by network."""
    joined = select(table).join(NetworkRow, NetworkRow.id == table.network_id)
    return joined.order_by(table.network_id)


def _read(storage: Storage, study: str, query: "Query") -> pd.DataFrame:
    of_study = query.join(StudyRow, StudyRow.id == NetworkRow.study_id).where(
        StudyRow.name == study
    )
    with _opened(storage) as database:
        frame = pd.read_sql_query(of_study, database.engine)
        if frame.empty:
            database.study(study)  # tells an unknown study from one without rows
    return frame


@contextmanager
def _opened(storage: Storage) -> Iterator[Database]:
    """The database; one that is opened here is closed again, and none is created."""
    if isinstance(storage, Database):
        yield storage
        return
    url = storage if isinstance(storage, str) else storage.url
    if (file := sqlite_file(url)) and not file.exists():
        raise StorageError(f"{shown_url(url)}: no such file.")
    database = Database(url)
    try:
        yield database
    finally:
        database.close()
