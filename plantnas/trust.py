"""Whose names are imported: those that the user says, not those that a file or database says.

A name `module:attribute` runs that module's code and calls what it finds. Said in a study's YAML
file, an option or a call, it is the user's own. A database, or a file of networks, may be
anybody's: what it names is imported only if the user has said it too, in this process or one that
started it. Which names need that is in named_keys.py.
"""

import os
from collections.abc import Iterable

from plantnas.errors import ConfigurationError

VARIABLE = "PLANTNAS_TRUST"
"""The environment variable with the names that are trusted, between spaces; workers inherit it."""

ANY = "*"
"""Stands for all names."""

_found = dict[str, str]()
"""The names that were read from databases and files, and from which."""


def trust(code: Iterable[str]) -> None:
    """Takes names for the user's, in this process and those that it starts."""
    said = dict.fromkeys([*_said(), *code])
    if said:
        os.environ[VARIABLE] = " ".join(said)


def trust_if_new(code: Iterable[str]) -> None:
    """Takes names for the user's, unless a database or file has said them before the user did."""
    trust(name for name in code if name not in _found)


def found(code: Iterable[str], where: str) -> None:
    """Remembers that names are from a database or file."""
    for name in code:
        _found.setdefault(name, where)


def trusted() -> dict[str, str]:
    """The environment variable of a process that is to trust what this one does."""
    return {VARIABLE: os.environ[VARIABLE]} if VARIABLE in os.environ else {}


def check_trusted(name: str, key: str) -> None:
    """Refuses to import what a database or file names and the user does not.

    Raises:
        ConfigurationError: It is refused; the message says how to trust it.
    """
    if name in _found and not {name, ANY} & set(_said()):
        raise ConfigurationError(
            f"{key}: {name!r} would run code that {_found[name]} names, not you. If you trust it, "
            f"say so: --trust, trust=True, {VARIABLE}={name}, or the study's YAML file in place of "
            "its name."
        )


def _said() -> list[str]:
    return os.environ.get(VARIABLE, "").split()
