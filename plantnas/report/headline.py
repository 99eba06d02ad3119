"""The result of a study in words: which network to take first, and what to keep in mind.

Plain strings without markup, made of records alone. What a comparison with baselines says is in
report/comparison/verdict.py; nothing here prints or draws.
"""

import shlex
from collections.abc import Sequence
from math import sqrt

from plantnas.measured import Evaluation, Split
from plantnas.records.record import NetworkRecord
from plantnas.report.front import pareto_front, teacher_of, validation_accuracy

TOLERANCE = 0.005
"""A network so much less accurate on validation than the teacher is as good as the teacher."""
LARGEST_GAP = 0.01
"""Validation may promise so much more than the test split keeps, before it is said."""


def first_choice(networks: Sequence[NetworkRecord]) -> NetworkRecord | None:
    """The grown network of the front that a reader should look at first, chosen by validation.

    Returns:
        The smallest that is within half a point of the teacher's accuracy; if none is, or there is
        no teacher yet, the most accurate one. None if the front has no grown network.
    """
    front = pareto_front(networks)
    grown = [network for network in front if network.kind == "grow"]
    teacher = teacher_of(networks)
    if teacher is not None:
        # Accuracies are fractions of few images: just half a point is within it.
        enough = validation_accuracy(teacher) - TOLERANCE - 1e-9
        close = [network for network in grown if validation_accuracy(network) >= enough]
        grown = close[:1] or grown
    return grown[-1] if grown else None


def headline(networks: Sequence[NetworkRecord]) -> str:
    """What a study has found, in a line without a full stop.

    The network is chosen by validation; its accuracy is that on the test split, if both it and the
    teacher were tested, and else that on validation.
    """
    teacher, chosen = teacher_of(networks), first_choice(networks)
    if teacher is None:
        return "The teacher is not trained yet"
    if chosen is None:
        return f"{_why_none(networks)}; the teacher has {_figures(teacher)}"
    share = f"{_shown_share(chosen.parameters / teacher.parameters)} of the teacher's parameters"
    return f"{share} at {_difference(chosen, teacher)}"


def caveats(study_count: int, networks: Sequence[NetworkRecord]) -> list[str]:
    """What a reader must know before trusting a study's figures, in sentences.

    Args:
        study_count: Studies that the figures are of, which differ in their random seeds.
        networks: Those of all these studies.
    """
    said = [_seeds(study_count)]
    if any(network.kind == "grow" for network in networks):
        said.append(
            "Networks were chosen by their validation accuracies, which are therefore optimistic."
        )
    if networks and not any(network.evaluation_on("test") for network in networks):
        said.append("The test split has not been read yet: all accuracies are those of validation.")
    said.append(_fine_grain(networks))
    if study_count == 1:
        said.append(_broken_promise(networks))
    if networks and not any(network.kind == "baseline" for network in networks):
        said.append(
            "There are no baselines here: how accurate channel pruning or training from scratch "
            "would be at these sizes is not known."
        )
    return [sentence for sentence in said if sentence]


def export_command(study: str, network_id: int | str) -> str:
    """What saves a network of a study as a file, as a shell takes it."""
    return f"plantnas export {shlex.quote(study)} --network-id {network_id}"


def _why_none(networks: Sequence[NetworkRecord]) -> str:
    if any(network.kind == "grow" for network in networks):
        return "No grown network is better than a smaller seed or teacher"
    return "No network is grown yet"


def _figures(network: NetworkRecord) -> str:
    split = _common_split(network)
    evaluation = network.evaluation_on(split)
    accuracy = f" and {split} accuracy {_percent(evaluation.accuracy)}" if evaluation else ""
    return f"{network.parameters:,} parameters{accuracy}"


def _common_split(*networks: NetworkRecord) -> Split:
    tested = all(network.evaluation_on("test") for network in networks)
    return "test" if tested else "validation"


def _difference(chosen: NetworkRecord, teacher: NetworkRecord) -> str:
    split = _common_split(chosen, teacher)
    ours, theirs = chosen.evaluation_on(split), teacher.evaluation_on(split)
    if ours is None or theirs is None:
        return "an accuracy that was not measured"
    # Of the figures as they are shown, so that a reader's subtraction gives the same.
    points = round(100 * ours.accuracy, 2) - round(100 * theirs.accuracy, 2)
    if abs(points) < 0.005:
        return f"equal {split} accuracy ({_percent(ours.accuracy)})"
    shown = f"{abs(points):.2f} points {'more' if points > 0 else 'less'} {split} accuracy"
    return f"{shown} ({_percent(ours.accuracy)} against {_percent(theirs.accuracy)})"


def _percent(accuracy: float) -> str:
    return f"{100 * accuracy:.2f} %"


def _shown_share(share: float) -> str:
    """`9.3 %`; of less than one per cent two digits, so that it is never nothing."""
    return f"{100 * share:.1f} %" if share >= 0.01 else f"{100 * share:.2g} %"


def _seeds(study_count: int) -> str:
    if study_count == 1:
        return "One random seed: differences of half a point of accuracy are within its noise."
    return f"{study_count} random seeds: differences smaller than their spread are noise."


def _fine_grain(networks: Sequence[NetworkRecord]) -> str:
    """How far the number of images lets an accuracy be from what it would be on all images."""
    chosen = first_choice(networks) or teacher_of(networks)
    evaluation = chosen.evaluation_on(_common_split(chosen)) if chosen else None
    if evaluation is None:
        return ""
    return (
        f"The {evaluation.split} split has {evaluation.images:,} images, so that an accuracy of "
        f"{_percent(evaluation.accuracy)} is known to ± {_uncertainty(evaluation):.1f} points "
        "(95 %)."
    )


def _uncertainty(evaluation: Evaluation) -> float:
    """Half the 95 % interval of a share of so many images, in points, by Agresti and Coull."""
    images = evaluation.images + 4  # two right and two wrong more: never ± 0
    share = (evaluation.accuracy * evaluation.images + 2) / images
    return 196 * sqrt(share * (1 - share) / images)


def _broken_promise(networks: Sequence[NetworkRecord]) -> str:
    """What the test split says of the first choice, if it was not asked or says much less."""
    chosen, teacher = first_choice(networks), teacher_of(networks)
    if chosen is None or teacher is None or teacher.evaluation_on("test") is None:
        return ""
    test = chosen.evaluation_on("test")
    if test is None:
        return f"Network {chosen.id} has not been evaluated on the test split yet."
    gap = validation_accuracy(chosen) - test.accuracy
    if gap < LARGEST_GAP:
        return ""
    return (
        f"Network {chosen.id} is {100 * gap:.2f} points less accurate on the test split than on "
        "the validation split by which it was chosen."
    )
