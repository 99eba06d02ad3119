"""Rows that are not what plantnas wrote: a disk, or somebody else, has changed them.

What is read of a row is checked where it is read, so that whoever uses it may rely on it.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Row

from plantnas.errors import StorageError, first_line, shown
from plantnas.records.tables import Measurement, UtcDateTime

_DAMAGE = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError)
"""What reading raises that finds something else than was written."""


@contextmanager
def damage_told(what: str) -> Iterator[None]:
    """Within, what is wrong with rows that are read becomes one line.

    Args:
        what: Is read, such as "study 'digits': its configuration".

    Raises:
        StorageError: Instead.
    """
    try:
        yield
    except _DAMAGE as error:
        says = f"{type(error).__name__}: {first_line(error)[:200].removesuffix('.')}"
        raise StorageError(f"{what}: is damaged in the database: {says}.") from error


def check_types(table: type[Any], read: Sequence[Row[Any]]) -> None:
    """Refuses rows of a table that have other things in a column than it is for.

    SQLite takes anything for anything.

    Raises:
        TypeError: It is refused.
    """
    for position, column in enumerate(table.__table__.columns):
        kind = _KINDS.get(type(column.type)) or column.type.python_type
        allowed = {kind, type(None)} if column.nullable else {kind}
        if wrong := {type(row[position]) for row in read} - allowed:
            value = next(row[position] for row in read if type(row[position]) in wrong)
            raise TypeError(f"{table.__tablename__}.{column.name} is {shown(value)}")


_KINDS: dict[type, type] = {JSON: dict, UtcDateTime: datetime, Measurement: float}
"""What columns of these types give; others know it themselves."""
