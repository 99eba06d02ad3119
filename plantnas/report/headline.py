"""The result of a study in words: which network to take first, and what to keep in mind.

Plain strings without markup, made of records alone. What a comparison with baselines says is in
report/comparison/verdict.py; nothing here prints or draws.
"""

import shlex
from collections.abc import Sequence
from math import isnan, sqrt

from plantnas.channels.costs import title_of
from plantnas.measured import Evaluation, Metric, Split
from plantnas.records.record import NetworkRecord
from plantnas.report.front import (
    FINISH,
    metric_of,
    pareto_front,
    teacher_of,
    validation_accuracy,
)

TOLERANCE = 0.005
"""A network so much less accurate on validation than the teacher is as good as the teacher."""
LARGEST_GAP = 0.01
"""Validation may promise so much more than the test split keeps, before it is said."""


def first_choice(networks: Sequence[NetworkRecord]) -> NetworkRecord | None:
    """The grown or finished network of the front to look at first, chosen by validation.

    Returns:
        The cheapest that is within half a point of the teacher's accuracy; if none is, or there is
        no teacher yet, the most accurate one. None if the front has no such network.
    """
    grown = [record for record in pareto_front(networks) if record.kind in ("grow", FINISH)]
    teacher = teacher_of(networks)
    if teacher is not None:
        # Accuracies are fractions of few images: just half a point is within it.
        enough = validation_accuracy(teacher) - TOLERANCE - 1e-9
        close = [record for record in grown if validation_accuracy(record) >= enough]
        grown = close[:1] or grown
    return grown[-1] if grown else None


def headline(networks: Sequence[NetworkRecord]) -> str:
    """What a study has found, in a line without a full stop.

    The network is chosen by validation; its accuracy is that on the test split, if both it and the
    teacher were tested, and else that on validation.
    """
    teacher, choice = teacher_of(networks), first_choice(networks)
    if teacher is None:
        return "The teacher is not trained yet"
    if choice is None:
        why = "No network is grown yet"
        if any(record.kind == "grow" for record in networks):
            why = "No grown network is better than a smaller seed or teacher"
        split = _common_split(teacher)
        evaluation = teacher.evaluation_on(split)
        accuracy = f" and {split} {_shown(evaluation)}" if evaluation else ""
        return f"{why}; the teacher has {teacher.parameters:,} parameters{accuracy}"
    what = f"{_share(choice.parameters, teacher.parameters)} of the teacher's parameters"
    if teacher.cost_name != "parameters" and not isnan(teacher.cost):
        cost = f"{_share(choice.cost, teacher.cost)} of the teacher's {title_of(teacher.cost_name)}"
        what = f"{cost} ({_share(choice.parameters, teacher.parameters)} of its parameters)"
    return f"{what} at {_difference(choice, teacher)}"


def caveats(study_count: int, networks: Sequence[NetworkRecord]) -> list[str]:
    """What a reader must know before trusting a study's figures, in sentences.

    Args:
        study_count: Studies that the figures are of, which differ in their random seeds.
        networks: Those of all these studies.
    """
    metric = metric_of(networks)
    of_accuracy = metric == Metric()
    values = "accuracies" if of_accuracy else f"values of {metric.words}"
    said = [f"{study_count} random seeds: differences smaller than their spread are noise."]
    if study_count == 1:
        least = "half a point of" if of_accuracy else "a few thousandths of"
        said = [f"One random seed: differences of {least} {metric.words} are within its noise."]
    if any(record.kind == "grow" for record in networks):
        said.append(
            f"Networks were chosen by their validation {values}, which are therefore optimistic."
        )
    if networks and not any(record.evaluation_on("test") for record in networks):
        said.append(f"The test split has not been read yet: all {values} are those of validation.")
    said.append(_fine_grain(networks))
    if study_count == 1:
        said.append(_broken_promise(networks))
    if networks and not any(record.kind == "baseline" for record in networks):
        said.append(
            f"There are no baselines here: how {'accurate' if of_accuracy else 'good'} channel "
            "pruning or training from scratch would be at these sizes is not known."
        )
    return [sentence for sentence in said if sentence]


def export_command(name: str, network_id: int | str) -> str:
    """What saves a network of a study as a file, as a shell takes it."""
    return f"plantnas export {shlex.quote(name)} --network-id {network_id}"


def _common_split(*networks: NetworkRecord) -> Split:
    tested = all(record.evaluation_on("test") for record in networks)
    return "test" if tested else "validation"


def _difference(choice: NetworkRecord, teacher: NetworkRecord) -> str:
    split = _common_split(choice, teacher)
    ours, theirs = choice.evaluation_on(split), teacher.evaluation_on(split)
    if ours is None or theirs is None:
        return "an accuracy that was not measured"
    metric = ours.metric
    # Of the figures as they are shown, so that a reader's subtraction gives the same.
    figures = metric.figure(ours.accuracy), metric.figure(theirs.accuracy)
    if figures[0] == figures[1]:
        return f"equal {split} {metric.words} ({metric.text(ours.accuracy)})"
    points = float(figures[0]) - float(figures[1])
    amount = f"{abs(points):.2f} points" if metric.scale == 100 else f"{abs(points):.4f}"
    shown = f"{amount} {'more' if points > 0 else 'less'} {split} {metric.words}"
    return f"{shown} ({metric.text(ours.accuracy)} against {metric.text(theirs.accuracy)})"


def _share(ours: float, theirs: float) -> str:
    percent = 100 * ours / theirs
    # Of less than one per cent two digits are shown, so that it is never nothing.
    return f"{percent:.1f} %" if percent >= 1 else f"{percent:.2g} %"


def _shown(evaluation: Evaluation) -> str:
    return f"{evaluation.metric.words} {evaluation.metric.text(evaluation.accuracy)}"


def _fine_grain(networks: Sequence[NetworkRecord]) -> str:
    """How far the number of images lets an accuracy be from what it would be on all images."""
    choice = first_choice(networks) or teacher_of(networks)
    evaluation = choice.evaluation_on(_common_split(choice)) if choice else None
    if evaluation is None or evaluation.metric != Metric():
        return ""
    # Half the 95 % interval by Agresti and Coull: two right and two wrong more, so never ± 0.
    images = evaluation.images + 4
    share = (evaluation.accuracy * evaluation.images + 2) / images
    # A damaged row may have any accuracy.
    points = 196 * sqrt(max(0.0, share * (1 - share)) / images)
    return (
        f"The {evaluation.split} split has {evaluation.images:,} images, so that an accuracy of "
        f"{evaluation.metric.text(evaluation.accuracy)} is known to ± {points:.1f} points (95 %)."
    )


def _broken_promise(networks: Sequence[NetworkRecord]) -> str:
    """What the test split says of the first choice, if it was not asked or says much less."""
    choice, teacher = first_choice(networks), teacher_of(networks)
    if choice is None or teacher is None or teacher.evaluation_on("test") is None:
        return ""
    test = choice.evaluation_on("test")
    if test is None:
        return f"Network {choice.id} has not been evaluated on the test split yet."
    gap = validation_accuracy(choice) - test.accuracy
    if gap < LARGEST_GAP:
        return ""
    less = f"{100 * gap:.2f} points less accurate"
    if test.metric.scale != 100:
        less = f"{gap:.4f} of {test.metric.words} worse"
    return (
        f"Network {choice.id} is {less} on the test split than on "
        "the validation split by which it was chosen."
    )
