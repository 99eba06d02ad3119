"""The paper's claim, measured: a small share of what the teacher costs, and less overfitting.

Mitsuno, Nomura and Kurita (2020) report accuracy comparable to the large network's with 7 % of its
parameters, and a smaller distance between training and validation. A study of another cost has the
share of that. Nothing here draws or prints.
"""

from collections.abc import Iterator, Sequence
from math import log
from statistics import fmean
from typing import NamedTuple

from plantnas.grouping import grouped
from plantnas.report.comparison.comparison import Comparison, Reference
from plantnas.report.comparison.statistics import Spread, spread
from plantnas.report.entries import Entry
from plantnas.report.front import PLANTING
from plantnas.report.plotting.styles import in_legend_order

PAPERS_SHARE = 0.07
"""The paper's share of the teacher's cost, which it counts in parameters, on STL-10."""


class SmallNetwork(NamedTuple):
    """A method's networks near a share of the teacher's cost, over studies.

    Attributes:
        method: "teacher" for the teachers themselves.
        share: Of the teacher's cost, mean.
        test_accuracy: 0 to 1.
        behind_teacher: Test accuracy of the teacher minus the method's, by study.
        gap: Training minus validation accuracy.
    """

    method: str
    share: float
    test_accuracy: Spread
    behind_teacher: Spread
    gap: Spread


def small_networks(comparison: Comparison, share: float = PAPERS_SHARE) -> list[SmallNetwork]:
    """The teacher, and each method at the planted network that is nearest to a share of it.

    Nearest by the ratio of costs, study by study; repetitions count with their mean. Methods
    are left out that lack that network in a study, or an accuracy.
    """
    teachers = {each.study: each for each in comparison.references if _is_known(each)}
    found = list[tuple[str, _Measured]]()
    for study, teacher in teachers.items():
        for entries in _nearest(comparison.entries, study, share * teacher.cost):
            accuracy = fmean(_sure(entry.test_accuracy) for entry in entries)
            measured = _Measured(
                share=fmean(entry.cost for entry in entries) / teacher.cost,
                test_accuracy=accuracy,
                behind_teacher=_sure(teacher.test_accuracy) - accuracy,
                gap=fmean(_gap(entry) for entry in entries),
            )
            found.append((entries[0].method, measured))
    by_method = grouped(found)
    known = [method for method, of_all in by_method.items() if len(of_all) == len(teachers)]
    rows = [_summary(method, by_method[method]) for method in in_legend_order(known)]
    of_teachers = [
        _Measured(1.0, _sure(teacher.test_accuracy), 0.0, _gap(teacher))
        for teacher in teachers.values()
    ]
    return [_summary("teacher", of_teachers), *rows] if rows else []


class _Measured(NamedTuple):
    share: float
    test_accuracy: float
    behind_teacher: float
    gap: float


def _is_known(network: Reference | Entry) -> bool:
    accuracies = network.test_accuracy, network.validation_accuracy, network.train_accuracy
    return None not in accuracies


def _nearest(entries: Sequence[Entry], name: str, price: float) -> Iterator[list[Entry]]:
    """The entries of each method at the planted network of that study that is nearest in cost."""
    of_study = [entry for entry in entries if entry.study == name and _is_known(entry)]
    planted = [entry for entry in of_study if entry.method == PLANTING]
    if not planted:
        return
    nearest = min(planted, key=lambda entry: abs(log(entry.cost / price)))
    near = (entry for entry in of_study if entry.target_id == nearest.target_id)
    yield from grouped((entry.method, entry) for entry in near).values()


def _gap(network: Reference | Entry) -> float:
    return _sure(network.train_accuracy) - _sure(network.validation_accuracy)


def _sure(accuracy: float | None) -> float:
    assert accuracy is not None
    return accuracy


def _summary(method: str, measured: Sequence[_Measured]) -> SmallNetwork:
    shares, *accuracies = zip(*measured, strict=True)
    return SmallNetwork(method, fmean(shares), *map(spread, accuracies))
