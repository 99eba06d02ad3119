"""The networks of a study that are compared: planted ones, and baselines at their chosen rates.

What follows from them, over several studies, is in comparison/comparison.py; what they cost, in
costs.py.
"""

from collections.abc import Mapping, Sequence
from math import inf, isnan
from statistics import fmean
from typing import NamedTuple

from plantnas.grouping import grouped
from plantnas.hypervolume import Point
from plantnas.measured import Split
from plantnas.records.record import NetworkRecord
from plantnas.report.front import FINISH, PLANTING, lineage


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
        cost: What its study trades accuracy for.
        epochs: Those of all its training; a planted network's with its ancestors'.
        own_seconds: Seconds of making it; a planted network's with its ancestors'.
        teacher_seconds: Seconds of the teacher's training, 0 if the method does not need it.
        validation_accuracy: 0 to 1; None where it was not evaluated.
        test_accuracy: The same on the test split.
        train_accuracy: The same on the training split.
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
    cost: float
    epochs: int
    own_seconds: float
    teacher_seconds: float
    validation_accuracy: float | None
    test_accuracy: float | None
    train_accuracy: float | None
    learning_rate: float | None

    @property
    def seconds(self) -> float:
        """Seconds of its training and, where the method needs it, of the teacher's."""
        return self.own_seconds + self.teacher_seconds


def chosen_rates(networks: Sequence[NetworkRecord]) -> dict[str, float]:
    """The learning rate of each method's compared baselines, chosen by validation.

    At the target that has a method's networks at the most rates (the middle one of several), it is
    the rate of the highest validation accuracy, or else of the lowest loss; means over repetitions.
    """
    runs = [(record, run) for record in networks if (run := record.baseline) is not None]
    chosen = dict[str, float]()
    for method, theirs in grouped((record.method, (record, run)) for record, run in runs).items():
        targets = grouped((run.target_id, (run.learning_rate, record)) for record, run in theirs)
        tried = [grouped(each) for each in targets.values()]
        most = [each for each in tried if len(each) == max(map(len, tried))]
        rates = most[len(most) // 2]
        chosen[method], _ = max(rates.items(), key=lambda tried: validation_rank(tried[1]))
    return chosen


def targets_of(networks: Sequence[NetworkRecord]) -> list[NetworkRecord]:
    """The planted networks that baselines are compared to, oldest first.

    Finished networks are compared to them too, and add none where there are other baselines: these
    would be without networks of some sizes, only because others were finished.
    """
    made = [record for record in networks if record.baseline]
    others = [record for record in made if record.kind != FINISH]
    wanted = {record.baseline.target_id for record in others or made if record.baseline}
    return [record for record in networks if record.id in wanted]


def compared_networks(networks: Sequence[NetworkRecord]) -> list[NetworkRecord]:
    """These planted networks, and the baselines of them at their methods' chosen rates."""
    rates, targets = rates_by_size(networks), targets_of(networks)
    wanted = {target.id for target in targets}
    return targets + [
        record
        for record in networks
        if (run := record.baseline) and run.target_id in wanted and has_chosen_rate(record, rates)
    ]


def rates_by_size(networks: Sequence[NetworkRecord]) -> dict[tuple[str, int], float]:
    """The learning rate at which a method's baselines of a target are compared, by both.

    It is the method's chosen one. But a finished network has the rate of its own size unless the
    user says another one: where a target has none at the chosen rate, it is its own best one.
    """
    chosen, rates = chosen_rates(networks), dict[tuple[str, int], float]()
    runs = [(record, run) for record in networks if (run := record.baseline) is not None]
    by_size = grouped(((record.method, run.target_id), (record, run)) for record, run in runs)
    for (method, target_id), theirs in by_size.items():
        tried = grouped((run.learning_rate, record) for record, run in theirs)
        is_finished = all(record.kind == FINISH for record, _ in theirs)
        if is_finished and chosen[method] not in tried:
            best, _ = max(tried.items(), key=lambda each: validation_rank(each[1]))
            rates[method, target_id] = best
        else:
            rates[method, target_id] = chosen[method]
    return rates


def has_chosen_rate(record: NetworkRecord, rates: Mapping[tuple[str, int], float]) -> bool:
    """Whether it is a baseline at the rate at which its method's of its size are compared."""
    run = record.baseline
    return run is not None and run.learning_rate == rates[record.method, run.target_id]


def compared_entries(name: str, networks: Sequence[NetworkRecord]) -> list[Entry]:
    """The entries of a study's networks, under this name."""
    teacher_seconds, entries = teacher_seconds_of(networks), list[Entry]()
    for record in compared_networks(networks):
        run = record.baseline
        trained = [record] if run else lineage(networks, record)
        assert record.id is not None
        entry = Entry(
            study=name,
            method=record.method if run else PLANTING,
            step=record.step,
            target_id=run.target_id if run else record.id,
            network_id=record.id,
            repetition=run.repetition if run else 0,
            parameters=record.parameters,
            macs=record.macs,
            cost=record.cost,
            epochs=sum(each.epochs[-1].epoch for each in trained if each.epochs),
            own_seconds=seconds_of(trained),
            teacher_seconds=teacher_seconds if run is None or run.uses_teacher else 0.0,
            validation_accuracy=accuracy_on(record, "validation"),
            test_accuracy=accuracy_on(record, "test"),
            train_accuracy=accuracy_on(record, "train"),
            learning_rate=run.learning_rate if run else None,
        )
        entries.append(entry)
    return entries


def weights_of(record: NetworkRecord) -> str | int | None:
    """What tells weights apart: a search's trial and the sizes that it was taken for share them."""
    return record.artifact_id or record.id


def points_of_all_sizes(entries: Sequence[Entry], split: Split) -> dict[str, list[Point]]:
    """The point of each size, by method that was evaluated at all sizes of a study.

    Repetitions are one point: their mean accuracy on the split, and their mean cost.
    """
    points = list[tuple[tuple[str, int], Point]]()
    for entry in entries:
        accuracy = entry.test_accuracy if split == "test" else entry.validation_accuracy
        if accuracy is not None:
            size = entry.method, entry.target_id
            points.append((size, Point(accuracy, entry.cost)))
    means = {
        size: Point(*map(fmean, zip(*repetitions, strict=True)))
        for size, repetitions in grouped(points).items()
    }
    sizes = grouped(means)  # the targets of each method
    return {
        method: [means[method, target_id] for target_id in theirs]
        for method, theirs in sizes.items()
        if set(theirs) == set(sizes.get(PLANTING, []))
    }


def seconds_of(networks: Sequence[NetworkRecord]) -> float:
    """Seconds of all phases of making these networks."""
    return sum(sum(record.seconds.values()) for record in networks)


def teacher_seconds_of(networks: Sequence[NetworkRecord]) -> float:
    """Seconds of making the study's teacher."""
    return seconds_of([record for record in networks if record.method == "teacher"])


def accuracy_on(record: NetworkRecord, split: Split) -> float | None:
    """The network's accuracy, 0 to 1, or None where it was not evaluated."""
    evaluation = record.evaluation_on(split)
    return evaluation.accuracy if evaluation else None


def validation_rank(networks: Sequence[NetworkRecord]) -> tuple[float, float]:
    """What networks of one kind are chosen by: the mean accuracy, of equals the negative mean loss.

    A loss that is not a number is the worst.
    """
    found = [each for record in networks if (each := record.evaluation_on("validation"))]
    if not found:
        return 0.0, -inf
    loss = fmean(evaluation.loss for evaluation in found)
    return fmean(evaluation.accuracy for evaluation in found), -inf if isnan(loss) else -loss
