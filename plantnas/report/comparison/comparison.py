"""Studies beside their baselines, as data: differences to planting, hypervolumes and costs.

How it is said is in verdict.py, how it is drawn in page.py, the arithmetic of intervals
in statistics.py. Nothing here trains, and nothing reads images.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import product
from math import nan
from statistics import fmean
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from plantnas.errors import StudyError
from plantnas.grouping import grouped
from plantnas.hypervolume import hypervolume, worst_corner
from plantnas.measured import ACCURACY, Metric
from plantnas.records.record import NetworkRecord
from plantnas.records.study import StudyRecords
from plantnas.report.comparison.statistics import Difference, paired_difference
from plantnas.report.costs import SearchCost, method_costs
from plantnas.report.entries import (
    Entry,
    accuracy_on,
    compared_entries,
    points_of_all_sizes,
    targets_of,
)
from plantnas.report.finished_trials import wasted_seconds
from plantnas.report.front import PLANTING, metric_of
from plantnas.report.study_data import StudyData, study_data

if TYPE_CHECKING:
    import pandas as pd

MAY_DIFFER = ("name", "random_seed")
"""Settings of studies that are compared together; the places of their data and memory may too."""


class Reference(NamedTuple):
    """A study's teacher: costs, and accuracies, 0 to 1 (None where it was not evaluated).

    Of its costs, `cost` is what the study trades accuracy for.
    """

    study: str
    parameters: int
    macs: int
    cost: float
    test_accuracy: float | None
    validation_accuracy: float | None = None
    train_accuracy: float | None = None


class Pair(NamedTuple):
    """A planted network and what a method made of its size, the mean of all repetitions.

    Attributes:
        study: Their study.
        method: The baselines'.
        step: The planted network's.
        cost: The planted network's, as the study counts.
        difference: Test accuracy of the planted network minus that of the baselines.
        planted_seconds: Of training the planted network, its ancestors and the teacher.
        seconds: The same of the baselines.
    """

    study: str
    method: str
    step: int | None
    cost: float
    difference: float
    planted_seconds: float
    seconds: float


class MethodDifference(NamedTuple):
    """How much better planting is than a method, and what it takes.

    Attributes:
        method: The baseline.
        step: At this step; None stands for all of them.
        cost: Mean of the planted networks.
        accuracy: Test accuracy of planting minus the method's, 0 to 1; a study is one pair.
        time: Seconds of training the planted network over those of the method's, or of all sizes'
            together. The teacher counts for those that need it.
        whole_time: Of all sizes together, with planting's search and what the method searched or
            tuned; NaN where the method lacks a size.
    """

    method: str
    step: int | None
    cost: float
    accuracy: Difference
    time: float
    whole_time: float


class Area(NamedTuple):
    """The hypervolume of a method's networks of all sizes, with one corner for a study's methods.

    It is the area of test accuracy (0 to 1) against the logarithm of the studies' cost.
    """

    study: str
    method: str
    hypervolume: float


class Comparison(NamedTuple):
    """Studies of one configuration, which trade accuracy for this cost, beside their baselines.

    Accuracies are of their metric.
    """

    entries: list[Entry]
    costs: list[SearchCost]
    references: list[Reference]
    differences: list[MethodDifference]
    areas: list[Area]
    cost_name: str = "parameters"
    metric: Metric = ACCURACY


def comparison(studies: Sequence[StudyRecords], rng: np.random.Generator) -> Comparison:
    """Everything that is compared in some studies.

    Args:
        studies: Their records; the studies differ in their random seeds.
        rng: Draws the resamples of the intervals.

    Raises:
        StudyError: There is no such study, it has no baselines, is given twice, or was asked
            something else than the first one.
        ConfigurationError: A study is of a plantnas whose settings this one does not know.
    """
    _check_comparable(studies)
    counts = Counter(records.name for records in studies)
    found = list[tuple[str, StudyData]]()
    for records in studies:
        data = study_data(records)
        if not targets_of(data.networks):
            raise StudyError(
                f"study {data.name!r}: has no baselines; run plantnas baselines {data.name} first."
            )
        is_alone = counts[data.name] == 1  # else its database tells it from the others
        found.append((data.name if is_alone else f"{data.name} in {records.database.url}", data))
    return compared(found, rng)


def compared(labelled: Sequence[tuple[str, StudyData]], rng: np.random.Generator) -> Comparison:
    """Everything that is compared in studies that were read already and have baselines.

    Args:
        labelled: What to call each, and what it recorded.
        rng: Draws the resamples of the intervals.

    Raises:
        StudyError: The trials of a study are not known, and so not what its search cost.
    """
    entries, costs, references = list[Entry](), list[SearchCost](), list[Reference]()
    metric = metric_of([network for _, data in labelled for network in data.networks])
    for label, data in labelled:
        entries += compared_entries(label, data.networks)
        costs += method_costs(label, data.networks, wasted_seconds(data))
        references += [reference_of(label, data.teacher)] if data.teacher else []
    return Comparison(
        entries,
        costs,
        references,
        differences(entries, costs, rng),
        areas(entries, references),
        labelled[0][1].cost_name,
        metric,
    )


def reference_of(name: str, teacher: NetworkRecord) -> Reference:
    """What is compared of a study's teacher."""
    test, validation, train = (accuracy_on(teacher, s) for s in ("test", "validation", "train"))
    return Reference(name, teacher.parameters, teacher.macs, teacher.cost, test, validation, train)


