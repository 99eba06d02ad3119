"""Tables of names: what a key of a study file may say, and what stands behind each name.

A name is one of the table's own or the user's `module:attribute`. A table is checked without
importing what it names; what the names stand for is in the room that has the table.
"""

import importlib
import pkgutil
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from sysconfig import get_path
from traceback import extract_tb
from typing import Any, Generic, TypeVar

from plantnas.errors import ConfigurationError, did_you_mean, first_line

Thing = TypeVar("Thing")


class Table(Generic[Thing]):
    """Things of one kind by their names.

    Attributes:
        key: Where the name is said, for messages: `search.policy`.
        contract: What a thing of the user's must be: "a function of (data) that returns ...".
    """

    def __init__(
        self,
        key: str,
        shipped: Mapping[str, Thing | str],
        contract: str,
        collections: Mapping[str, str] | None = None,
        kind: Any = Callable,
    ) -> None:
        """Knows the shipped things.

        Args:
            key: Where the name is said.
            shipped: Each thing, or the `module:attribute` where it is found when it is asked for.
            contract: What a thing of the user's must be.
            collections: Others' collections, by how their names begin, such as `timm/`: each the
                `module:function` that finds a thing by the rest of its name.
            kind: A class, or several, of which every thing is an instance.
        """
        self.key, self.contract, self._kind = key, contract, kind
        self._shipped, self._collections = dict(shipped), dict(collections or {})

    def __iter__(self) -> Iterator[str]:
        """The shipped names, in their order."""
        return iter(self._shipped)

    def check(self, name: str) -> None:
        """Refuse what is neither a shipped name nor looks like another's; imports nothing.

        Raises:
            ConfigurationError: The name is unknown; the message has the nearest one.
        """
        if name in self._shipped or ":" in name or name.startswith(tuple(self._collections)):
            return
        others = "".join(f" or {beginning}NAME" for beginning in self._collections)
        raise ConfigurationError(
            f"{self.key}: {name!r} is unknown. {did_you_mean(name, self._shipped)} "
            f"A module:attribute of yours{others} is allowed too: {self.contract}."
        )

    def find(self, name: str) -> Thing:
        """What the name stands for.

        Raises:
            ConfigurationError: The name is unknown, or the user's own cannot be imported.
        """
        self.check(name)
        thing: Any = self._shipped.get(name, name)
        beginning = next((each for each in self._collections if name.startswith(each)), None)
        if beginning is not None:
            thing = imported(self._collections[beginning], self.key)(name.removeprefix(beginning))
        elif isinstance(thing, str):
            thing = imported(thing, f"{self.key}: {name!r}")
        if not isinstance(thing, self._kind):
            raise ConfigurationError(f"{self.key}: {name!r} is not {self.contract}.")
        return thing  # type: ignore[no-any-return]  # what the user's is, its use tells


def modules_of(package: str, attribute: str) -> dict[str, str]:
    """A table's names where each thing is a module of a package: none of them is imported.

    Args:
        package: Its dotted name. The module `fashion_mnist` has the name `fashion-mnist`.
        attribute: What the module calls the thing.
    """
    folders = importlib.import_module(package).__path__
    return {
        module.name.replace("_", "-"): f"{package}.{module.name}:{attribute}"
        for module in pkgutil.iter_modules(folders)
    }


def imported(name: str, where: str) -> Any:
    """The attribute of a module, from the current folder too.

    Args:
        name: `module:attribute`.
        where: What a message begins with.

    Raises:
        ConfigurationError: It is not there, or its module raises, with the line that does.
    """
    module, _, attribute = name.partition(":")
    try:
        with _current_folder_importable():
            return getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError, TypeError) as error:
        raise ConfigurationError(
            f"{where}: {first_line(error)}. 'module:attribute' must be importable from the "
            "current folder or an installed package."
        ) from error
    except (Exception, SystemExit) as error:  # whatever the user's module does
        raise ConfigurationError(f"{where}: {raised(error)}.") from error


def raised(error: BaseException) -> str:
    """What code of the user's raised, in one line: exception, message, file and line."""
    frames = list(extract_tb(error.__traceback__))
    installed = get_path("stdlib"), get_path("purelib")
    frames = [each for each in frames if not each.filename.startswith(installed)] or frames
    where = f" ({frames[-1].filename}:{frames[-1].lineno})" if frames else ""
    return f"raised {type(error).__name__}: {first_line(error)}{where}"


@contextmanager
def _current_folder_importable() -> Iterator[None]:
    """The user's modules are looked for where the command is run, but behind all installed ones."""
    folder = str(Path.cwd())
    added = folder not in sys.path and "" not in sys.path
    if added:
        sys.path.append(folder)
    try:
        yield
    finally:
        if added:
            sys.path.remove(folder)
