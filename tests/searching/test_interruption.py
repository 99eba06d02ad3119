"""SIGTERM is noted where a trial runs, and ends the process where none does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
import weakref
from typing import TYPE_CHECKING

import pytest

from plantnas.searching.interruption import (
    Interrupted,
    end_if_asked,
    ends_politely,
    forget_interrupt,
    give_up_if_asked,
    remembers_interrupts,
    wait,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def test_a_process_that_is_asked_to_end_goes_on_to_where_it_can_give_up() -> None:
    with ends_politely():
        give_up_if_asked()
        os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(Interrupted):
            give_up_if_asked()
        with pytest.raises(SystemExit) as ended:
            end_if_asked()
    assert ended.value.code == 143
    give_up_if_asked()  # what runs in this process later was not asked


def test_what_was_done_on_sigterm_before_is_done_again_after() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with ends_politely():
        assert signal.getsignal(signal.SIGTERM) is not before
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_process_that_waits_for_work_ends_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 3:
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr("time.sleep", sleep)
    with ends_politely(), pytest.raises(SystemExit):
        wait(3600)
    assert len(slept) == 3
    assert max(slept) <= 0.5


def test_another_thread_has_no_signals_to_note() -> None:
    before = signal.getsignal(signal.SIGTERM)

    def use() -> None:
        with ends_politely():
            assert signal.getsignal(signal.SIGTERM) is before

    thread = threading.Thread(target=use)
    thread.start()
    thread.join()


BUSY = """
import time
from plantnas.searching.interruption import ends_politely
with ends_politely():
    print("ready", flush=True)
    time.sleep(60)
"""


def test_a_second_sigterm_ends_a_process_at_once() -> None:
    process = subprocess.Popen([sys.executable, "-c", BUSY], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.terminate()
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.5)
    process.terminate()
    assert process.wait(10) == -signal.SIGTERM
    process.stdout.close()


@pytest.fixture(autouse=True)
def _heard() -> Iterator[None]:
    """Ctrl-C is heard here, in what a shell has put behind it, too, which ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


class Swallows:
    """Something whose finalizer is called when Ctrl-C is pressed."""


def press_in_a_finalizer() -> None:
    """Python prints what a finalizer raises, and goes on."""
    thing = Swallows()
    weakref.finalize(thing, os.kill, os.getpid(), signal.SIGINT)
    del thing


def press() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def heard_after(press: Callable[[], None], *asks: Callable[[], None]) -> list[str]:
    """What was done before an interrupt was heard."""
    done = list[str]()
    try:
        with remembers_interrupts():
            press()
            done.append("pressed")
            for ask in asks:
                ask()
                done.append("asked")
    except KeyboardInterrupt:
        done.append("heard")
    return done


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("ask", [give_up_if_asked, end_if_asked, lambda: wait(60)])
def test_an_interrupt_that_a_finalizer_swallowed_is_heard(ask: Callable[[], None]) -> None:
    assert heard_after(press_in_a_finalizer, ask) == ["pressed", "heard"]
    give_up_if_asked()  # what runs in this process later was not interrupted


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_interrupt_that_nobody_heard_is_heard_at_the_end() -> None:
    assert heard_after(press_in_a_finalizer) == ["pressed", "heard"]


def test_an_interrupt_that_a_finalizer_swallowed_comes_again_where_nobody_asks() -> None:
    assert heard_after(press_in_a_finalizer, lambda: time.sleep(60)) == ["pressed", "heard"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_interrupt_that_has_ended_what_it_was_to_end_is_heard() -> None:
    assert heard_after(press_in_a_finalizer, forget_interrupt) == ["pressed", "asked"]


def test_what_else_a_finalizer_raises_is_told_as_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    told = list[object]()
    monkeypatch.setattr("sys.unraisablehook", lambda lost: told.append(lost.exc_type))
    with remembers_interrupts():
        weakref.finalize(Swallows(), divmod, 1, 0)
    assert told == [ZeroDivisionError]


def test_an_interrupt_comes_at_once_as_ever() -> None:
    assert heard_after(press, give_up_if_asked) == ["heard"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_what_else_is_done_on_ctrl_c_is_still_done() -> None:
    heard = list[int]()
    before = signal.signal(signal.SIGINT, lambda number, _: heard.append(number))
    try:
        with remembers_interrupts():
            os.kill(os.getpid(), signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)
    assert heard == [signal.SIGINT]
