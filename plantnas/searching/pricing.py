"""What a study's networks cost: what its search trades accuracy for, and all else that is recorded.

The costs are in channels/costs/, what they decide is in proposals.py.
"""

from dataclasses import dataclass

from plantnas.channels.costs import Cost, counted
from plantnas.channels.structure import Structure

COLUMNS = ("parameters", "macs")
"""The costs that every record of a network has of its own."""


@dataclass(frozen=True)
class Pricing:
    """What a study's networks cost.

    Attributes:
        name: What `search.cost` says.
        cost: What that stands for.
    """

    name: str
    cost: Cost

    def of(self, structure: Structure) -> float:
        """What the search trades the accuracy of a network with this structure for."""
        return float(self.cost(structure, {}))

    def recorded(self, structure: Structure) -> dict[str, float]:
        """All that is recorded of such a network beside its parameters and MACs."""
        costs = counted(structure) | {self.name: self.of(structure)}
        return {name: value for name, value in costs.items() if name not in COLUMNS}
