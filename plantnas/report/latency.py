"""How long networks of a study take for an image on this machine, now. Nothing is recorded.

How it is measured is in timing.py.
"""

from collections.abc import Sequence

from plantnas.channels.wiring import wired
from plantnas.config import Latency
from plantnas.records.building import example_images, network_of, structure_at_own_widths
from plantnas.records.record import NetworkRecord
from plantnas.report.backends import run_of
from plantnas.report.front import lineage
from plantnas.report.study_data import StudyData
from plantnas.report.timing import check_timed_on, timings

AS_BY_DEFAULT = Latency()
"""One image, by torch, on a thread of the CPU."""


def latencies(
    recorded: StudyData,
    networks: Sequence[NetworkRecord],
    seconds: float = 0.2,
    measuring: Latency = AS_BY_DEFAULT,
) -> dict[int, float]:
    """Median milliseconds for a batch, by network id.

    Weights do not matter: each network is built at its widths with fresh ones, in eval mode.

    Args:
        recorded: The study, which knows the architecture and the images' shape.
        networks: To be measured.
        seconds: For how long each is run.
        measuring: Where, of how many images, and what runs them.

    Raises:
        ConfigurationError: The device is not there, or the backend is not, or not for it.
        UnsupportedArchitecture: The backend cannot run a network.
    """
    check_timed_on(measuring.device)
    space, images = recorded.study.search_space, recorded.study.images
    image, runs, ids = example_images(images)[:1], [], list[int]()
    for record in networks:
        assert record.id is not None
        network = network_of(record, space, images)
        if ancestors := recorded.study.ancestors(lineage(recorded.networks, record)):
            structure = structure_at_own_widths(space, images).with_widths(record.widths)
            network = wired(network, image, ancestors, structure=structure)
        how = measuring.batch_size, measuring.backend, measuring.device
        runs.append(run_of(network, image, *how))
        ids.append(record.id)
    found = timings(runs, measuring.device, seconds)
    return {key: timing.milliseconds for key, timing in zip(ids, found, strict=True)}
