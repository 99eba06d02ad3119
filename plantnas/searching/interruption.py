"""Ends a worker that is asked to end (SIGTERM), as when its machine is taken away, without haste.

Its trial ends with the epoch that it is in. What becomes of the trial is in workers/worker.py. And
remembers Ctrl-C, whose exception is lost where Python calls a finalizer at that moment.
"""

import _thread
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from plantnas.errors import PlantnasError

EXIT_CODE = 128 + signal.SIGTERM
"""What shells say of a process that SIGTERM ended."""

_SLICE_SECONDS = 0.1


class _Asked:
    """Whether this process was asked to end: a signal comes to a process, not to an object."""

    # Not a threading.Event, whose lock a signal handler may find held by its own thread.
    now = False
    interrupted = False


class Interrupted(PlantnasError):
    """A trial was given up between two epochs, because its process was asked to end."""


@contextmanager
def ends_politely() -> Iterator[None]:
    """Within, SIGTERM is noted; a second one ends the process at once.

    Signals are a process's and go to its main thread: in another thread this does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _note)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
        _Asked.now = False  # it was noted for what ran within


@contextmanager
def remembers_interrupts() -> Iterator[None]:
    """Within, Ctrl-C is noted too, and heard where one asks whether to give up, or at the end.

    It comes again a moment after a finalizer has swallowed it. In another thread than the main one,
    or where Ctrl-C does something else, as within itself, this does nothing.
    """
    in_main_thread = threading.current_thread() is threading.main_thread()
    if not in_main_thread or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    before = sys.unraisablehook

    def told_of_lost(lost: "sys.UnraisableHookArgs") -> None:
        if _Asked.interrupted and lost.exc_type is KeyboardInterrupt:
            # Not by a Timer: its thread asks for locks that a finalizer's own may hold.
            _thread.start_new_thread(_press_again, ())
        else:
            before(lost)

    signal.signal(signal.SIGINT, _remember)
    sys.unraisablehook = told_of_lost
    try:
        yield
        _hear()
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        sys.unraisablehook = before
        _Asked.interrupted = False


def forget_interrupt() -> None:
    """Takes Ctrl-C for heard: what it was to end has ended by it, and did what was wanted."""
    _Asked.interrupted = False


def give_up_if_asked() -> None:
    """Gives the trial up where it can be, between two epochs, if the process was asked to end.

    Raises:
        Interrupted: If the process was asked to end.
        KeyboardInterrupt: If Ctrl-C was pressed and not heard.
    """
    _hear()
    if _Asked.now:
        raise Interrupted("interrupted")


def end_if_asked() -> None:
    """Ends the process between two trials, if it was asked to end.

    Raises:
        SystemExit: If the process was asked to end.
        KeyboardInterrupt: If Ctrl-C was pressed and not heard.
    """
    _hear()
    if _Asked.now:
        raise SystemExit(EXIT_CODE)


def wait(seconds: float) -> None:
    """Wait for so long, or until the process is asked to end.

    Raises:
        SystemExit: If it was.
    """
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        end_if_asked()
        time.sleep(min(left, _SLICE_SECONDS))
    end_if_asked()


def _note(number: int, interrupted: FrameType | None) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _Asked.now = True


def _remember(number: int, interrupted: FrameType | None) -> None:
    _Asked.interrupted = True
    signal.default_int_handler(number, interrupted)


def _press_again() -> None:
    time.sleep(_SLICE_SECONDS)
    if _Asked.interrupted:
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)


def _hear() -> None:
    if _Asked.interrupted:
        raise KeyboardInterrupt("it was lost in a finalizer")
