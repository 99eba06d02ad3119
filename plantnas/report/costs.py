"""What each method of a study took in seconds: its networks, its search, and the teacher.

The seconds of single networks are in entries.py, those of trials without one in finished_trials.py.
"""

from collections import defaultdict
from collections.abc import Sequence
from statistics import fmean
from typing import NamedTuple

from plantnas.records.record import NetworkRecord
from plantnas.report.entries import (
    chosen_rates,
    seconds_of,
    targets_of,
    teacher_seconds_of,
    weights_of,
)
from plantnas.report.front import PLANTING, lineage


class SearchCost(NamedTuple):
    """The seconds that a method took for one network of each size.

    A size that was made in several repetitions counts with their mean, as a user makes it once.

    Attributes:
        study: Where.
        method: Whose.
        sizes: Number of planted networks that it was compared to.
        networks: Of training the networks; shared ancestors of planted ones count once.
        search: Of all that was trained besides: other learning rates, screens, trials that failed.
        teacher: Of the teacher, 0 if the method does not need it.
    """

    study: str
    method: str
    sizes: int
    networks: float
    search: float
    teacher: float

    @property
    def alone(self) -> float:
        """Without what was searched or tuned."""
        return self.networks + self.teacher

    @property
    def total(self) -> float:
        """With everything."""
        return self.networks + self.search + self.teacher


def method_costs(
    study: str, networks: Sequence[NetworkRecord], wasted_seconds: float
) -> list[SearchCost]:
    """The cost of planting, and of each method that has baselines in a study.

    Args:
        study: What to call it.
        networks: All of it.
        wasted_seconds: Of the study's trials that left no network.
    """
    rates, teacher = chosen_rates(networks), teacher_seconds_of(networks)
    return [
        _planting_cost(study, networks, wasted_seconds, teacher),
        *(_baseline_cost(study, method, rates[method], networks, teacher) for method in rates),
    ]


def _planting_cost(
    study: str, networks: Sequence[NetworkRecord], wasted: float, teacher: float
) -> SearchCost:
    targets = targets_of(networks)
    family = {each.id for target in targets for each in lineage(networks, target)}
    besides = [each for each in networks if each.method == PLANTING and each.id not in family]
    return SearchCost(
        study=study,
        method=PLANTING,
        sizes=len(targets),
        networks=seconds_of(network for network in networks if network.id in family),
        search=seconds_of(besides) + wasted,
        teacher=teacher,
    )


def _baseline_cost(
    study: str, method: str, rate: float, networks: Sequence[NetworkRecord], teacher: float
) -> SearchCost:
    theirs = [network for network in networks if network.method == method]
    seconds, counted = defaultdict[tuple[int, float], list[float]](list), set[str | int | None]()
    for network in theirs:
        if (run := network.baseline) is not None:
            is_new = weights_of(network) not in counted
            seconds[run.target_id, run.learning_rate].append(seconds_of([network] * is_new))
            counted.add(weights_of(network))
    trials = [each for each in theirs if each.baseline is None and weights_of(each) not in counted]
    means = {key: fmean(repetitions) for key, repetitions in seconds.items()}
    chosen = [mean for (_, tried), mean in means.items() if tried == rate]
    uses_teacher = any(each.baseline.uses_teacher for each in theirs if each.baseline)
    return SearchCost(
        study=study,
        method=method,
        sizes=len(chosen),
        networks=sum(chosen),
        search=sum(means.values()) - sum(chosen) + seconds_of(trials),
        teacher=teacher if uses_teacher else 0.0,
    )
