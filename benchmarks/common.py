"""What benchmarks share: their networks, processes that hold something, and a table's lines."""

import multiprocessing
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

from plantnas.search_space import SearchSpace

SPACES = {
    "plain": SearchSpace(architecture="plain"),
    "resnet20": SearchSpace(architecture="resnet20", arguments={"width": 32}),
}
"""The two networks of Fashion-MNIST whose figures are in docs/recipe.md."""

Held = TypeVar("Held")
Task = TypeVar("Task")
Result = TypeVar("Result")

Columns = Mapping[str, str]
"""A table's columns by their titles, and how a cell stands in each, such as "<36" or ">8"."""


def heading(columns: Columns) -> str:
    """The line of the titles."""
    return line(columns, columns)


def line(columns: Columns, cells: Iterable[object]) -> str:
    """A line of the table: rows are printed one by one, since each may take hours."""
    pairs = zip(cells, columns.values(), strict=True)
    return "  ".join(f"{cell!s:{place}}" for cell, place in pairs)


_held: Any
"""What this process of `in_processes` holds."""


def in_processes(
    workers: int,
    make: Callable[[], Held],
    run: Callable[[Held, Task], Result],
    tasks: Iterable[Task],
) -> Iterator[Result]:
    """The results in the order of the tasks; each process makes once what it runs them with."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(workers, _hold, (make,)) as pool:
        yield from pool.imap(_run, ((run, task) for task in tasks))


def _hold(make: Callable[[], Any]) -> None:
    global _held
    _held = make()


def _run(call: tuple[Callable[[Any, Any], Any], Any]) -> Any:
    run, task = call
    return run(_held, task)
