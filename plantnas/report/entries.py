"""The networks of a study that are compared: planted ones, and baselines at their chosen rates.

What follows from them, over several studies, is in comparison/comparison.py; what they cost, in
costs.py.
"""

from collections.abc import Iterable, Mapping, Sequence
from math import inf, isnan
from statistics import fmean
from typing import Literal, NamedTuple

from plantnas.hypervolume import Point
from plantnas.measured import Split
from plantnas.records.record import NetworkRecord
from plantnas.report.front import PLANTING, lineage


class Entry(NamedTuple):
    """A network that is compared: a planted one, or a baseline at its method's chosen rate.

    Attributes:
        study: Its study.
        method: "planting", or the baseline's.
        step: The planted network's.
        target_id: The planted network of this size.
        network_id: This network.
        repetition: 0 for a planted network.
        parameters: Number of parameters.
        macs: Multiply-accumulates for an image.
        epochs: Of all its training; a planted network's with its ancestors'.
        own_seconds: Of making it; a planted network's with its ancestors'.
        teacher_seconds: Of the teacher's training, 0 if the method does not need it.
        validation_accuracy: 0 to 1; None where it was not evaluated.
        test_accuracy: Likewise.
        train_accuracy: Likewise.
        learning_rate: None for a planted network, which has the study's.
    """

    study: str
    method: str
    step: int | None
    target_id: int
    network_id: int
    repetition: int
    parameters: int
    macs: int
    epochs: int
    own_seconds: float
    teacher_seconds: float
    validation_accuracy: float | None
    test_accuracy: float | None
    train_accuracy: float | None
    learning_rate: float | None

    @property
    def seconds(self) -> float:
        """Of its training and, where the method needs it, the teacher's."""
        return self.own_seconds + self.teacher_seconds


def chosen_rates(networks: Iterable[NetworkRecord]) -> dict[str, float]:
    """The learning rate of each method's compared baselines, chosen by validation.

    At the target that has a method's networks at the most rates (the first of several), it is the
    rate of the highest validation accuracy, or else of the lowest loss; means over repetitions.
    """
    made: dict[str, dict[int, dict[float, list[NetworkRecord]]]] = {}
    for network in networks:
        if (run := network.baseline) is not None:
            rates = made.setdefault(network.method, {}).setdefault(run.target_id, {})
            rates.setdefault(run.learning_rate, []).append(network)
    tuned = {method: max(targets.values(), key=len) for method, targets in made.items()}
    return {
        method: max(rates, key=lambda rate: _validation(rates[rate]))
        for method, rates in tuned.items()
    }


def targets_of(networks: Sequence[NetworkRecord]) -> list[NetworkRecord]:
    """The planted networks that baselines are compared to, oldest first."""
    wanted = {network.baseline.target_id for network in networks if network.baseline}
    return [network for network in networks if network.id in wanted]


def compared_networks(networks: Sequence[NetworkRecord]) -> list[NetworkRecord]:
    """These planted networks, and the baselines at their methods' chosen rates."""
    rates = chosen_rates(networks)
    return targets_of(networks) + [each for each in networks if has_chosen_rate(each, rates)]


def has_chosen_rate(network: NetworkRecord, rates: Mapping[str, float]) -> bool:
    """Whether it is a baseline at the rate that was chosen for its method."""
    run = network.baseline
    return run is not None and run.learning_rate == rates[network.method]


def compared_entries(study: str, networks: Sequence[NetworkRecord]) -> list[Entry]:
    """The entries of a study's networks, under this name."""
    teacher_seconds = teacher_seconds_of(networks)
    return [_entry(study, each, networks, teacher_seconds) for each in compared_networks(networks)]


def weights_of(network: NetworkRecord) -> str | int | None:
    """What tells weights apart: a search's trial and the sizes that it was taken for share them."""
    return network.artifact_id or network.id


def points_of_all_sizes(
    entries: Iterable[Entry], split: Literal["validation", "test"]
) -> dict[str, list[Point]]:
    """The point of each size, by method that was evaluated at all sizes of a study.

    Repetitions are one point: their mean accuracy on the split, and their mean parameters.
    """
    sizes: dict[str, dict[int, list[Point]]] = {}
    for entry in entries:
        accuracy = entry.test_accuracy if split == "test" else entry.validation_accuracy
        if accuracy is not None:
            made = sizes.setdefault(entry.method, {}).setdefault(entry.target_id, [])
            made.append(Point(accuracy, entry.parameters))
    wanted = sizes.get(PLANTING, {}).keys()
    return {
        method: [Point(*map(fmean, zip(*made, strict=True))) for made in theirs.values()]
        for method, theirs in sizes.items()
        if theirs.keys() == wanted
    }


def seconds_of(networks: Iterable[NetworkRecord]) -> float:
    """Of all phases of making these networks."""
    return sum(sum(network.seconds.values()) for network in networks)


def teacher_seconds_of(networks: Iterable[NetworkRecord]) -> float:
    """Of making the study's teacher."""
    return seconds_of(network for network in networks if network.method == "teacher")


def accuracy_on(network: NetworkRecord, split: Split) -> float | None:
    """0 to 1, or None where the network was not evaluated."""
    evaluation = network.evaluation_on(split)
    return evaluation.accuracy if evaluation else None


def _entry(
    study: str, network: NetworkRecord, networks: Sequence[NetworkRecord], teacher_seconds: float
) -> Entry:
    run = network.baseline
    trained = [network] if run else lineage(networks, network)
    assert network.id is not None
    return Entry(
        study=study,
        method=network.method if run else PLANTING,
        step=network.step,
        target_id=run.target_id if run else network.id,
        network_id=network.id,
        repetition=run.repetition if run else 0,
        parameters=network.parameters,
        macs=network.macs,
        epochs=sum(len(each.epochs) for each in trained),
        own_seconds=seconds_of(trained),
        teacher_seconds=teacher_seconds if run is None or run.uses_teacher else 0.0,
        validation_accuracy=accuracy_on(network, "validation"),
        test_accuracy=accuracy_on(network, "test"),
        train_accuracy=accuracy_on(network, "train"),
        learning_rate=run.learning_rate if run else None,
    )


def _validation(repetitions: Sequence[NetworkRecord]) -> tuple[float, float]:
    """Mean accuracy and negative mean loss; a loss that is not a number is the worst."""
    found = [each for network in repetitions if (each := network.evaluation_on("validation"))]
    if not found:
        return 0.0, -inf
    loss = fmean(evaluation.loss for evaluation in found)
    return fmean(evaluation.accuracy for evaluation in found), -inf if isnan(loss) else -loss
