"""Points of accuracy and cost compared: worst corner, front, hypervolume and contributions.

Pure arithmetic. Nothing here knows networks, trials, studies or records; the rules by which a
search chooses are in `trials/winners.py`.
"""

from collections.abc import Sequence
from math import inf, isnan, log
from typing import NamedTuple


class Point(NamedTuple):
    """What a network is worth and what it costs.

    Attributes:
        accuracy: Validation accuracy, larger is better.
        cost: Parameters, MACs or milliseconds, smaller is better; positive.
    """

    accuracy: float
    cost: float

    @property
    def log_cost(self) -> float:
        """Natural logarithm of the cost."""
        return log(max(self.cost, 1e-12))


class Corner(NamedTuple):
    """The worst point of the plane, from which hypervolume is measured."""

    accuracy: float
    log_cost: float


def worst_corner(points: Sequence[Point], teacher_cost: float | None = None) -> Corner:
    """A point a little worse than every other one, so that the extremes of a front count too.

    The cost is the teacher's where it is known and larger. The margin is a tenth of the range.
    """
    accuracies = [point.accuracy for point in points]
    costs = [point.log_cost for point in points]
    margin = 0.1 * (max(accuracies) - min(accuracies)) or 1.0
    cost_margin = 0.1 * (max(costs) - min(costs)) or 1.0
    is_known = teacher_cost is not None and not isnan(teacher_cost)
    teacher = Point(0, teacher_cost or 0).log_cost if is_known else -inf
    return Corner(min(accuracies) - margin, max(teacher, max(costs) + cost_margin))


def front(points: Sequence[Point]) -> list[Point]:
    """The points that no other one beats, cheapest first, equals once."""
    best: list[Point] = []
    for point in sorted(points, key=lambda point: (point.cost, -point.accuracy)):
        if not best or point.accuracy > best[-1].accuracy:
            best.append(point)
    return best


def hypervolume(points: Sequence[Point], corner: Corner) -> float:
    """The area of (accuracy, log cost) that the points dominate, up to the corner."""
    area, reached = 0.0, corner.accuracy
    for point in front(points):
        if point.accuracy > reached:
            width = max(0.0, corner.log_cost - point.log_cost)
            area += (point.accuracy - reached) * width
            reached = point.accuracy
    return area


def contributions(points: Sequence[Point], corner: Corner) -> list[float]:
    """The hypervolume that each point alone adds to the others; 0 for a dominated one."""
    total = hypervolume(points, corner)
    return [
        total - hypervolume([*points[:index], *points[index + 1 :]], corner)
        for index in range(len(points))
    ]
