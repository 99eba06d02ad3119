"""Which trials of a step are best, by a study's winner rule: what the policies choose by."""

from collections.abc import Sequence
from math import inf

from plantnas.hypervolume import Point, worst_corner
from plantnas.trials.history import History, Reference, TrialRecord, assignments_of, grown_points
from plantnas.trials.winners import WINNER_RULES, Comparison


def ranked(
    candidates: Sequence[TrialRecord], history: History, reference: Reference, winner: str
) -> list[TrialRecord]:
    """Trials of one kind and step, best first; the stopped ones only if all of them were.

    Screens are compared with the networks that were grown in earlier steps. Probes have minus their
    loss for an accuracy, so they are compared among themselves alone, and to a parent that is a
    little worse than all of them. Ties are broken by the lower loss, then the lower number.

    Args:
        candidates: Complete trials.
        history: The study's trials.
        reference: What the study knows of its seed and teacher.
        winner: The name of a winner rule.
    """
    candidates = [trial for trial in candidates if not trial.stopped] or list(candidates)
    if not candidates:
        return []
    (kind, step), *_ = {(each.kind, each.step) for each in assignments_of(candidates)}
    grown = grown_points(history, reference, step)
    others = list(grown.values()) if kind == "screen" else []
    compared = [*others, *(trial.point for trial in candidates)]
    corner = worst_corner(compared, reference.teacher_cost)
    gain_of, costs = WINNER_RULES.find(winner), {each.number: each.parameters for each in history}

    def rank(candidate: TrialRecord) -> tuple[float, float, int]:
        parent = candidate.parent
        theirs = grown.get(parent, Point(0.0, 0.0))
        if kind == "probe":  # whose parent may not be trained yet
            cost = reference.seed_cost if parent is None else costs[parent]
            theirs = Point(corner.accuracy, cost or 0.0)
        comparison = Comparison(theirs, others, corner)
        loss = inf if candidate.validation_loss is None else candidate.validation_loss
        return -gain_of(candidate.point, comparison), loss, candidate.number

    return sorted(candidates, key=rank)
