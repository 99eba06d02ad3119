"""How long networks of a study take for an image on this machine, now. Nothing is recorded.

How it is measured is in timing.py.
"""

from collections.abc import Sequence

from plantnas.channels.wiring import wired
from plantnas.records.building import example_images, network_at, structure_at_own_widths
from plantnas.records.record import NetworkRecord
from plantnas.report.backends import run_of
from plantnas.report.front import lineage
from plantnas.report.study_data import StudyData
from plantnas.report.timing import timings


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
    image, runs, ids = example_images(images)[:1], [], list[int]()
    for record in networks:
        assert record.id is not None
        network = network_at(space, images, record.widths)
        if ancestors := recorded.study.ancestors(lineage(recorded.networks, record)):
            structure = structure_at_own_widths(space, images).with_widths(record.widths)
            network = wired(network, image, ancestors, structure=structure)
        runs.append(run_of(network, image))
        ids.append(record.id)
    found = timings(runs, seconds=seconds)
    return {key: timing.milliseconds for key, timing in zip(ids, found, strict=True)}
