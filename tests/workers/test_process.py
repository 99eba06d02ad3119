"""A worker's process: what it inherits, where it writes, and that it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from plantnas.errors import StorageError
from plantnas.workers.process import cores, last_line, start_process, stop_processes
from tests.workers.conftest import is_alive, wait_until

SHOW = ("-c", "import os; print(os.environ['COLOUR'], os.environ['OMP_NUM_THREADS'], os.getsid(0))")
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up'); "


def test_a_worker_has_its_variables_threads_and_session(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS")
    process = start_process(SHOW, {"COLOUR": "red"}, 3, tmp_path / "logs" / "1.log")
    assert process.wait() == 0
    assert last_line(tmp_path / "logs" / "1.log") == f"red 3 {process.pid}"


def test_threads_that_the_user_has_set_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    start_process(SHOW, {"COLOUR": "red"}, 3, tmp_path / "1.log").wait()
    assert last_line(tmp_path / "1.log").startswith("red 5 ")


def test_a_log_is_appended_to(tmp_path: Path) -> None:
    log = tmp_path / "1.log"
    log.write_text("before\n")
    start_process(("-c", "import sys; sys.exit('after')"), {}, 1, log).wait()
    assert log.read_text() == "before\nafter\n"


def test_a_log_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "logs").touch()
    with pytest.raises(StorageError, match=r"logs/1\.log: cannot be written: File exists\.$"):
        start_process(SHOW, {}, 1, tmp_path / "logs" / "1.log")


def test_a_worker_that_does_not_end_is_killed_after_the_grace_time(tmp_path: Path) -> None:
    log = tmp_path / "1.log"
    process = start_process(("-c", STUBBORN + "time.sleep(60)"), {}, 1, log)
    wait_until(lambda: last_line(log))
    stop_processes([process], grace_seconds=0.2)
    assert process.returncode == -signal.SIGKILL


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system has no affinity")
def test_the_cores_are_those_that_this_process_may_use() -> None:
    allowed = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(allowed)})
        assert cores() == 1
    finally:
        os.sched_setaffinity(0, allowed)
    assert cores() == len(allowed)


def test_a_worker_ends_when_its_starter_is_killed(tmp_path: Path) -> None:
    log = tmp_path / "1.log"
    worker = (
        "import time; from plantnas.workers.process import end_with_starter\n"
        "end_with_starter(0); print('up'); time.sleep(60)"
    )
    starter = (
        "import sys, time; from pathlib import Path\n"
        "from plantnas.workers.process import start_process\n"
        "process = start_process(('-c', sys.argv[1]), {}, 1, Path(sys.argv[2]))\n"
        "print(process.pid, flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", starter, worker, str(log)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        number = int(process.stdout.readline())
        wait_until(lambda: last_line(log))
        assert is_alive(number)
        process.kill()
        wait_until(lambda: not is_alive(number))


@pytest.mark.parametrize(
    ("text", "expected"),
    [("", ""), ("one\ntwo\n \n", "two"), ("one\nlaunch INFO\n", "one"), ("x" * 9000 + "\ny", "y")],
)
def test_the_last_line_of_a_log_has_words_of_the_worker(
    text: str, expected: str, tmp_path: Path
) -> None:
    (tmp_path / "log").write_text(text)
    assert last_line(tmp_path / "log", skip=("launch ",)) == expected


def test_a_log_that_is_not_there_has_no_last_line(tmp_path: Path) -> None:
    assert last_line(tmp_path / "log") == ""


def test_a_process_of_a_pool_ends_when_its_starter_is_killed(tmp_path: Path) -> None:
    (tmp_path / "pool.py").write_text("""
import multiprocessing, time
from plantnas.workers.process import end_with_starter
def work():
    end_with_starter(0)
    time.sleep(60)
if __name__ == "__main__":
    worker = multiprocessing.get_context("spawn").Process(target=work)
    worker.start()
    print(worker.pid, flush=True)
    time.sleep(60)
""")
    command = [sys.executable, str(tmp_path / "pool.py")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        number = int(process.stdout.readline())
        process.kill()
        wait_until(lambda: not is_alive(number))
