"""The wall time of a piece of work, by its phases. What the phases are, those say who time them."""

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Phases:
    """Seconds by phase: `with phases("training"): ...` adds what its body takes to that phase.

    Attributes:
        seconds: {phase: wall time so far}, in the order in which the phases first ended.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, phase: str) -> Iterator[None]:
        """Adds the wall time of the body, however it ends."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.add({phase: time.perf_counter() - start})

    def add(self, seconds: dict[str, float]) -> None:
        """Adds seconds by phase that were measured elsewhere."""
        for phase, more in seconds.items():
            self.seconds[phase] = self.seconds.get(phase, 0.0) + more
