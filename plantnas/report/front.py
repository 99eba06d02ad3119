"""Which networks of a study to choose from: its Pareto front. The plot of it is in plotting/."""

from collections.abc import Sequence
from math import inf, isnan
from typing import Final

from plantnas.measured import Metric
from plantnas.records.record import NetworkRecord

PLANTING = "planting"
"""The method that all others are compared to."""
FINISH: Final = "finish"
"""The kind of networks at the widths of planted ones that were trained whole. It is also the method
of those that were trained one by one."""
FAMILY = "family"
"""The method of finished networks that were trained together: each is a crop of the next."""


def validation_accuracy(record: NetworkRecord) -> float:
    """Accuracy on the validation split, by which networks are chosen, or the study's own metric."""
    evaluation = record.evaluation_on("validation")
    return evaluation.accuracy if evaluation else -inf


def validation_text(record: NetworkRecord) -> str:
    """The same as a sentence has it."""
    return metric_of([record]).short(validation_accuracy(record))


def metric_of(networks: Sequence[NetworkRecord]) -> Metric:
    """What the study of some networks maximises: as any of them was evaluated."""
    evaluations = (evaluation for record in networks for evaluation in record.evaluations)
    return next((evaluation.metric for evaluation in evaluations), Metric())


def is_choosable(record: NetworkRecord) -> bool:
    """Whether a user would take it from the study: teacher, seed, grown, or finished.

    A screened network is half trained; baselines and their trials are there to be compared to.
    """
    return record.kind in (None, "grow", FINISH)


def unfinished(networks: Sequence[NetworkRecord]) -> list[NetworkRecord]:
    """All but the finished networks: what the search and its comparison are judged by."""
    return [record for record in networks if record.kind != FINISH]


def pareto_front(networks: Sequence[NetworkRecord]) -> list[NetworkRecord]:
    """The choosable networks that no other beats in validation accuracy and in the study's cost.

    Returns:
        Cheapest first; each has a higher validation accuracy than the one before. Of equals, the
        one of lower validation loss.
    """
    front: list[NetworkRecord] = []
    known = [each for each in networks if is_choosable(each) and not isnan(each.cost)]
    for record in sorted(known, key=_cheapest_best_first):
        if not front or validation_accuracy(record) > validation_accuracy(front[-1]):
            front.append(record)
    return front


def lineage(networks: Sequence[NetworkRecord], last: NetworkRecord) -> list[NetworkRecord]:
    """A network and its ancestors, the seed first."""
    by_id = {record.id: record for record in networks}
    line = [last]
    while line[-1].parent_id is not None:
        line.append(by_id[line[-1].parent_id])
    return line[::-1]


def front_and_references(networks: Sequence[NetworkRecord]) -> list[NetworkRecord]:
    """The Pareto front with the seed and the teacher, which may not be on it, cheapest first."""
    networks = list(networks)
    shown = {record.id: record for record in pareto_front(networks)}
    shown |= {record.id: record for record in networks if record.kind is None}
    return sorted(shown.values(), key=lambda each: inf if isnan(each.cost) else each.cost)


def teacher_of(networks: Sequence[NetworkRecord]) -> NetworkRecord | None:
    """The teacher, once it is trained."""
    return next((record for record in networks if record.method == "teacher"), None)


def winning_lineage(networks: Sequence[NetworkRecord]) -> list[NetworkRecord]:
    """The seed first, the most accurate planted network on the front last; empty if none is.

    Finished networks, which may beat what they have their widths from, are left out of the front.
    """
    front = pareto_front(unfinished(networks))
    planted = [record for record in front if record.method == PLANTING]
    return lineage(networks, max(planted, key=validation_accuracy)) if planted else []


def _cheapest_best_first(record: NetworkRecord) -> tuple[float, float, float]:
    evaluation = record.evaluation_on("validation")
    loss = evaluation.loss if evaluation else float("inf")
    return record.cost, -validation_accuracy(record), loss
