"""How long networks take for an image on this machine, now. It is measured, never recorded."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from statistics import median
from timeit import Timer

import torch

from plantnas.records.record import NetworkRecord
from plantnas.records.study import example_images, network_at
from plantnas.report.study_data import StudyData

REPETITIONS = 5
"""Of a network's measurement, whose median is taken."""


@torch.inference_mode()
def latencies(
    data: StudyData, networks: Iterable[NetworkRecord], seconds: float = 0.2
) -> dict[int, float]:
    """Median milliseconds for one image on one thread of the CPU, by network id.

    Weights do not matter: each network is built at its widths with fresh ones, in eval mode.

    Args:
        data: The study, which knows the architecture and the images' shape.
        networks: To be measured.
        seconds: For how long each is run.
    """
    space, images = data.study.search_space, data.study.images
    image, found = example_images(images)[:1], dict[int, float]()
    with _one_thread():
        for record in networks:
            assert record.id is not None
            network = network_at(space, images, record.widths).eval()
            found[record.id] = 1000 * _seconds_of(Timer(partial(network, image)), seconds)
    return found


def _seconds_of(timer: Timer, seconds: float) -> float:
    """Of one call, after a few that are not measured."""
    once = timer.timeit(3) / 3
    calls = max(1, round(seconds / REPETITIONS / once))
    return median(timer.repeat(REPETITIONS, calls)) / calls


@contextmanager
def _one_thread() -> Iterator[None]:
    """More threads than cores that are free would measure who else is running."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
