"""Latency as a cost is measured once for a network, and shared by all workers of a study."""

import pytest

from plantnas.config import Latency, Search
from plantnas.errors import ConfigurationError
from plantnas.records.building import structure_at_own_widths
from plantnas.records.latencies import Latencies
from plantnas.records.record import ImagesRecord
from plantnas.search_space import SearchSpace
from plantnas.searching.measuring import (
    REFERENCE,
    Estimate,
    MeasuredLatency,
    estimate_of,
    study_cost,
)
from tests.conftest import StudyFolder

SPACE = SearchSpace(architecture="plain-small")
IMAGES = ImagesRecord(10, 1, 8, 8, mean=[0.0], std=[1.0], fingerprint="")


def test_a_network_is_measured_once_a_study(finished: StudyFolder) -> None:
    structure, recorded = structure_at_own_widths(SPACE, IMAGES), Latencies(finished.records)
    ours, theirs = (MeasuredLatency(SPACE, IMAGES, Latency(), recorded) for _ in range(2))
    milliseconds = ours(structure, {"features.0": 3})
    assert milliseconds > 0
    assert theirs(structure, {"features.0": 3}) == milliseconds
    assert theirs(structure.with_widths({"features.0": 3}), {}) == milliseconds
    assert theirs(structure, {"features.0": 4}) != milliseconds
    assert (recorded.find(REFERENCE) or 0) > 0


def test_a_window_of_latency_is_placed_by_an_estimate() -> None:
    structure = structure_at_own_widths(SPACE, IMAGES).with_widths({"features.0": 2})
    wider = {"features.0": 6}
    line = Estimate((structure.macs(), 1.0), (structure.macs(wider), 3.0))
    assert [line(structure, {"features.0": width}) for width in (2, 4, 6)] == [1.0, 2.0, 3.0]


def test_a_cost_that_is_counted_is_its_own_estimate() -> None:
    structure = structure_at_own_widths(SPACE, IMAGES)
    cost = study_cost(Search(cost="macs"), SPACE, IMAGES)
    assert estimate_of(cost, structure, {}) is cost


def test_a_device_that_there_is_not_is_refused() -> None:
    search = Search(cost="latency", latency=Latency(device="nowhere"))
    with pytest.raises(
        ConfigurationError, match=r"search\.latency\.device: 'nowhere': this machine"
    ):
        study_cost(search, SPACE, IMAGES)
