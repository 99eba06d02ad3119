"""The base of all settings and the kinds of values that they have; the settings are in config.py.

Numbers are strict, finite and bounded: `true` is no 1, `.inf` no number, and what no machine could
do is refused before it is begun.
"""

import math
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
)

from plantnas.errors import ConfigurationError, shown
from plantnas.mistakes import mistake_in


class Settings(BaseModel):
    """Base of all settings: immutable, and every key must be known."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    def __init__(self, **said: Any) -> None:
        """Settings as Python says them; what is left out has its default.

        Raises:
            ConfigurationError: The first thing that is wrong, in the line that a file gives.
        """
        try:
            super().__init__(**said)
        except ValidationError as error:
            mistake = mistake_in(error, type(self))
            raise ConfigurationError(f"{type(self).__name__}: {mistake}") from error

    # Pydantic makes those within others itself, without a call: it tells of theirs with its place.
    __init__.__pydantic_base_init__ = True  # type: ignore[attr-defined]


Switch = Annotated[bool, Field(strict=True)]
"""True or false, and no word or number for it."""

Share = Annotated[float, Field(strict=True, ge=0, lt=1)]
"""A part of a whole."""

Part = Annotated[float, Field(strict=True, gt=0, le=1)]
"""A part of a whole that is not nothing, or all of it."""

Factor = Annotated[float, Field(strict=True, gt=0, le=1e6)]
"""What something is multiplied by."""

Weight = Annotated[float, Field(strict=True, ge=0, le=1e6)]
"""Of one of several things that are added; 0 leaves it out."""

Rate = Annotated[float, Field(strict=True, gt=0, le=1e30)]
"""Of learning. One that is far too large makes training diverge, and is told then."""

Count = Annotated[int, Field(strict=True, gt=0, le=10**6)]
"""Of what takes time: epochs, trials, channels."""

Limit = Annotated[float, Field(strict=True, gt=0, le=1e18)]
Amount = Annotated[int, Field(strict=True, gt=0, le=10**12)]
"""Of what there may be very many: images, parameters."""


def _integer(said: Any) -> Any:
    """A value that is no `true` or 1.0 for 1, as choices of numbers would take it."""
    if isinstance(said, bool | float):
        raise ValueError(f"{said} is no integer")
    return said


PerChannel = Annotated[tuple[Weight, ...], Field(min_length=1, max_length=3)]
"""A number for each channel of an image."""

Divisors = Annotated[tuple[Factor, ...], Field(min_length=1, max_length=3)]
"""The same, of what channels are divided by."""

Factors = Annotated[tuple[Factor, ...], Field(min_length=1)]
"""A number for each of several things."""

ImageChannels = Annotated[Literal[1, 3], BeforeValidator(_integer)]
"""Grey or coloured."""


_TOO_LARGE = 10**100
"""Of integers: what is larger no file could have said, and Python may refuse to write it."""


def _plain(said: Any) -> Any:
    """What a file could have said, not nested beyond reason."""
    try:
        _check_plain(said)
    except RecursionError:
        raise ValueError("is nested too deeply") from None
    return said


def _check_plain(said: Any) -> None:
    """Refuses what is no text, finite number, true, false, null, list or mapping."""
    if isinstance(said, dict):
        for key, part in said.items():
            if not isinstance(key, str):
                raise ValueError(f"key {shown(key)} must be text")
            _check_plain(part)
    elif isinstance(said, list | tuple):
        for part in said:
            _check_plain(part)
    elif isinstance(said, int) and abs(said) >= _TOO_LARGE:
        raise ValueError("an integer is too large")
    elif isinstance(said, float) and not math.isfinite(said):
        raise ValueError(f"{said} is no finite number")
    elif not isinstance(said, str | int | float | None):
        raise ValueError(f"{shown(said)} is no text, number, true, false, null, list or mapping")


Arguments = Annotated[dict[str, Any], AfterValidator(_plain)]
"""Keyword arguments of something, as JSON has them."""


def _with_arguments(said: Any) -> Any:
    """A name, or names with or without arguments, as a list of {name: arguments}."""
    if isinstance(said, str):
        said = [said]
    if not isinstance(said, list | tuple):
        raise ValueError(f"{shown(said)} is no list of names, or of names with arguments")
    for each in said:
        is_name = isinstance(each, dict) and len(each) == 1 and isinstance(next(iter(each)), str)
        if not is_name and not isinstance(each, str):
            raise ValueError(f"{shown(each)} is no name, nor one name with its arguments")
    steps = [{each: None} if isinstance(each, str) else each for each in said]
    return [{name: given or {} for name, given in step.items()} for step in steps]


NamesWithArguments = Annotated[
    tuple[dict[str, Arguments], ...], BeforeValidator(_with_arguments), Field(max_length=100)
]
"""Several things by name, in an order, each with the keyword arguments that it is made with."""
