"""Networks of different size compared: worst corner, front, hypervolume and contributions.

Pure arithmetic on (accuracy, cost) pairs. Nothing here knows trials, studies or records; the rules
by which a search chooses are in `trials/winners.py`.
"""

from collections.abc import Sequence
from math import inf, log
from typing import NamedTuple


class Network(NamedTuple):
    """What a network is worth and what it costs.

    Attributes:
        accuracy: Validation accuracy, larger is better.
        parameters: The cost, smaller is better: parameters, MACs or milliseconds; positive.
    """

    accuracy: float
    parameters: float

    @property
    def log_parameters(self) -> float:
        """Natural logarithm of the cost."""
        return log(max(self.parameters, 1e-12))


class Corner(NamedTuple):
    """The worst point of the plane, from which hypervolume is measured."""

    accuracy: float
    log_parameters: float


def worst_corner(networks: Sequence[Network], teacher_parameters: float | None = None) -> Corner:
    """A point a little worse than every network, so that the extremes of a front count too.

    The cost is the teacher's where it is known and larger. The margin is a tenth of the range.
    """
    accuracies = [network.accuracy for network in networks]
    costs = [network.log_parameters for network in networks]
    margin = 0.1 * (max(accuracies) - min(accuracies)) or 1.0
    cost_margin = 0.1 * (max(costs) - min(costs)) or 1.0
    teacher = -inf if teacher_parameters is None else Network(0, teacher_parameters).log_parameters
    return Corner(min(accuracies) - margin, max(teacher, max(costs) + cost_margin))


def front(networks: Sequence[Network]) -> list[Network]:
    """The networks that no other one beats, smallest first, equals once."""
    best: list[Network] = []
    for network in sorted(networks, key=lambda network: (network.parameters, -network.accuracy)):
        if not best or network.accuracy > best[-1].accuracy:
            best.append(network)
    return best


def hypervolume(networks: Sequence[Network], corner: Corner) -> float:
    """The area of (accuracy, log parameters) that the networks dominate, up to the corner."""
    area, reached = 0.0, corner.accuracy
    for network in front(networks):
        if network.accuracy > reached:
            width = max(0.0, corner.log_parameters - network.log_parameters)
            area += (network.accuracy - reached) * width
            reached = network.accuracy
    return area


def contributions(networks: Sequence[Network], corner: Corner) -> list[float]:
    """The hypervolume that each network alone adds to the others; 0 for a dominated one."""
    total = hypervolume(networks, corner)
    return [
        total - hypervolume([*networks[:index], *networks[index + 1 :]], corner)
        for index in range(len(networks))
    ]
