"""How long networks take for a batch, so that two measurements of one agree.

On a CPU one thread runs, and the time that it works is counted, not the time that passes: who else
is on the machine, as the other workers of a study, only slows it down by what both share, caches
and the units of a core. That and the processor's frequency are taken out by a reference, a small
network that runs in turn with what is measured: what counts is how much longer it takes, times
what the reference takes when nothing disturbs it. First calls, in which libraries choose their ways
and take memory, do not count. What runs networks is in backends.py.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from math import ceil
from statistics import median, quantiles
from typing import NamedTuple

import torch
from torch import nn

from plantnas.errors import ConfigurationError
from plantnas.report.backends import Run, run_of

ROUNDS = 15
WARM_UP_SECONDS, WARM_UP_CALLS = 0.05, 5
REFERENCE_SECONDS = 0.005
"""For so long the reference runs in a round."""


class Timing(NamedTuple):
    """How long a network takes for a batch.

    Attributes:
        milliseconds: The median of the rounds.
        spread: The distance of their quartiles, relative to it.
    """

    milliseconds: float
    spread: float


def timings(
    runs: Sequence[Run],
    device: str = "cpu",
    seconds: float = 0.2,
    reference_milliseconds: float | None = None,
) -> list[Timing]:
    """How long each of some runs takes; they are measured in turn.

    Args:
        runs: Each is a network with its batch, on the device.
        device: The name of torch's device on which they run.
        seconds: For how long each is run, at least.
        reference_milliseconds: What the reference takes where nothing disturbs it; None: as it was
            measured by this process.
    """
    usual, clock = reference_milliseconds or undisturbed(device), _clock(device)
    found = list[Timing]()
    with _alone():
        calls = [_calls(run, clock, seconds / ROUNDS) for run in runs]
        reference = _reference(device)
        beside = _calls(reference, clock, REFERENCE_SECONDS)
        ratios: list[list[float]] = [[] for _ in runs]
        for _ in range(ROUNDS):
            for run, count, mine in zip(runs, calls, ratios, strict=True):
                now = _lap(reference, clock, beside)
                mine.append(_lap(run, clock, count) / now)
    for mine in ratios:
        low, middle, high = quantiles(mine, n=4)
        found.append(Timing(usual * median(mine), (high - low) / middle))
    return found


def check_timed_on(device: str) -> None:
    """Refuses a device that networks cannot be timed on, as this machine does not have it.

    Raises:
        ConfigurationError: That is so.
    """
    try:
        torch.zeros(1, device=device).cpu()
    except (RuntimeError, AssertionError) as error:
        raise ConfigurationError(
            f"search.latency.device: {device!r}: this machine does not have it."
        ) from error


@cache
def undisturbed(device: str) -> float:
    """Milliseconds of the reference on a device, the least of many: measured once a process."""
    reference, clock = _reference(device), _clock(device)
    with _alone():
        count = _calls(reference, clock, REFERENCE_SECONDS)
        return 1000 * min(_lap(reference, clock, count) for _ in range(3 * ROUNDS))


@cache
def _reference(device: str) -> Run:
    channels = 32
    layers = [nn.Conv2d(channels, channels, 3, padding=1) for _ in range(2)]
    network = nn.Sequential(layers[0], nn.ReLU(), layers[1])
    return run_of(network, torch.zeros(1, channels, 14, 14), device=device)


def _clock(device: str) -> Callable[[], float]:
    return time.thread_time if torch.device(device).type == "cpu" else _when_done


def _when_done() -> float:
    torch.accelerator.synchronize()
    return time.perf_counter()


def _calls(run: Run, clock: Callable[[], float], seconds: float) -> int:
    """After a warm-up, how many calls take so long."""
    start, count = clock(), 0
    while count < WARM_UP_CALLS or clock() - start < WARM_UP_SECONDS:
        run()
        count += 1
    return max(1, ceil(seconds / max(_lap(run, clock, WARM_UP_CALLS), 1e-9)))


def _lap(run: Run, clock: Callable[[], float], count: int) -> float:
    """Seconds of one of so many calls."""
    start = clock()
    for _ in range(count):
        run()
    return (clock() - start) / count


@contextmanager
def _alone() -> Iterator[None]:
    """Within, torch has one thread, and keeps nothing for gradients."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.inference_mode():
            yield
    finally:
        torch.set_num_threads(threads)
