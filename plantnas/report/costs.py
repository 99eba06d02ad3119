"""What each method of a study took in seconds: its networks, its search, and the teacher.

The seconds of single networks are in entries.py, those of trials without one in finished_trials.py.
"""

from collections.abc import Collection, Mapping, Sequence
from statistics import fmean
from typing import NamedTuple

from plantnas.grouping import grouped
from plantnas.records.record import NetworkRecord
from plantnas.report.entries import (
    rates_by_size,
    seconds_of,
    targets_of,
    teacher_seconds_of,
    weights_of,
)
from plantnas.report.front import FINISH, PLANTING, lineage


class SearchCost(NamedTuple):
    """The seconds that a method took for one network of each size.

    A size that was made in several repetitions counts with their mean, as a user makes it once.

    Attributes:
        study: Where.
        method: Whose.
        sizes: Number of planted networks that it was compared to.
        networks: Training the networks; shared ancestors of planted ones count once.
        search: All that was trained besides: other learning rates, screens, trials that failed.
        teacher: Training the teacher, 0 if the method does not need it.
    """

    study: str
    method: str
    sizes: int
    networks: float
    search: float
    teacher: float

    @property
    def alone(self) -> float:
        """Seconds without what was searched or tuned."""
        return self.networks + self.teacher

    @property
    def total(self) -> float:
        """Seconds with everything."""
        return self.networks + self.search + self.teacher


def method_costs(
    name: str, networks: Sequence[NetworkRecord], wasted_seconds: float
) -> list[SearchCost]:
    """The cost of planting, and of each method that has baselines in a study.

    Args:
        name: What to call the study.
        networks: All of it.
        wasted_seconds: Seconds of the study's trials that left no network.
    """
    targets, teacher_seconds = targets_of(networks), teacher_seconds_of(networks)
    family = {each.id for target in targets for each in lineage(networks, target)}
    besides = [each for each in networks if each.method == PLANTING and each.id not in family]
    planting = SearchCost(
        study=name,
        method=PLANTING,
        sizes=len(targets),
        networks=seconds_of([record for record in networks if record.id in family]),
        search=seconds_of(besides) + wasted_seconds,
        teacher=teacher_seconds,
    )
    costs, sizes = [planting], {target.id for target in targets}
    rates = rates_by_size(networks)
    for method in dict.fromkeys(method for method, _ in rates):
        theirs = [record for record in networks if record.method == method]
        costs.append(_baseline_cost(name, theirs, rates, sizes, teacher_seconds))
    return costs


def _baseline_cost(
    name: str,
    networks: Sequence[NetworkRecord],
    rates: Mapping[tuple[str, int], float],
    sizes: Collection[int | None],
    teacher_seconds: float,
) -> SearchCost:
    """The cost of a method, of its networks and trials.

    What it made of sizes that are not compared is search, as what it made at other rates. Where a
    search's trial was taken for several sizes, the first of them takes its seconds.
    """
    runs = [(record, run) for record in networks if (run := record.baseline) is not None]
    first = {weights_of(record): record for record, _ in reversed(runs)}
    seconds = grouped(
        (
            (run.target_id, run.learning_rate),
            seconds_of([record]) if record is first[weights_of(record)] else 0.0,
        )
        for record, run in runs
    )
    means = {size_and_rate: fmean(repetitions) for size_and_rate, repetitions in seconds.items()}
    chosen = [
        mean
        for (target_id, tried), mean in means.items()
        if tried == rates[networks[0].method, target_id] and target_id in sizes
    ]
    others = [each for each in networks if each.baseline is None and each.kind != FINISH]
    trials = [each for each in others if weights_of(each) not in first]
    return SearchCost(
        study=name,
        method=networks[0].method,
        sizes=len(chosen),
        networks=sum(chosen),
        search=sum(means.values()) - sum(chosen) + seconds_of(trials),
        teacher=teacher_seconds if any(run.uses_teacher for _, run in runs) else 0.0,
    )
