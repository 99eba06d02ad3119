"""Statements, commits and their seconds, by the method of the storage that asked for them."""

import sys
import time
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import Engine, event

Counts = dict[str, list[float]]
"""Statements, commits and seconds by method and caller."""


def count_statements(engine: Engine, counts: Counts) -> None:
    """Count statements, commits and their seconds by the storage's method and its caller."""
    started: list[float] = []

    @event.listens_for(engine, "before_cursor_execute")
    def before(*_: object) -> None:
        started.append(time.perf_counter())

    @event.listens_for(engine, "after_cursor_execute")
    def after(*_: object) -> None:
        count = counts.setdefault(_caller(), [0, 0, 0.0])
        count[0] += 1
        count[2] += time.perf_counter() - started.pop()

    @event.listens_for(engine, "commit")
    def commit(_: object) -> None:
        counts.setdefault(_caller(), [0, 0, 0.0])[1] += 1


def _caller() -> str:
    """The outermost method of a storage or database on the stack, and who called it."""
    frame, inside, outside = sys._getframe(2), "", ""
    while frame is not None:
        path, name = frame.f_code.co_filename, frame.f_code.co_name
        if "storages/" in path or path.endswith(("records/database.py", "records/study.py")):
            inside, outside = name, ""
        elif inside and not outside and "scope.py" not in path and "/study/study.py" not in path:
            outside = f"{Path(path).stem}.{name}"
        frame = frame.f_back
    return f"{inside} < {outside}"


def profile_of(counted: Sequence[Counts], trials: int) -> str:
    """Statements, commits and milliseconds a trial of all workers together, a line a caller."""
    total: Counts = {}
    for counts in counted:
        for caller, more in counts.items():
            before = total.get(caller, [0, 0, 0.0])
            total[caller] = [sum(pair) for pair in zip(before, more, strict=True)]
    lines = [f"{'statements':>10} {'commits':>7} {'ms':>6}  a trial, by method < caller"]
    total["all"] = [sum(column) for column in zip(*total.values(), strict=True)]
    for caller, (statements, commits, seconds) in sorted(total.items(), key=lambda one: -one[1][2]):
        figures = f"{statements / trials:10.1f} {commits / trials:7.1f}"
        lines.append(f"{figures} {1000 * seconds / trials:6.1f}  {caller}")
    return "\n".join(lines)
