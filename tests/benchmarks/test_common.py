"""What benchmarks share: tables whose lines stand below each other, and a pool of processes."""

import os

from benchmarks.common import heading, in_processes, line


def test_cells_stand_below_their_titles() -> None:
    columns = {"network": "<8", "loss": ">6", "before": ""}
    assert heading(columns) == "network     loss  before"
    assert line(columns, ("plain", "0.31", "0.9 0.5")) == "plain       0.31  0.9 0.5"


def test_tasks_run_in_other_processes_with_what_these_hold() -> None:
    (process, *_), *others = in_processes(1, os.getpid, held_and_task, ["two", "one"])
    assert process != os.getpid()
    assert others == [(process, "one")]


def held_and_task(held: int, task: str) -> tuple[int, str]:
    return held, task
