"""Reads search spaces and studies from YAML files, shipped or the user's.

Each mistake gives one line: the file, the key, the value and what is allowed.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from plantnas.config import StudyConfig
from plantnas.errors import ConfigurationError, did_you_mean, shown
from plantnas.files import read_file
from plantnas.given import check_path
from plantnas.mistakes import mistake_in
from plantnas.named_keys import check_names, code_names, table_of
from plantnas.search_space import SearchSpace
from plantnas.trust import trust
from plantnas.yaml_text import MOST_CHARACTERS, parsed

Model = TypeVar("Model", bound=BaseModel)

MOST_BYTES = 4 * MOST_CHARACTERS
"""Of a file, before it is known to be text."""


def shipped_studies() -> list[str]:
    """Names of the studies that ship with plantnas."""
    return _names("plantnas.studies")


def shipped_search_spaces() -> list[str]:
    """Names of the search spaces that ship with plantnas."""
    return _names("plantnas.search_spaces")


def load_search_space(name_or_path: str) -> SearchSpace:
    """A shipped search space by name, or the YAML file at a path.

    Raises:
        ConfigurationError: It does not exist or is not valid.
    """
    path, text = _read(name_or_path, "search space", "plantnas.search_spaces")
    space = validated(SearchSpace, _mapping(path, text), path)
    with _naming(path):
        table_of("search_space.architecture").check(space.architecture)
    return space


def load_study(name_or_path: str | Path) -> StudyConfig:
    """A shipped study by name, or the YAML file at a path.

    In the file, `search_space` is a shipped one's name, a path (relative to the file) or the
    search space itself; `name` is the file's stem unless given.

    Raises:
        ConfigurationError: It does not exist or is not valid.
    """
    check_path("name_or_path", name_or_path)
    path, text = _read(str(name_or_path), "study", "plantnas.studies")
    tree = {"name": Path(path).stem, **_mapping(path, text)}
    space = tree.get("search_space")
    if isinstance(space, str):
        beside = Path(path).parent / space
        space = str(beside) if is_path(space) and not Path(space).is_absolute() else space
        tree["search_space"] = load_search_space(space)
    config = _study(tree, path)
    trust(code_names(config))
    return config


def with_overrides(config: StudyConfig, overrides: dict[str, Any]) -> StudyConfig:
    """The study with some dotted keys set to other values; those that are None are left out.

    Defaults that depend on another key follow it.

    Raises:
        ConfigurationError: A value is not allowed.
    """
    tree = config.model_dump(exclude_unset=True)
    for dotted_key, value in overrides.items():
        if value is None:
            continue
        *parents, key = dotted_key.split(".")
        branch = tree
        for parent in parents:
            branch = branch.setdefault(parent, {})
        branch[key] = value
    if overrides.get("name") is not None:
        return _study(tree, config.name)
    # One that Optuna knows already may have a name that no file may give.
    changed = _study(tree | {"name": "any"}, config.name)
    return changed.model_copy(update={"name": config.name})


def validated(schema: type[Model], tree: dict[str, Any], where: str) -> Model:
    """The model of a parsed tree.

    Raises:
        ConfigurationError: The first thing that is wrong, in one line that begins with `where`.
    """
    try:
        return schema.model_validate(tree)
    except ValidationError as error:
        raise ConfigurationError(f"{where}: {mistake_in(error, schema)}") from error


def _study(tree: dict[str, Any], where: str) -> StudyConfig:
    config = validated(StudyConfig, tree, where)
    with _naming(where):
        check_names(config)
    return config


@contextmanager
def _naming(where: str) -> Iterator[None]:
    """A message begins with the file that has the mistake."""
    try:
        yield
    except ConfigurationError as error:
        raise ConfigurationError(f"{where}: {error}") from error


def _names(package: str) -> list[str]:
    return sorted(
        Path(entry.name).stem for entry in files(package).iterdir() if entry.name.endswith(".yaml")
    )


def is_path(name: str) -> bool:
    """Whether a study or search space is named by its file's path."""
    return "/" in name or name.endswith((".yaml", ".yml"))


def _read(name_or_path: str, kind: str, package: str) -> tuple[str, str]:
    """The name of the file for messages, and its text."""
    if not is_path(name_or_path):
        names = _names(package)
        if name_or_path not in names:
            raise ConfigurationError(
                f"{kind} {shown(name_or_path)}: unknown. {did_you_mean(name_or_path, names)} "
                "A path to a .yaml file is allowed too."
            )
        file_name = f"{name_or_path}.yaml"
        return file_name, (files(package) / file_name).read_text()
    try:
        return name_or_path, read_file(Path(name_or_path), MOST_BYTES).decode()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "is not a text file"
        raise ConfigurationError(f"{kind} {name_or_path}: {reason}.") from error


def _mapping(file_name: str, text: str) -> dict[str, Any]:
    with _naming(file_name):
        tree = parsed(text)
    if not isinstance(tree, dict):
        raise ConfigurationError(f"{file_name}: has {type(tree).__name__}, where keys are needed.")
    return tree
