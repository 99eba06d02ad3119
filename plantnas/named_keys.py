"""The keys of a study whose values are names, and where the table of each is.

A table's module is imported when one of its names is looked up, and imports neither torch nor
Optuna itself, so that a mistyped name is told at once. What the names stand for is in its room.
"""

from operator import attrgetter
from typing import Any

from plantnas.config import StudyConfig
from plantnas.named import Table, imported

TABLES = {
    "search_space.architecture": "plantnas.networks:ARCHITECTURES",
    "search_space.teacher.architecture": "plantnas.networks:TEACHERS",
    "data.name": "plantnas.training.datasets:DATASETS",
    "data.augment": "plantnas.training.augmentations:AUGMENTATIONS",
    "seed.start": "plantnas.channels.initialisations:STARTS",
    "planting.rows": "plantnas.channels.initialisations:ROWS",
    "distillation.loss": "plantnas.training.losses:LOSSES",
    "search.metric": "plantnas.training.metrics:METRICS",
    "search.cost": "plantnas.channels.costs:COSTS",
    "search.policy": "plantnas.trials.policies:POLICIES",
    "search.winner": "plantnas.trials.winners:WINNER_RULES",
    "search.sampler.name": "plantnas.trials.base_samplers:SAMPLERS",
}
"""The `module:attribute` of each key's table."""


def table_of(key: str) -> Table[Any]:
    """The table whose names the key may have, one of `TABLES`."""
    table: Table[Any] = imported(TABLES[key], key)
    return table


def check_names(config: StudyConfig) -> None:
    """Refuses names that no table has; nothing that they stand for is imported.

    Raises:
        ConfigurationError: A name is unknown; the message has its key and the nearest one.
    """
    for key, name in _named(config):
        table_of(key).check(name)


def code_names(config: StudyConfig) -> list[str]:
    """The names of a configuration that run code which is neither plantnas's nor a library's."""
    code = [name for key, name in _named(config) if table_of(key).runs_code(name)]
    return [*code, *imported("plantnas.networks:code_of", "architecture")(config.search_space)]


def find_names(config: StudyConfig) -> None:
    """Refuses names that stand for nothing here: those of the user's own are imported.

    Raises:
        ConfigurationError: A name is unknown, or the user's own cannot be imported.
    """
    for key, name in _named(config):
        table_of(key).find(name)


def _named(config: StudyConfig) -> list[tuple[str, str]]:
    """Each key that has a name, and the name; a key that has several, with each of them."""
    named = [(key, attrgetter(key)(config)) for key in TABLES]
    singly = [(key, name) for key, name in named if isinstance(name, str)]
    return singly + [
        (key, name)
        for key, steps in named
        if isinstance(steps, tuple)
        for each in steps
        for name in each
    ]
