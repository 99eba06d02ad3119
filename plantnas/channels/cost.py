"""The costs of a network that a search may trade its accuracy for, by name.

How they are counted is in structure.py. Measured latency is not here.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, SupportsFloat

from plantnas.channels.structure import Structure
from plantnas.named import Table

if TYPE_CHECKING:  # names are checked before torch is imported
    from torch import nn

Cost = Callable[[Structure, Mapping[str, int]], float]
"""What a network with this structure costs at these widths; groups not named keep theirs."""

COSTS = Table[Cost](
    "search.cost",
    {"parameters": Structure.parameters, "macs": Structure.macs},
    "a function of (structure, widths) that returns a number: the cost of the network with this "
    "structure (plantnas.channels.structure.Structure) where its channel groups have these widths, "
    "{group name: number of channels}; groups that are not named keep theirs",
    result=SupportsFloat,
)


def parameters_of(network: "nn.Module") -> int:
    """How many parameters a network has; one that several modules share counts once."""
    return sum(parameter.numel() for parameter in network.parameters())
