"""Tables of names: what a key of a study file may say, and what stands behind each name.

A name is one of the table's own or the user's `module:attribute`. A table is checked without
importing what it names; what the names stand for is in the room that has the table.
"""

import importlib
import os
import pkgutil
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from sysconfig import get_path
from traceback import FrameSummary, extract_tb
from typing import Any, Generic, TypeVar

from plantnas.errors import ConfigurationError, PlantnasError, did_you_mean, first_line
from plantnas.handed import handed, is_handed
from plantnas.trust import check_trusted

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
        result: Any = object,
    ) -> None:
        """Knows the shipped things.

        Args:
            key: Where the name is said.
            shipped: Each thing, or the `module:attribute` where it is found when it is asked for.
            contract: What a thing of the user's must be.
            collections: Others' collections, by how their names begin, such as `timm/`: each the
                `module:function` that finds a thing by the rest of its name.
            kind: A class, or several, of which every thing is an instance.
            result: The same of what a thing of the user's returns.
        """
        self.key, self.contract, self._kind, self._result = key, contract, kind, result
        self._shipped, self._collections = dict(shipped), dict(collections or {})

    def __iter__(self) -> Iterator[str]:
        """The shipped names, in their order."""
        return iter(self._shipped)

    def runs_code(self, name: str) -> bool:
        """Whether a name stands for code that no library has which the table knows."""
        return ":" in name and name not in self._shipped and not is_handed(name)

    def check(self, name: str) -> None:
        """Refuse what is neither a shipped name nor looks like another's; imports nothing.

        Raises:
            ConfigurationError: The name is unknown; the message has the nearest one.
        """
        is_known = name in self._shipped or is_handed(name)
        if is_known or ":" in name or name.startswith(tuple(self._collections)):
            return
        others = "".join(f" or {beginning}NAME" for beginning in self._collections)
        raise ConfigurationError(
            f"{self.key}: {name!r} is unknown. {did_you_mean(name, self._shipped)} "
            f"A module:attribute of yours{others} is allowed too: {self.contract}."
        )

    def find(self, name: str) -> Thing:
        """What the name stands for; what the user's own raises when it is called is told in a line.

        Raises:
            ConfigurationError: The name is unknown, the user's own cannot be imported, or it is
                not the user's.
        """
        self.check(name)
        check_trusted(name, self.key)
        thing: Any = self._shipped.get(name, name)
        beginning = next((each for each in self._collections if name.startswith(each)), None)
        if is_handed(name):
            thing = handed(name, self.key)
        elif beginning is not None:
            thing = imported(self._collections[beginning], self.key)(name.removeprefix(beginning))
        elif isinstance(thing, str):
            thing = imported(thing, f"{self.key}: {name!r}")
        if not isinstance(thing, self._kind):
            raise ConfigurationError(f"{self.key}: {name!r} is not {self.contract}.")
        if callable(thing) and name not in self._shipped and beginning is None:
            thing = Guarded(thing, f"{self.key}: {name!r}", self._result, self.contract)
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
    except (Exception, SystemExit) as error:  # whatever the user's module does
        is_ours = isinstance(error, ImportError | AttributeError | ValueError | TypeError)
        if is_ours and not _users_frames(error):
            raise ConfigurationError(
                f"{where}: {first_line(error)}. 'module:attribute' must be importable from the "
                "current folder or an installed package."
            ) from error
        raise ConfigurationError(f"{where}: {raised(error)}.") from error


def importable_name(thing: Any) -> str | None:
    """The `module:attribute` by which another process finds a thing; None of what it does not."""
    module, attribute = getattr(thing, "__module__", None), getattr(thing, "__qualname__", "")
    found = getattr(sys.modules.get(module or ""), attribute, None)
    return f"{module}:{attribute}" if module != "__main__" and found is thing else None


@dataclass(frozen=True)
class Guarded:
    """A callable of the user's: what it raises, or returns in vain, is told in one line.

    Attributes:
        thing: The user's own.
        where: What a message begins with.
        result: A class, or several, of which what it returns is an instance.
        contract: What the thing is to be.
    """

    thing: Callable[..., Any]
    where: str
    result: Any
    contract: str

    @property
    def __wrapped__(self) -> Callable[..., Any]:
        """What `inspect.signature` looks at."""
        return self.thing

    def __call__(self, *arguments: Any, **settings: Any) -> Any:
        """What the user's own returns.

        Raises:
            ConfigurationError: In place of what it raises, but for our own errors and Optuna's
                `TrialPruned`, which are meant.
        """
        try:
            returned = self.thing(*arguments, **settings)
        except (Exception, SystemExit) as error:
            if isinstance(error, PlantnasError) or type(error).__name__ == "TrialPruned":
                raise
            raise ConfigurationError(f"{self.where}: {raised(error)}.") from error
        if not isinstance(returned, self.result):
            kind = type(returned).__name__
            raise ConfigurationError(
                f"{self.where} returned a {kind}, but is to be {self.contract}."
            )
        return returned


def raised(error: BaseException) -> str:
    """What code of the user's raised, in one line: exception, message, file and line.

    Of an error at the call itself, as of arguments that it does not take, the message alone.
    """
    frames = list(extract_tb(error.__traceback__))
    if frames and frames[-1].filename == __file__:
        return first_line(error).removesuffix(".")
    where = ""
    for place in (_users_frames(error) or frames)[-1:]:
        where = f" ({_shown(place.filename)}:{place.lineno})"
    if isinstance(error, SyntaxError) and error.filename is not None:
        where = f" ({_shown(error.filename)}:{error.lineno})"
    says = first_line(error).removesuffix(".")
    return f"raised {type(error).__name__}: {says}{where}"


def fault_of_the_users(error: BaseException) -> str | None:
    """What code of the user's raised, in one line; None if it was not called."""
    return raised(error) if _users_frames(error) else None


def _users_frames(error: BaseException) -> list[FrameSummary]:
    """Where an exception passed through code of the user's that plantnas called."""
    frames, ours = list(extract_tb(error.__traceback__)), f"{Path(__file__).parent}{os.sep}"
    called = next((at for at, each in enumerate(frames) if each.filename.startswith(ours)), None)
    if called is None:
        return []
    others = (ours, get_path("stdlib"), get_path("purelib"), "<")
    return [each for each in frames[called:] if not each.filename.startswith(others)]


def _shown(file_name: str) -> str:
    """A file as it is seen from the current folder."""
    path, here = Path(file_name), Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


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