def pairs(entries: Sequence[Entry]) -> list[Pair]:
    """Each planted network with each method's networks of its size, where both were tested."""
    tested = (entry for entry in entries if entry.test_accuracy is not None)
    by_target = grouped(((entry.study, entry.target_id), entry) for entry in tested)
    found = list[Pair]()
    for theirs in by_target.values():
        methods = grouped((entry.method, entry) for entry in theirs)
        planting = methods.pop(PLANTING, None)
        if planting is None:
            continue
        planted = planting[0]
        found += [
            Pair(
                study=planted.study,
                method=method,
                step=planted.step,
                cost=planted.cost,
                difference=_tested(planted) - fmean(map(_tested, others)),
                planted_seconds=planted.seconds,
                seconds=fmean(other.seconds for other in others),
            )
            for method, others in methods.items()
        ]
    return found


def differences(
    entries: Sequence[Entry], costs: Sequence[SearchCost], rng: np.random.Generator
) -> list[MethodDifference]:
    """What planting gains over each method at each step, and at last over all steps."""
    found, gains = pairs(entries), list[MethodDifference]()
    planting = {cost.study: cost for cost in costs if cost.method == PLANTING}
    steps = sorted({pair.step for pair in found if pair.step is not None})
    for step, method in product((*steps, None), dict.fromkeys(pair.method for pair in found)):
        chosen = [pair for pair in found if pair.method == method and step in (pair.step, None)]
        if not chosen:
            continue
        by_study = grouped((pair.study, pair.difference) for pair in chosen)
        # Only of studies where the method has all sizes.
        same_sizes = [
            (planting[cost.study], cost)
            for cost in costs
            if cost.method == method and cost.sizes == planting[cost.study].sizes
        ]
        time = _ratio([(pair.planted_seconds, pair.seconds) for pair in chosen])
        if step is None:  # where ancestors that sizes share count once
            time = _ratio([(ours.alone, theirs.alone) for ours, theirs in same_sizes])
        gain = MethodDifference(
            method=method,
            step=step,
            cost=fmean(pair.cost for pair in chosen),
            accuracy=paired_difference(list(map(fmean, by_study.values())), rng),
            time=time,
            whole_time=_ratio([(ours.total, theirs.total) for ours, theirs in same_sizes]),
        )
        gains.append(gain)
    return gains


def areas(entries: Sequence[Entry], references: Iterable[Reference]) -> list[Area]:
    """The hypervolume of each method that was tested at all sizes of a study."""
    by_study, found = grouped((entry.study, entry) for entry in entries), list[Area]()
    for reference in references:
        fronts = points_of_all_sizes(by_study.get(reference.study, []), "test")
        if fronts:
            everyone = [point for theirs in fronts.values() for point in theirs]
            corner = worst_corner(everyone, reference.cost)
            found += [
                Area(reference.study, method, hypervolume(theirs, corner))
                for method, theirs in fronts.items()
            ]
    return found


def frame(compared: Comparison) -> "pd.DataFrame":
    """A row for each entry, with its attributes as columns; None becomes NaN."""
    import pandas as pd  # the page of a study, which wants no frame, does not wait for it

    table = pd.DataFrame(compared.entries, columns=Entry._fields)
    floats = ("validation_accuracy", "test_accuracy", "train_accuracy", "learning_rate")
    return table.astype({"step": "Int64", **dict.fromkeys(floats, float)})


def _tested(entry: Entry) -> float:
    assert entry.test_accuracy is not None
    return entry.test_accuracy


def _ratio(both: Sequence[tuple[float, float]]) -> float:
    """Planting's sum over that of the others; NaN of nothing."""
    planted, others = (sum(column) for column in zip(*both, strict=True)) if both else (0, 0)
    return planted / others if others else nan


def _check_comparable(studies: Sequence[StudyRecords]) -> None:
    for (url, name), count in Counter((each.database.url, each.name) for each in studies).items():
        if count > 1:
            raise StudyError(f"study {name!r}: is given {count} times; it is in {url} once.")
    settings = [
        {**each.config.identity(), "search.steps": each.config.search.steps} for each in studies
    ]
    for records, theirs in zip(studies, settings, strict=True):
        keys = sorted((settings[0].keys() | theirs.keys()).difference(MAY_DIFFER))
        differing = [key for key in keys if settings[0].get(key) != theirs.get(key)]
        if differing:
            raise StudyError(
                f"studies {studies[0].name!r} and {records.name!r}: cannot be compared together, "
                f"as they differ in {', '.join(differing)}; only {' and '.join(MAY_DIFFER)} may "
                "differ."
            )
