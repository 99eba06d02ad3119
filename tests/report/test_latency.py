"""Latency is measured at a network's widths, on this machine."""

import time

import pytest

from plantnas.report.latency import latencies
from plantnas.report.study_data import StudyData, study_data
from tests.conftest import StudyFolder


@pytest.fixture
def data(finished: StudyFolder) -> StudyData:
    return study_data(finished.records)


def test_every_network_that_is_asked_for_takes_some_time(data: StudyData) -> None:
    start = time.perf_counter()
    found = latencies(data, data.networks[:3], seconds=0.01)
    all_milliseconds = 1000 * (time.perf_counter() - start)
    assert found.keys() == {network.id for network in data.networks[:3]}
    assert all(0 < milliseconds < all_milliseconds for milliseconds in found.values())


def test_a_much_wider_network_takes_longer(data: StudyData) -> None:
    seed = next(network for network in data.networks if network.method == "seed")
    # So much wider that whoever else is on the machine cannot hide it.
    widths = {group: 96 * width for group, width in seed.widths.items()}
    wide = seed.__class__(**{**vars(seed), "id": -1, "widths": widths})
    found = latencies(data, [seed, wide], seconds=0.05)
    assert found[-1] > 1.5 * found[seed.id or 0]
