"""The exceptions that plantnas raises on purpose. Nothing here prints or decides.

Each message is one sentence that names the place, the value and what is allowed, so that the
command line can show it as it is.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from difflib import get_close_matches

Say = Callable[[str], None]
"""Tells somebody, in a line, what is no error but takes a while or was given up."""

LONGEST_SHOWN = 60
"""Characters of a value in a message."""


LONGEST_WORD = 500
"""Characters without a space in a message: a path may be long."""

MOST_NAMED = 200
"""Allowed names of a message; timm has a thousand networks."""


class PlantnasError(Exception):
    """Base class: everything that plantnas raises for a reason that a user can act on."""

    def __str__(self) -> str:
        """The message in one line that any terminal prints, whatever the value in it."""
        return one_line(super().__str__())


class ConfigurationError(PlantnasError):
    """A search space, study file or command line option is wrong."""


class DataError(PlantnasError):
    """A data set is missing, truncated or not what the study was made with."""


class ArgumentError(PlantnasError):
    """A function of plantnas is given what it does not take."""


class UnsupportedArchitecture(PlantnasError):
    """A model's channels cannot be followed, or none of them can grow."""


class PlantingError(PlantnasError):
    """A planting, crop or narrowing asks for widths that the model cannot have."""


class StudyError(PlantnasError):
    """A study does not exist, or exists with another configuration."""


class StorageError(PlantnasError):
    """The study database or the weights beside it cannot be opened, read or written."""


def did_you_mean(name: str, allowed: Iterable[str]) -> str:
    """The end of a message about an unknown name: the nearest allowed one, or all of them."""
    names = sorted(allowed)
    close = get_close_matches(name[:LONGEST_SHOWN], names, n=1)  # it takes the square of the length
    if close:
        return f"Did you mean {close[0]!r}?"
    if len(names) > MOST_NAMED:
        return f"Allowed: {', '.join(names[:20])} and {len(names) - 20:,} more."
    return f"Allowed: {', '.join(names)}."


def one_line(text: str) -> str:
    """A text without line breaks and endless words; what would harm a terminal is escaped."""
    line = re.sub(r"\s*[\n\r\v\f]\s*", " ", text.strip())
    line = re.sub(rf"(\S{{{LONGEST_WORD}}})\S+", r"\1...", line)
    if line.isprintable():
        return line
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in line)


def shown(thing: object) -> str:
    """A value as Python writes it, shortened for a message."""
    try:
        text = repr(thing)
    except (ValueError, RecursionError):  # an integer of thousands of digits
        return f"a {type(thing).__name__}"
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}..."


def shown_key(key: str) -> str:
    """A dotted key for a message, shortened."""
    return key if len(key) <= 80 else f"{key[:77]}..."


def first_line(error: BaseException) -> str:
    """What an exception says, without its further lines; its type's name if it says nothing."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def causes_of(error: BaseException) -> Iterator[BaseException]:
    """The error and what it came from."""
    following: BaseException | None = error
    while following is not None:
        yield following
        following = following.__cause__ or following.__context__


def missing(package: str, extra: str) -> str:
    """The end of a message about a package that only an extra of plantnas brings."""
    return f"{package} is not installed: pip install 'plantnas[{extra}]'."
