"""How long networks take for an image on this machine, now. It is measured, never recorded."""

from collections.abc import Sequence
from functools import partial
from statistics import median
from timeit import Timer

import torch

from plantnas.channels.wiring import wired
from plantnas.records.building import example_images, network_at, structure_at_own_widths
from plantnas.records.record import NetworkRecord
from plantnas.report.front import lineage
from plantnas.report.study_data import StudyData

REPETITIONS = 5
"""Each network is measured so often, and the median is taken."""


@torch.inference_mode()
def latencies(
    recorded: StudyData, networks: Sequence[NetworkRecord], seconds: float = 0.2
) -> dict[int, float]:
    """Median milliseconds for one image on one thread of the CPU, by network id.

    Weights do not matter: each network is built at its widths with fresh ones, in eval mode.

    Args:
        recorded: The study, which knows the architecture and the images' shape.
        networks: To be measured.
        seconds: For how long each is run.
    """
    space, images = recorded.study.search_space, recorded.study.images
    image, found = example_images(images)[:1], dict[int, float]()
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # more than cores that are free would measure who else is running
    try:
        for record in networks:
            assert record.id is not None
            network = network_at(space, images, record.widths).eval()
            if ancestors := recorded.study.ancestors(lineage(recorded.networks, record)):
                structure = structure_at_own_widths(space, images).with_widths(record.widths)
                network = wired(network, image, ancestors, structure=structure)
            timer = Timer(partial(network, image))
            once = timer.timeit(3) / 3  # first calls, which are slower
            calls = max(1, round(seconds / REPETITIONS / once))
            found[record.id] = 1000 * median(timer.repeat(REPETITIONS, calls)) / calls
    finally:
        torch.set_num_threads(threads)
    return found
