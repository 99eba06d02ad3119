"""docs/configuration.md tells of every key, with the type, default and meaning that it has."""

import ast
import inspect
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from plantnas.config import StudyConfig
from plantnas.named_keys import TABLES, table_of
from plantnas.settings import Settings

PAGE = Path(__file__).parents[1] / "docs/configuration.md"
REQUIRED = {
    "name": "x",
    "data": {"name": "digits"},
    "search_space": {"architecture": "plain"},
}
"""What has no default."""
NONSENSE = 10**6
"""Limits from here on are not told: whoever exceeds one has mistyped."""


def rows(model: BaseModel, schema: dict[str, Any], place: str = "") -> Iterator[str]:
    """A row of the page for each key below a model: key, values, default and meaning."""
    definition = schema["$defs"].get(type(model).__name__, schema)
    for name in type(model).model_fields:
        key, value = f"{place}{name}", getattr(model, name)
        if isinstance(value, BaseModel):
            yield from rows(value, schema, f"{key}.")
        else:
            default = "required" if is_required(key) else f"`{as_yaml(value)}`"
            allowed = values(definition["properties"][name])
            if key in TABLES:
                allowed = names(key) + (" or `null`" if value is None else "")
            yield f"| `{key}` | {allowed} | {default} | {meaning(type(model), name)} |"


def is_required(key: str) -> bool:
    tree: Any = REQUIRED
    for part in key.split("."):
        tree = tree.get(part) if isinstance(tree, dict) else None
    return tree is not None


def as_yaml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {as_yaml(each)}" for key, each in value.items()) + "}"
    if isinstance(value, tuple):
        return "[" + ", ".join(as_yaml(each) for each in value) + "]"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return f'"{value}"' if value == "*" else str(value)


def names(key: str) -> str:
    """The names that the table of a key knows, and the user's own."""
    return ", ".join(f"`{name}`" for name in table_of(key)) + " or `module:attribute`"


def values(schema: dict[str, Any]) -> str:
    """The values that JSON Schema allows, in words."""
    if "anyOf" in schema:
        return " or ".join(values(each) for each in schema["anyOf"])
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if schema["type"] == "array":
        items = schema.get("prefixItems")
        if items:
            return f"{len(items)} x {values(items[0])}"
        name, _, bounds = values(schema["items"]).partition(" ")
        return f"{name}s {bounds}".strip()
    kinds = {"object": "keys and values", "boolean": "`true`, `false`", "null": "`null`"}
    kind = kinds.get(schema["type"], schema["type"])
    signs = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    told = {limit: schema[limit] for limit in signs if limit in schema}
    if told.get("maximum", 0) >= NONSENSE:
        del told["maximum"]
    if "minimum" in told:
        told.pop("exclusiveMinimum", None)
    limits = [f"{signs[limit]} {value:.10g}" for limit, value in told.items()]
    if "pattern" in schema:
        limits.append(f"`{schema['pattern']}`")
    return f"{kind} {', '.join(limits)}".strip()


def meaning(model: type[BaseModel], field: str) -> str:
    """The docstring behind a field, of the class that has one."""
    for parent in model.__mro__:
        if issubclass(parent, Settings) and (text := docstrings(parent).get(field)):
            return " ".join(text.split())
    raise AssertionError(f"{model.__name__}.{field} has no docstring")


@cache
def docstrings(model: type) -> dict[str, str]:
    (definition,) = ast.parse(inspect.getsource(model)).body
    assert isinstance(definition, ast.ClassDef)
    return {
        field.target.id: text.value.value
        for field, text in zip(definition.body, definition.body[1:], strict=False)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(text, ast.Expr)
        and isinstance(text.value, ast.Constant)
        and isinstance(text.value.value, str)
    }


@pytest.fixture(scope="module")
def expected() -> list[str]:
    return list(rows(StudyConfig.model_validate(REQUIRED), StudyConfig.model_json_schema()))


@pytest.fixture(scope="module")
def found() -> list[str]:
    return [line for line in PAGE.read_text().splitlines() if line.startswith("| `")]


def test_every_key_stands_on_the_page_as_it_is(expected: list[str], found: list[str]) -> None:
    missing = [row for row in expected if row not in found]
    assert not missing, "docs/configuration.md needs these rows:\n" + "\n".join(missing)


def test_the_page_has_no_key_that_does_not_exist(expected: list[str], found: list[str]) -> None:
    assert sorted(found) == sorted(expected)
