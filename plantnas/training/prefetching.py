"""Makes things in a thread before they are asked for, such as batches that are read from a disk."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Made = TypeVar("Made")

AHEAD = 3
"""Things that are made before they are asked for."""


def prefetched(function: Callable[[Item], Made], things: Iterable[Item]) -> Iterator[Made]:
    """What a function makes of each thing, in order; the next ones are made meanwhile.

    What it raises is raised in its turn. It must draw no random number of a global generator.
    """
    waiting = deque[Future[Made]]()
    with ThreadPoolExecutor(1, "plantnas-prefetching") as thread:
        try:
            for item in things:
                waiting.append(thread.submit(function, item))
                if len(waiting) > AHEAD:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for each in waiting:
                each.cancel()
