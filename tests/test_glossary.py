"""One name, one meaning: what parameters are called, and of how many types one name may be."""

from __future__ import annotations

import ast
from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from tests.test_quality import package

if TYPE_CHECKING:
    from collections.abc import Iterator

SHARE = 0.88
"""At least so many of all parameters have the commonest type of their name."""

MOST_TYPES = 3
"""A name has at most so many."""

GLOSSARY = {
    "study": {"optuna.Study"},
    "name": {"str", "str | None"},
    "prepared": {"PreparedStudy"},
    "records": {"StudyRecords"},
    "record": {"NetworkRecord", "NetworkRecord | None"},
    "recorded": {"StudyData"},
    "points": {"Sequence[Point]"},
}
"""What a parameter of this name is, wherever it stands."""


def annotated() -> dict[str, str]:
    """What stands behind each alias of `Annotated`, as the options of commands are."""
    return {
        ast.unparse(node.targets[0]): ast.unparse(node.value.slice.elts[0])  # type: ignore[attr-defined]
        for tree in package().values()
        for node in tree.body
        if isinstance(node, ast.Assign)
        and isinstance(node.value, ast.Subscript)
        and ast.unparse(node.value.value) == "Annotated"
    }


def type_of(annotation: ast.expr | None, aliases: dict[str, str]) -> str:
    """A parameter's type in words, without quotes and what `Annotated` adds."""
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        annotation = ast.parse(annotation.value, mode="eval").body
    if isinstance(annotation, ast.Subscript) and ast.unparse(annotation.value) == "Annotated":
        annotation = annotation.slice.elts[0]  # type: ignore[attr-defined]
    words = "" if annotation is None else ast.unparse(annotation)
    words = words.replace("optuna.trial.", "").replace("'", "")
    return aliases.get(words, words)


def parameters() -> Iterator[tuple[str, str, str]]:
    """The name, type and place of each parameter of the package's functions."""
    aliases = annotated()
    for place, tree in package().items():
        if "migrations/versions" in place:
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                arguments = node.args
                for each in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
                    if each.arg not in ("self", "cls"):
                        where = f"{place}:{node.lineno} {node.name}"
                        yield each.arg, type_of(each.annotation, aliases), where


def types_by_name() -> dict[str, Counter[str]]:
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for name, kind, _ in parameters():
        found[name][kind] += 1
    return found


def test_most_parameters_have_the_commonest_type_of_their_name() -> None:
    counts = types_by_name().values()
    commonest = sum(max(types.values()) for types in counts)
    assert commonest >= SHARE * sum(types.total() for types in counts)


def test_no_name_has_more_than_three_types() -> None:
    many = {name: types for name, types in types_by_name().items() if len(types) > MOST_TYPES}
    assert not many


def test_the_words_of_the_glossary_mean_what_it_says() -> None:
    wrong = [
        f"{where}: {name}: {kind}"
        for name, kind, where in parameters()
        if name in GLOSSARY and kind not in GLOSSARY[name]
    ]
    assert not wrong


def test_the_arithmetic_of_fronts_speaks_of_points_and_their_costs() -> None:
    classes = [
        node for node in package()["plantnas/hypervolume.py"].body if isinstance(node, ast.ClassDef)
    ]
    (point,) = (each for each in classes if each.name == "Point")
    fields = [ast.unparse(each.target) for each in point.body if isinstance(each, ast.AnnAssign)]
    assert fields == ["accuracy", "cost"]
