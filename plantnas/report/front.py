"""Which networks of a study to choose from: its Pareto front. The plot of it is in plotting/."""

from collections.abc import Iterable, Sequence

from plantnas.records.record import NetworkRecord

PLANTING = "planting"
"""The method that all others are compared to."""


def validation_accuracy(network: NetworkRecord) -> float:
    """Accuracy on the validation split, by which networks are chosen."""
    evaluation = network.evaluation_on("validation")
    return evaluation.accuracy if evaluation else 0.0


def is_choosable(network: NetworkRecord) -> bool:
    """Whether a user would take it from the study: teacher, seed, or grown.

    A screened network is half trained; baselines and their trials are there to be compared to.
    """
    return network.kind in (None, "grow")


def pareto_front(networks: Iterable[NetworkRecord]) -> list[NetworkRecord]:
    """The choosable networks that no other beats in validation accuracy and parameters.

    Returns:
        Smallest first; each has a higher validation accuracy than the one before. Of equals, the
        one of lower validation loss.
    """
    front: list[NetworkRecord] = []
    for network in sorted(filter(is_choosable, networks), key=_smallest_best_first):
        if not front or validation_accuracy(network) > validation_accuracy(front[-1]):
            front.append(network)
    return front


def lineage(networks: Sequence[NetworkRecord], last: NetworkRecord) -> list[NetworkRecord]:
    """A network and its ancestors, the seed first."""
    by_id = {network.id: network for network in networks}
    line = [last]
    while line[-1].parent_id is not None:
        line.append(by_id[line[-1].parent_id])
    return line[::-1]


def front_and_references(networks: Iterable[NetworkRecord]) -> list[NetworkRecord]:
    """The Pareto front with the seed and the teacher, which may not be on it, smallest first."""
    networks = list(networks)
    shown = {network.id: network for network in pareto_front(networks)}
    shown |= {network.id: network for network in networks if network.kind is None}
    return sorted(shown.values(), key=lambda network: network.parameters)


def teacher_of(networks: Iterable[NetworkRecord]) -> NetworkRecord | None:
    """The teacher, once it is trained."""
    return next((network for network in networks if network.method == "teacher"), None)


def winning_lineage(networks: Sequence[NetworkRecord]) -> list[NetworkRecord]:
    """The seed first, the most accurate planted network on the front last; empty if none is."""
    planted = [network for network in pareto_front(networks) if network.method == PLANTING]
    return lineage(networks, max(planted, key=validation_accuracy)) if planted else []


def _smallest_best_first(network: NetworkRecord) -> tuple[int, float, float]:
    evaluation = network.evaluation_on("validation")
    loss = evaluation.loss if evaluation else float("inf")
    return network.parameters, -validation_accuracy(network), loss
