"""Latency as a cost: measured of the planned network, with random weights, and once a study.

How it is measured is in report/timing.py, what it decides in proposals.py.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from plantnas.channels.costs import LATENCY, Cost, cost_of
from plantnas.channels.structure import Structure
from plantnas.channels.wiring import wired_as
from plantnas.config import Latency, Search
from plantnas.records.building import example_images, network_at
from plantnas.records.latencies import Latencies
from plantnas.records.record import ImagesRecord
from plantnas.report.backends import run_of
from plantnas.report.timing import check_timed_on, timings, undisturbed
from plantnas.search_space import SearchSpace

REFERENCE = "reference"
"""The key of the reference's own milliseconds, by which all workers measure."""


@dataclass(frozen=True)
class MeasuredLatency:
    """A cost: milliseconds for a batch of the network with a structure at some widths.

    Attributes:
        space: The architecture.
        images: What it takes.
        settings: How it is measured.
        shared: Where all workers find what was measured; None: it is for this process alone.
    """

    space: SearchSpace
    images: ImagesRecord
    settings: Latency
    shared: Latencies | None = None
    _known: dict[str, float] = field(default_factory=dict, repr=False)

    def __call__(self, structure: Structure, widths: Mapping[str, int]) -> float:
        """The milliseconds; groups that are not named keep their widths.

        Raises:
            ConfigurationError: The backend is not installed, or does not run on the device.
            UnsupportedArchitecture: The backend cannot run the network.
        """
        whole = structure.with_widths(widths)
        ancestors = list(map(dict, whole.ancestors or ()))
        what = [self.settings.model_dump(), whole.growable_widths, ancestors]
        key = hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()
        if (known := self._find(key)) is not None:
            return known
        return self._keep(key, self._measured(whole))

    def _measured(self, structure: Structure) -> float:
        settings, device = self.settings, self.settings.device
        usual = self._find(REFERENCE)
        if usual is None:
            usual = self._keep(REFERENCE, undisturbed(device))
        network = network_at(self.space, self.images, structure.growable_widths)
        example = example_images(self.images)
        run = run_of(
            wired_as(network, structure), example, settings.batch_size, settings.backend, device
        )
        (timing,) = timings([run], device, reference_milliseconds=usual)
        return timing.milliseconds

    def _find(self, key: str) -> float | None:
        if key not in self._known and self.shared is not None:
            found = self.shared.find(key)
            if found is None:
                return None
            self._known[key] = found
        return self._known.get(key)

    def _keep(self, key: str, milliseconds: float) -> float:
        kept = self.shared.keep(key, milliseconds) if self.shared else milliseconds
        self._known[key] = kept
        return kept


@dataclass(frozen=True)
class Estimate:
    """A cost between two that are known, by MACs: it places a planting, and refuses none.

    Attributes:
        narrow: MACs and cost of one network.
        wide: Those of a wider one.
    """

    narrow: tuple[float, float]
    wide: tuple[float, float]

    def __call__(self, structure: Structure, widths: Mapping[str, int]) -> float:
        """On the line through both."""
        (few, low), (many, high) = self.narrow, self.wide
        return low + (high - low) * (structure.macs(widths) - few) / max(many - few, 1)


def estimate_of(cost_at: Cost, structure: Structure, widest: Mapping[str, int]) -> Cost:
    """What a cost may be asked for hundreds of times: the cost, or of a measured one its estimate.

    Args:
        cost_at: The study's.
        structure: The parent's.
        widest: What no child is wider than.
    """
    if not isinstance(cost_at, MeasuredLatency):
        return cost_at
    return Estimate(
        (structure.macs(), cost_at(structure, {})),
        (structure.macs(widest), cost_at(structure, widest)),
    )


def study_cost(
    search: Search, space: SearchSpace, images_record: ImagesRecord, shared: Latencies | None = None
) -> Cost:
    """What a study trades accuracy for, counted or measured.

    Raises:
        ConfigurationError: There is no cost of that name, or no device to measure it on.
    """
    if search.cost == LATENCY:
        check_timed_on(search.latency.device)
        return MeasuredLatency(space, images_record, search.latency, shared)
    return cost_of(search.cost)
