"""Which studies Optuna has in a database, asked without Optuna, which takes long to import."""

from sqlalchemy import Connection, inspect, select
from sqlalchemy.exc import SQLAlchemyError

from plantnas.errors import StorageError, StudyError, did_you_mean
from plantnas.records.engine import open_engine, reason, shown_url, sqlite_file
from plantnas.records.optuna_tables import STUDIES


def study_names(connection: Connection) -> list[str]:
    """The studies that Optuna knows in a database, oldest first."""
    if not inspect(connection).has_table(STUDIES.name):
        return []
    return list(connection.scalars(select(STUDIES.c.study_name).order_by(STUDIES.c.study_id)))


def check_study(name: str, url: str) -> None:
    """Refuses a study that does not exist, by a query: Optuna's storage takes long to open.

    Raises:
        StudyError: There is no study of that name.
        StorageError: The database cannot be opened.
    """
    file = sqlite_file(url) if "://" in url else None
    if file is not None and not file.exists():
        raise StudyError(f"study {name!r}: there is no database {file}; run the study first.")
    engine = open_engine(url)
    try:
        with engine.begin() as connection:
            names = study_names(connection)
    except SQLAlchemyError as error:
        raise StorageError(f"{shown_url(url)}: cannot be opened: {reason(error, url)}") from error
    finally:
        engine.dispose()
    if name not in names:
        raise StudyError(f"study {name!r}: is not in {shown_url(url)}. {did_you_mean(name, names)}")
