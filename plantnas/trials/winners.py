"""Which network wins when sizes differ: the winner rules, by name.

Pure functions of points (accuracy, cost), whose arithmetic is in `plantnas/hypervolume.py`. Which
networks are compared is decided in `policies`; nothing here knows trials or studies.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple, SupportsFloat

from plantnas.hypervolume import Corner, Point, hypervolume
from plantnas.named import Table


class Comparison(NamedTuple):
    """What a candidate is compared to.

    Attributes:
        parent: The point of the network that the candidate was planted in.
        grown: Those of the networks grown before, the seed's included where it is known.
        corner: The worst corner of all that are compared.
    """

    parent: Point
    grown: Sequence[Point]
    corner: Corner


def hypervolume_gain(candidate: Point, comparison: Comparison) -> float:
    """Hypervolume that the candidate adds to the networks grown before."""
    before = hypervolume(comparison.grown, comparison.corner)
    return hypervolume([*comparison.grown, candidate], comparison.corner) - before


def accuracy(candidate: Point, comparison: Comparison) -> float:
    """Validation accuracy alone, whatever the size."""
    return candidate.accuracy


def gain_per_parameter(candidate: Point, comparison: Comparison) -> float:
    """Accuracy won over the parent for each parameter added."""
    added = candidate.cost - comparison.parent.cost
    return (candidate.accuracy - comparison.parent.accuracy) / max(added, 1e-12)


WINNER_RULES: Table[Callable[[Point, Comparison], float]] = Table(
    "search.winner",
    {
        "hypervolume": hypervolume_gain,
        "best_accuracy": accuracy,
        "gain_per_parameter": gain_per_parameter,
    },
    "a function of (candidate, comparison) that returns a number, of which the largest wins",
    result=SupportsFloat,
)
"""The rules by name."""
