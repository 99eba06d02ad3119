"""SIGTERM is noted where a trial runs, and ends the process where none does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

import pytest

from plantnas.search.interruption import (
    Interrupted,
    end_if_asked,
    ends_politely,
    give_up_if_asked,
    wait,
)


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
from plantnas.search.interruption import ends_politely
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
