"""The samplers that may propose plantings: Optuna's, OptunaHub's and the user's, by name.

What they get to see of a study is in scope.py, who asks them in sampler.py. Optuna is imported
when a sampler is asked for, so that a mistyped name is told at once.
"""

import inspect
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING

from plantnas.config import Sampler
from plantnas.errors import ConfigurationError, first_line, missing
from plantnas.named import Table

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler

SAMPLERS: "Table[Callable[..., BaseSampler]]" = Table(
    "search.sampler.name",
    {
        name: f"optuna.samplers:{name}"
        for name in (
            "BruteForceSampler",
            "CmaEsSampler",
            "GPSampler",
            "GridSampler",
            "NSGAIISampler",
            "NSGAIIISampler",
            "PartialFixedSampler",
            "QMCSampler",
            "RandomSampler",
            "TPESampler",
        )
    },
    "a class whose objects are of optuna.samplers.BaseSampler",
    {"hub:samplers/": "plantnas.trials.base_samplers:hub_sampler"},
)
"""Optuna's samplers by their class names."""


def make_sampler(settings: Sampler, random_seed: int) -> "BaseSampler":
    """A sampler by its name, seeded if it takes a seed.

    Raises:
        ConfigurationError: There is none of that name, or it refuses its arguments.
    """
    from optuna.exceptions import ExperimentalWarning
    from optuna.samplers import BaseSampler

    make = SAMPLERS.find(settings.name)
    arguments = dict(settings.arguments)
    if "seed" in inspect.signature(make).parameters:
        arguments.setdefault("seed", random_seed)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            sampler = make(**arguments)
    except (TypeError, ValueError, ImportError) as error:
        raise ConfigurationError(
            f"search.sampler.arguments: {settings.arguments!r} are not allowed: {error}."
        ) from error
    if not isinstance(sampler, BaseSampler):
        raise ConfigurationError(f"{SAMPLERS.key}: {settings.name!r} is not {SAMPLERS.contract}.")
    return sampler


def hub_sampler(package: str) -> "type[BaseSampler]":
    """The sampler of a package of OptunaHub, from its cache or, the first time, from the network.

    Args:
        package: What stands behind `samplers/` in its address, as `auto_sampler`.

    Raises:
        ConfigurationError: optunahub is not installed, the package cannot be loaded, or it has
            not exactly one sampler.
    """
    from optuna.samplers import BaseSampler

    place = f"{SAMPLERS.key}: 'hub:samplers/{package}'"
    try:
        import optunahub
    except ImportError as error:
        raise ConfigurationError(f"{place}: {missing('optunahub', 'hub')}") from error
    try:
        module = optunahub.load_module(f"samplers/{package}")
    except Exception as error:  # of git, of GitHub, or of the package itself
        raise ConfigurationError(f"{place} cannot be loaded: {first_line(error)}.") from error
    public = [getattr(module, name, None) for name in getattr(module, "__all__", ())]
    samplers = [each for each in public if isinstance(each, type) and issubclass(each, BaseSampler)]
    if len(samplers) != 1:
        raise ConfigurationError(f"{place} has {len(samplers)} samplers, where one is needed.")
    return samplers[0]
