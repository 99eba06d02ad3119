"""Which studies Optuna has in a database, asked without Optuna, which takes long to import.

Nothing here writes: who asks may have been given somebody else's database.
"""

from collections.abc import Sequence

from sqlalchemy import Connection, inspect, select

from plantnas.errors import StorageError, StudyError, did_you_mean
from plantnas.records.engine import is_missing, read_from, shown_url, sqlite_file
from plantnas.records.migrations.revision import VERSION_TABLE
from plantnas.records.optuna_tables import DIRECTION_WORDS, DIRECTIONS, NAMES, STUDIES
from plantnas.records.tables import Table


def study_names(connection: Connection) -> list[str]:
    """The studies that Optuna knows in a database, oldest first."""
    if not _is_optunas(connection):
        return []
    names = connection.scalars(select(STUDIES.c.study_name).order_by(STUDIES.c.study_id))
    return [name for name in names if isinstance(name, str)]  # a damaged file gives anything


def check_study(name: str, url: str) -> None:
    """Refuses a study that does not exist, by a query: Optuna's storage takes long to open.

    Raises:
        StudyError: There is no study of that name, or its objectives are not those of planting.
        StorageError: The database cannot be opened.
    """
    if is_missing(url):
        where = sqlite_file(url)
        raise StudyError(f"study {name!r}: there is no database {where}; run the study first.")
    names, directions = _look(name, url)
    if name not in names:
        hint = did_you_mean(name, names) if names else "It has none yet."
        raise StudyError(f"study {name!r}: is not in {shown_url(url)}. {hint}")
    _check_directions(name, url, directions)


def check_new_study(name: str, url: str) -> None:
    """Refuses to make a study, or to go on with it, where it would be among strange things.

    Raises:
        StudyError: Optuna has a study of that name whose objectives are not those of planting.
        StorageError: The database is another application's, or cannot be opened.
    """
    if not is_missing(url):
        names, directions = _look(name, url)
        if name in names:
            _check_directions(name, url, directions)


def check_owner(url: str) -> None:
    """Refuses a database that another application has its tables in, without Optuna's.

    Raises:
        StorageError: It is refused, or cannot be opened.
    """
    if not is_missing(url):
        read_from(url, lambda connection: _check_owner(connection, url))


def _check_owner(connection: Connection, url: str) -> None:
    others = set(inspect(connection).get_table_names()) - _OURS
    # Optuna's may be being made now: then those that are there have its names.
    if _is_optunas(connection) or (others <= NAMES and STUDIES.name not in others):
        return
    shown = ", ".join(sorted(others)[:3]) + (", ..." if len(others) > 3 else "")
    raise StorageError(
        f"{shown_url(url)}: is the database of another application, with the tables {shown}: a "
        "study needs one of its own, or one that Optuna has."
    )


_OURS = {*Table.metadata.tables, VERSION_TABLE}


def _is_optunas(connection: Connection) -> bool:
    """Whether Optuna has its tables there: others may have tables of the same names."""
    inspector = inspect(connection)
    if not inspector.has_table(STUDIES.name):
        return False
    return STUDIES.c.study_name.name in {it["name"] for it in inspector.get_columns(STUDIES.name)}


def _look(name: str, url: str) -> tuple[list[str], Sequence[str]]:
    """The names of Optuna's studies, and the directions of the one of that name."""
    of_study = select(DIRECTIONS.c.direction).join(
        STUDIES, STUDIES.c.study_id == DIRECTIONS.c.study_id
    )
    in_order = of_study.where(STUDIES.c.study_name == name).order_by(DIRECTIONS.c.objective)

    def look(connection: Connection) -> tuple[list[str], Sequence[str]]:
        _check_owner(connection, url)
        names = study_names(connection)
        return names, connection.scalars(in_order).all() if name in names else ()

    return read_from(url, look)


def _check_directions(name: str, url: str, directions: Sequence[str]) -> None:
    found = [direction.lower() for direction in directions]
    if found != DIRECTION_WORDS:
        raise StudyError(
            f"study {name!r}: is in {shown_url(url)} with the objectives {found}, which are not "
            f"those of a study of plantnas, {DIRECTION_WORDS}: use another name or --storage."
        )
