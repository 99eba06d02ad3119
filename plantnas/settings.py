"""The base of all settings and the kinds of values that they have; the settings are in config.py.

Numbers are strict, finite and bounded: `true` is no 1, `.inf` no number, and what no machine could
do is refused before it is begun.
"""

import math
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from plantnas.errors import shown


class Settings(BaseModel):
    """Base of all settings: immutable, and every key must be known."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


Switch = Annotated[bool, Field(strict=True)]
"""True or false, and no word or number for it."""

Share = Annotated[float, Field(strict=True, ge=0, lt=1)]
"""A part of a whole."""

Factor = Annotated[float, Field(strict=True, gt=0, le=1e6)]
"""What something is multiplied by."""

Weight = Annotated[float, Field(strict=True, ge=0, le=1e6)]
"""Of one of several things that are added; 0 leaves it out."""

Rate = Annotated[float, Field(strict=True, gt=0, le=1e30)]
"""Of learning. One that is far too large makes training diverge, and is told then."""

Count = Annotated[int, Field(strict=True, gt=0, le=10**6)]
"""Of what takes time: epochs, trials, channels."""

Amount = Annotated[int, Field(strict=True, gt=0, le=10**12)]
"""Of what there may be very many: images, parameters."""


def _integer(said: Any) -> Any:
    """A value that is no `true` or 1.0 for 1, as choices of numbers would take it."""
    if isinstance(said, bool | float):
        raise ValueError(f"{said} is no integer")
    return said


ImageChannels = Annotated[Literal[1, 3], BeforeValidator(_integer)]
"""Grey or coloured."""


def _plain(said: Any) -> Any:
    """What a file could have said: text, finite numbers, true, false, null, lists and mappings."""
    if isinstance(said, dict):
        for key, part in said.items():
            if not isinstance(key, str):
                raise ValueError(f"key {shown(key)} must be text")
            _plain(part)
    elif isinstance(said, list | tuple):
        for part in said:
            _plain(part)
    elif isinstance(said, float) and not math.isfinite(said):
        raise ValueError(f"{said} is no finite number")
    elif not isinstance(said, str | int | float | None):
        raise ValueError(f"{shown(said)} is no text, number, true, false, null, list or mapping")
    return said


Arguments = Annotated[dict[str, Any], AfterValidator(_plain)]
"""Keyword arguments of something, as JSON has them."""
