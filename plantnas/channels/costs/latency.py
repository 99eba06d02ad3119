"""How long a network takes for a batch: it is measured of networks, not counted from widths.

How it is measured is in report/timing.py, and for a search in searching/measuring.py.
"""

from collections.abc import Mapping
from typing import NoReturn

from plantnas.channels.structure import Structure
from plantnas.errors import ConfigurationError

TITLE = "milliseconds"


def cost(structure: Structure, widths: Mapping[str, int]) -> NoReturn:
    """Nothing follows from widths alone.

    Raises:
        ConfigurationError: Always.
    """
    raise ConfigurationError(
        "search.cost: 'latency': is measured of a study's networks, and not counted from widths."
    )
