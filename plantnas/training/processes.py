"""Makes many things by all processors of this machine, and shows how far that has come."""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any, TypeVar

import torch
from rich import get_console
from rich.errors import LiveError
from rich.progress import Progress
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset

Item = TypeVar("Item")
Made = TypeVar("Made")

BATCH = 16
"""Things that a process makes before it hands them over."""
FEW = 500
"""For fewer things no processes are started."""


def made_by_processes(
    function: Callable[[Item], Made], things: Sequence[Item], may_start: bool = True
) -> Iterator[Made]:
    """What a function makes of each thing, in order; of many by processes, copies of this one.

    What it raises there is raised in its turn, by making that thing here.

    Args:
        function: What it makes can be sent to another process.
        things: Of which there may be many.
        may_start: Whether processes may be started.
    """
    if not may_start or len(things) < FEW or sys.platform != "linux":
        yield from map(function, things)  # elsewhere processes do not begin as copies
        return
    batches = DataLoader(
        _Making(function, things),
        batch_size=BATCH,
        num_workers=len(os.sched_getaffinity(0)),
        collate_fn=list,
        multiprocessing_context="fork",
        generator=torch.Generator(),  # or else it would draw from the global one
    )
    made = (each for batch in batches for each in batch)
    for each, thing in zip(made, things, strict=True):
        yield function(thing) if isinstance(each, _Failed) else each


class _Failed:
    """What could not be made in a process of its own."""


class _Making(TorchDataset[Any]):
    """What a function makes of things."""

    def __init__(self, function: Callable[..., Any], listed: Sequence[Any]) -> None:
        self._function, self._things = function, listed

    def __len__(self) -> int:
        return len(self._things)

    def __getitem__(self, index: int) -> Any:
        try:
            return self._function(self._things[index])
        except Exception:  # whatever the user's objects raise
            return _Failed()


def tracked(results: Iterator[Made], total: int, description: str) -> Iterator[Made]:
    """The same, with a bar on a terminal if they are many."""
    is_hidden = total < FEW or not get_console().is_terminal
    bar = Progress(transient=True, disable=is_hidden)
    with suppress(LiveError):  # another bar is shown
        bar.start()
    try:
        yield from bar.track(results, total, description=description)
    finally:
        bar.stop()
