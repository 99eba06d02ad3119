"""What callers from Python hand over, checked before it is used: one line says what is needed.

What a study file says is checked in config_files.py, networks and images in modules.py.
"""

import math
from collections.abc import Mapping
from numbers import Integral, Real
from pathlib import Path
from typing import Any

from plantnas.errors import ArgumentError, shown

MOST = 10**6
"""What is counted, such as channels, classes or workers, is less."""


def check_given(argument: str, given: object, kinds: Any, needed: str) -> None:
    """Refuses what is of another kind.

    Args:
        argument: What the function calls it.
        given: What it got.
        kinds: A class, or several. True and false are no numbers.
        needed: What a message says is needed.

    Raises:
        ArgumentError: It is of none of the kinds.
    """
    allowed = kinds if isinstance(kinds, tuple) else (kinds,)
    is_no_number = isinstance(given, bool) and bool not in allowed and object not in allowed
    if is_no_number or not isinstance(given, allowed):
        plain = isinstance(given, str | bytes | bool | int | float | None)
        what = shown(given) if plain else f"a {type(given).__name__}"
        raise ArgumentError(f"{argument}: is {what}, where {needed} is needed.")


def check_integer(argument: str, given: object, least: int = 1, most: int = MOST) -> None:
    """Refuses what is no integer, or out of range."""
    needed = f"an integer from {least} to {most}"
    check_given(argument, given, Integral, needed)
    if not least <= given <= most:  # type: ignore[operator]  # it is an integer
        raise ArgumentError(f"{argument}: is {shown(given)}, where {needed} is needed.")


def check_fraction(argument: str, given: object) -> None:
    """Refuses what is no positive number that widths can be multiplied by."""
    needed = "{group name: width}, or a fraction that all widths are multiplied by,"
    check_given(argument, given, Real, needed)
    if not math.isfinite(given) or given > MOST:  # type: ignore[arg-type, operator]  # a number
        raise ArgumentError(f"{argument}: is {shown(given)}, where {needed} is needed.")


def check_channels(argument: str, given: object) -> None:
    """Refuses what is no mapping of group names to numbers of channels."""
    check_given(argument, given, Mapping, "{channel group's name: number of channels}")
    assert isinstance(given, Mapping)
    for group, channels in given.items():
        check_given(f"{argument}: a channel group", group, str, "its name")
        check_given(f"{argument}: {group}", channels, Integral, "a number of channels")
        if channels > MOST:
            raise ArgumentError(f"{argument}: {group}: {shown(channels)} channels are too many.")


def check_text(argument: str, given: object, needed: str) -> None:
    """Refuses what is no text, or has a character that no name, URL or file may have."""
    check_given(argument, given, str, needed)
    if "\0" in given:  # type: ignore[operator]  # it is text
        raise ArgumentError(f"{argument}: is {shown(given)}, where {needed} is needed.")


def check_path(argument: str, given: object) -> None:
    """Refuses what is no path."""
    check_text(argument, str(given) if isinstance(given, Path) else given, "a path")


def check_place(url: str, name: str) -> None:
    """Refuses what is no place of a study: its database's URL, and its name."""
    check_text("storage", url, "a database's URL, such as 'sqlite:///study.db',")
    check_text("name", name, "a study's name")
