"""Waits for a database that is away for a while, such as while its server restarts.

What waits are whole transactions: each is rolled back by the loss of its connection, or has been
committed without the answer having come, so only what may be done twice is to be waited for here.
"""

import functools
import logging
import random
import threading
import time
from collections.abc import Callable
from inspect import isfunction
from typing import Any, Protocol, TypeVar

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from plantnas.errors import causes_of
from plantnas.records.engine import Overtaken, reason, shown_url

LIMIT_SECONDS = 600.0
"""A database that does not answer for so long is given up."""

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 10.0
"""Each pause is twice the last one, up to this; half of it is random, for workers are many."""

# Lost connections, a server that stops or starts, too many connections, deadlocks.
_PASSING_STATES = ("08", "57P01", "57P02", "57P03", "53300", "40001", "40P01")
_log = logging.getLogger("plantnas")
_of_thread = threading.local()
_Result = TypeVar("_Result")
_Class = TypeVar("_Class", bound=type)


def is_away(error: BaseException) -> bool:
    """Whether an error, or one that it came from, says that the database cannot be reached now.

    Databases that are files are never away.
    """
    return any(_is_passing(each) for each in causes_of(error))


class Patience:
    """How one process waits for one database.

    Attributes:
        since: The moment (`time.monotonic`) since which the database has answered.
    """

    def __init__(self, url: str, seconds: float = LIMIT_SECONDS) -> None:
        """Wait for the database of this URL, for so many seconds at most."""
        self.since = time.monotonic()
        self._url = url
        self._seconds = seconds

    def wait_for(self, operation: Callable[[], _Result]) -> _Result:
        """The result of a transaction, which is tried until the database answers.

        Raises:
            Exception: What it raises for another reason, or still raises at the limit.
        """
        if getattr(_of_thread, "waits", False):  # a part of an operation that is tried as a whole
            return operation()
        _of_thread.waits = True
        try:
            return self._result_of(operation)
        finally:
            _of_thread.waits = False

    def note_absence(self) -> None:
        """The database does not answer now: someone else has found out."""
        self.since = time.monotonic()

    def _result_of(self, operation: Callable[[], _Result]) -> _Result:
        start, pause = time.monotonic(), FIRST_PAUSE_SECONDS
        while True:
            try:
                result = operation()
            except Exception as error:
                if any(isinstance(each, Overtaken) for each in causes_of(error)):
                    continue  # whoever writes to the file has it open now, which readers see
                waited = time.monotonic() - start
                if not is_away(error) or waited + pause > self._seconds:
                    raise
                if pause == FIRST_PAUSE_SECONDS:
                    passing = next(each for each in causes_of(error) if _is_passing(each))
                    self._say(f"does not answer ({reason(passing, self._url)}): trying again")
                self.note_absence()
                time.sleep(pause * random.uniform(0.5, 1.0))
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
                continue
            if pause > FIRST_PAUSE_SECONDS:
                self._say(f"answers again, after {time.monotonic() - start:.0f} seconds.")
            return result

    def _say(self, what: str) -> None:
        limit = f" for up to {self._seconds:.0f} seconds." if what.endswith("again") else ""
        _log.warning("%s: %s%s", shown_url(self._url), what, limit)


class HasPatience(Protocol):
    """An object with a patience of its own, whose methods `patient` can wrap."""

    patience: Patience


def patient(*names: str) -> Callable[[_Class], _Class]:
    """A class decorator: these methods, inherited ones too, wait for a database that is away.

    Args:
        names: The methods; none: all public ones that the class itself defines.
    """

    def decorate(decorated: _Class) -> _Class:
        own = (name for name, each in vars(decorated).items() if isfunction(each))
        for name in names or [name for name in own if not name.startswith("_")]:
            setattr(decorated, name, _patient(getattr(decorated, name)))
        return decorated

    return decorate


def _patient(method: Callable[..., _Result]) -> Callable[..., _Result]:
    @functools.wraps(method)
    def waiting(self: HasPatience, *arguments: Any, **keywords: Any) -> _Result:
        return self.patience.wait_for(lambda: method(self, *arguments, **keywords))

    return waiting


def _is_passing(error: BaseException) -> bool:
    if not isinstance(error, DBAPIError) or error.orig is None:
        return False
    state = getattr(error.orig, "sqlstate", None) or getattr(error.orig, "pgcode", None)
    if state is not None:
        return str(state).startswith(_PASSING_STATES)
    # A server that cannot be reached gives no state: nor does SQLite, which is a file.
    lost = isinstance(error, OperationalError | InterfaceError) or error.connection_invalidated
    return lost and not type(error.orig).__module__.startswith("sqlite3")
