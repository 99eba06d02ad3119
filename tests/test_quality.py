"""The tools that keep the code clean, and the house rules that no tool knows."""

import ast
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from importlib import import_module
from pathlib import Path, PurePosixPath

import pytest

ROOT = Path(__file__).parents[1]


@cache
def modules_of(folder: str) -> dict[str, ast.Module]:
    """The parsed modules below a folder, by their paths."""
    paths = sorted((ROOT / folder).rglob("*.py"))
    return {path.relative_to(ROOT).as_posix(): ast.parse(path.read_bytes()) for path in paths}


def package() -> dict[str, ast.Module]:
    """The modules that users install."""
    return modules_of("plantnas")


def everything() -> dict[str, ast.Module]:
    """These, the tests and the benchmarks; not parsed where tests are only collected."""
    return package() | modules_of("tests") | modules_of("benchmarks")


TOOLS = {
    "ruff check": [sys.executable, "-m", "ruff", "check", "."],
    "ruff format": [sys.executable, "-m", "ruff", "format", "--check", "."],
    "mypy": [sys.executable, "-m", "mypy"],
    "import-linter": [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"],
}

TESTED_ELSEWHERE = {
    "plantnas/__main__.py": "tests/cli/test_main.py",
    "plantnas/version.py": "tests/test_packaging.py",
    "plantnas/records/record.py": "tests/records/test_database.py",  # what it stores
    "plantnas/records/tables.py": "tests/records/test_migrations.py",  # what they must equal
    "plantnas/records/migrations/": "tests/records/test_migrations.py",
    "plantnas/training/datasets/": "tests/training/test_data_formats.py",
    "plantnas/training/torchvision_images.py": "tests/training/test_data_formats.py",
    "plantnas/searching/prepared.py": "tests/searching/test_preparing.py",  # what it returns
}
"""Modules, or folders of them, without a test file of their name, and where their tests are."""


@pytest.mark.parametrize(
    "tool",
    [  # mypy takes a minute where it has not been run before
        pytest.param(tool, marks=pytest.mark.slow) if tool == "mypy" else tool for tool in TOOLS
    ],
)
def test_the_code_passes(tool: str) -> None:
    done = subprocess.run(
        TOOLS[tool], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert done.returncode == 0, f"{tool} says:\n{done.stdout}"


def test_every_module_says_what_lives_in_it() -> None:
    assert not [place for place, tree in everything().items() if not ast.get_docstring(tree)]


def test_no_file_is_longer_than_400_lines() -> None:
    assert not [
        place for place in everything() if len((ROOT / place).read_text().splitlines()) > 400
    ]


def test_no_function_is_longer_than_50_lines_beside_its_docstring() -> None:
    def is_long(node: ast.AST) -> bool:
        if not isinstance(node, ast.FunctionDef):
            return False
        said = node.body[:1] if ast.get_docstring(node) is not None else []
        return lines_of([node]) - lines_of(said) > 50

    assert not violations(everything(), is_long)


def test_half_of_the_functions_have_at_most_eight_lines_of_code() -> None:
    functions = [
        node
        for tree in package().values()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
    ]
    assert sum(lines_of(code_of(function)) <= 8 for function in functions) >= len(functions) / 2


def test_every_error_has_a_message() -> None:
    def is_bare(node: ast.AST) -> bool:
        if not isinstance(node, ast.Raise) or node.exc is None:
            return False  # a lone `raise` passes an error on
        if isinstance(node.exc, ast.Call):
            return not node.exc.args
        return ast.unparse(node.exc).rpartition(".")[2][0].isupper()  # a class

    assert not violations(package(), is_bare)


def asked_for_their_truth(tree: ast.AST, names: set[str]) -> list[int]:
    """The lines where something of these names stands for true or false."""
    asked = list[ast.expr]()
    for node in ast.walk(tree):
        if isinstance(node, ast.If | ast.IfExp | ast.While | ast.Assert):
            asked.append(node.test)
        elif isinstance(node, ast.BoolOp):
            asked += node.values
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            asked.append(node.operand)
        elif isinstance(node, ast.comprehension):
            asked += node.ifs
    return [each.lineno for each in asked if ast.unparse(each).removeprefix("self.") in names]


def test_no_module_or_tensor_is_asked_for_its_truth() -> None:
    def are_modules(annotation: ast.expr | None) -> bool:
        kinds = set("" if annotation is None else ast.unparse(annotation).strip("'").split(" | "))
        return not kinds.isdisjoint(
            {"nn.Module", "Module", "Tensor", "torch.Tensor", "nn.Parameter"}
        )

    wrong = []
    for place, tree in package().items():
        of_classes = {
            ast.unparse(node.target).removeprefix("self.")
            for node in ast.walk(tree)
            if isinstance(node, ast.AnnAssign) and are_modules(node.annotation)
        }
        wrong += [f"{place}:{line}" for line in asked_for_their_truth(tree, of_classes)]
        for function in ast.walk(tree):
            if isinstance(function, ast.FunctionDef):
                given = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
                names = {each.arg for each in given if are_modules(each.annotation)}
                wrong += [f"{place}:{line}" for line in asked_for_their_truth(function, names)]
    assert not wrong


def test_only_the_command_line_prints() -> None:
    printing = {"print", "sys.stdout.write", "sys.stderr.write", "Console"}

    def prints(node: ast.AST) -> bool:
        return isinstance(node, ast.Call) and ast.unparse(node.func) in printing

    command_line = ("plantnas/cli/", "plantnas/__main__.py")
    silent = {
        place: tree for place, tree in package().items() if not place.startswith(command_line)
    }
    assert not violations(silent, prints)


OPTUNAS = tuple(f"plantnas/records/optuna_{what}.py" for what in ("artifacts", "private", "tables"))
"""Where Optuna's private names may be used."""

OTHERS = {
    *("_asdict", "_fields", "_replace"),  # NamedTuple
    *("_exit", "_getframe"),  # os, sys
    "_mapping",  # a row of SQLAlchemy
    *("_is_amx_tile_supported", "_metadata"),  # torch
}
"""Names with an underscore that are not Optuna's."""


def test_optunas_private_names_are_used_in_three_files_alone() -> None:
    def is_private(name: str) -> bool:
        return name.startswith("_") and not name.startswith("__")

    def is_wrong(node: ast.AST) -> bool:
        if isinstance(node, ast.ImportFrom):
            names = [*(node.module or "").split("."), *(alias.name for alias in node.names)]
            return names[0] == "optuna" and any(map(is_private, names))
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) not in ("self", "cls"):
            return is_private(node.attr) and node.attr not in OTHERS
        return False

    others = {place: tree for place, tree in package().items() if place not in OPTUNAS}
    assert not violations(others, is_wrong)


def test_optunas_private_methods_are_overridden_in_three_files_alone() -> None:
    overridden = [
        f"{place}: {theirs.__name__}.{name}"
        for place in package()
        if place not in OPTUNAS and "/migrations/" not in place  # which alembic imports
        for theirs in classes_of(place)
        for base in theirs.__mro__[1:]
        if base.__module__.partition(".")[0] == "optuna"
        for name in vars(theirs).keys() & vars(base).keys()
        if name.startswith("_") and not name.startswith("__")
        if getattr(vars(theirs)[name], "__module__", "") == theirs.__module__  # not only wrapped
    ]
    assert not overridden


def classes_of(place: str) -> list[type]:
    """The classes that a module defines."""
    module = import_module(place.removesuffix(".py").removesuffix("/__init__").replace("/", "."))
    found = [each for each in vars(module).values() if isinstance(each, type)]
    return [each for each in found if each.__module__ == module.__name__]


def test_every_module_has_a_test_file_in_the_mirrored_place() -> None:
    modules = {place for place in package() if not place.endswith("__init__.py")}
    elsewhere = {place for place in modules if place.startswith(tuple(TESTED_ELSEWHERE))}
    tested = {place for place in modules if (ROOT / mirrored(place)).exists()}
    assert modules - elsewhere == tested
    assert all((ROOT / test).exists() for test in TESTED_ELSEWHERE.values())


def mirrored(module: str) -> str:
    """`tests/channels/test_groups.py` of `plantnas/channels/groups.py`."""
    path = PurePosixPath(module)
    return str("tests" / path.relative_to("plantnas").with_name(f"test_{path.name}"))


def violations(trees: dict[str, ast.Module], is_wrong: Callable[[ast.AST], bool]) -> list[str]:
    """Each wrong node as path:line, which editors open."""
    return [
        f"{place}:{getattr(node, 'lineno', 1)}"
        for place, tree in trees.items()
        for node in ast.walk(tree)
        if is_wrong(node)
    ]


def code_of(function: ast.FunctionDef) -> list[ast.stmt]:
    """Its statements but the docstring."""
    return function.body[1:] if ast.get_docstring(function) else function.body


def lines_of(statements: list[ast.stmt]) -> int:
    if not statements:
        return 0
    return (statements[-1].end_lineno or 0) - statements[0].lineno + 1
