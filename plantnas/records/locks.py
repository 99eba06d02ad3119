"""Locks that all workers of a database see: one of them does something, the others wait.

On PostgreSQL they are advisory locks, on SQLite locks of a file beside the database's. Both go
with the process, however it ends. What is done under a lock is elsewhere.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from hashlib import sha256

from sqlalchemy import Connection, Engine, NullPool, create_engine, func, select, text
from sqlalchemy.exc import SQLAlchemyError

from plantnas.errors import Say, StorageError
from plantnas.files import alone, is_locked
from plantnas.records.engine import reason, shown_url, sqlite_file

FIRST_WAIT_SECONDS = 0.1
LONGEST_WAIT_SECONDS = 5.0

# A machine that loses its power or its network says no goodbye: unless asked, PostgreSQL would
# keep its lock for two hours.
_ASK_WHETHER_ALIVE = (
    "SET tcp_keepalives_idle = 30",
    "SET tcp_keepalives_interval = 10",
    "SET tcp_keepalives_count = 3",
)


@contextmanager
def alone_in_database(engine: Engine, purpose: str, say: Say) -> Iterator[None]:
    """One worker of a database at a time for one purpose, on whatever machine.

    Who holds it and loses the connection holds it no more, and is not told: what is done within
    must be harmless if two do it.

    Args:
        engine: Connections to the database.
        purpose: What is done within, such as "prepares study 'digits'". Who does something else
            does not wait.
        say: Is told once if another worker holds it.

    Raises:
        StorageError: The database, or the folder of its file, cannot be used.
    """
    url = engine.url.render_as_string(hide_password=False)
    # The same number in every process, of 63 bits.
    key = int.from_bytes(sha256(purpose.encode()).digest()[:8]) >> 1
    waiting = f"waiting for another worker that {purpose}"
    file = sqlite_file(url)
    if file is None:
        with _alone_on_server(url, key, lambda: say(waiting)):
            yield
    else:
        lock = file.with_name(f"{file.name}.{key:x}.lock")
        with ExitStack() as held:
            try:
                if is_locked(lock):
                    say(waiting)
                held.enter_context(alone(lock))
            except OSError as error:
                raise StorageError(f"{lock}: cannot be locked: {error.strerror}.") from error
            yield


@contextmanager
def _alone_on_server(url: str, number: int, announce: Callable[[], None]) -> Iterator[None]:
    """A lock of the server's: closing the connection frees it, and so does losing it."""
    # Nothing is begun on it: a transaction that is open for hours keeps a database from cleaning.
    engine = create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    seconds, connection = FIRST_WAIT_SECONDS, None
    while connection is None:
        try:
            connection = _try_to_lock(engine, number)
        except SQLAlchemyError as error:
            raise StorageError(f"{shown_url(url)}: {reason(error, url)}") from error
        if connection is None:
            if seconds == FIRST_WAIT_SECONDS:
                announce()
            time.sleep(seconds)
            seconds = min(2 * seconds, LONGEST_WAIT_SECONDS)
    try:
        yield
    finally:
        with suppress(SQLAlchemyError):  # it is lost already
            connection.close()


def _try_to_lock(engine: Engine, number: int) -> Connection | None:
    """A connection that holds the lock; None, and no connection, while another one does."""
    connection = engine.connect()
    try:
        for statement in _ASK_WHETHER_ALIVE:
            connection.execute(text(statement))
        if connection.scalar(select(func.pg_try_advisory_lock(number))):
            return connection
    except SQLAlchemyError:
        connection.close()
        raise
    connection.close()
    return None
