"""The costs of a network that a search may trade its accuracy for, by name: each is a module here.

Nothing here imports torch. A cost is a function `cost(structure, widths)`, of the module that has
its name or the user's own, and a shipped one has a `TITLE`, what its numbers are of:

- `structure` is a `plantnas.channels.structure.Structure`, the tables of a network;
- `widths` are those of the channel groups that have others than they have there, {group name:
  number of channels};
- it returns a positive number, in microseconds: thousands of plantings are asked for.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import inf
from typing import SupportsFloat

from plantnas.channels.structure import Structure
from plantnas.errors import ConfigurationError
from plantnas.named import Table, imported, modules_of

Cost = Callable[[Structure, Mapping[str, int]], float]
"""What a network with this structure costs at these widths; groups not named keep theirs."""

COSTS = Table[Cost](
    "search.cost",
    {
        name.replace("-", "_"): where  # as they are settings of a study, not data sets
        for name, where in modules_of(__name__, "cost").items()
    },
    "a function of (structure, widths) that returns a positive number: the cost of the network "
    "with this structure (plantnas.channels.structure.Structure) where its channel groups have "
    "these widths, {group name: number of channels}; groups that are not named keep theirs",
    result=SupportsFloat,
)
LATENCY = "latency"
COUNTED = tuple(name for name in COSTS if name != LATENCY)
"""Those that follow from structure and widths."""


@dataclass(frozen=True)
class Positive:
    """A cost of the user's, whose numbers are looked at."""

    name: str
    cost: Cost

    def __call__(self, structure: Structure, widths: Mapping[str, int]) -> float:
        """What it returns.

        Raises:
            ConfigurationError: That is no positive number.
        """
        value = self.cost(structure, widths)
        try:
            number = float(value)
        except (TypeError, ValueError, OverflowError):  # as of an array
            number = -inf
        if not 0 < number < inf:
            raise ConfigurationError(
                f"{COSTS.key}: {self.name!r} returned {value}, but is to be {COSTS.contract}."
            )
        return number


def cost_of(name: str) -> Cost:
    """The cost of that name, shipped or the user's, which is told if it returns no positive number.

    Raises:
        ConfigurationError: There is none.
    """
    cost = COSTS.find(name)
    return cost if name in COSTS else Positive(name, cost)


def counted(structure: Structure) -> dict[str, float]:
    """All costs that are counted, of a network with this structure, by their names."""
    return {name: float(cost_of(name)(structure, {})) for name in COUNTED}


def title_of(name: str) -> str:
    """What the numbers of a cost are of; the user's has its name alone, and is not imported."""
    if name not in COSTS:
        return name
    title: str = imported(f"{__name__}.{name}:TITLE", COSTS.key)
    return title


def shown_cost(amount: float) -> str:
    """A cost as people read it: milliseconds may be a small number."""
    return f"{amount:,.0f}" if amount >= 100 or amount == int(amount) else f"{amount:.3g}"
