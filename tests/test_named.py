"""A name stands for one thing: a shipped one, or the user's own in a module."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from plantnas.errors import ConfigurationError
from plantnas.named import Table, imported, modules_of

RULES = Table("rule", {"sum": sum, "root": "math:sqrt"}, "a function of numbers")


def test_a_shipped_thing_is_found_by_its_name() -> None:
    assert RULES.find("sum") is sum
    assert RULES.find("root")(9) == 3
    assert list(RULES) == ["sum", "root"]


def test_an_unknown_name_is_told_with_the_nearest_and_what_is_allowed() -> None:
    message = "rule: 'rooot' is unknown. Did you mean 'root'? A module:attribute of yours is"
    with pytest.raises(ConfigurationError) as raised:
        RULES.find("rooot")
    assert str(raised.value) == f"{message} allowed too: a function of numbers."


def test_a_name_may_be_one_of_anothers_collection() -> None:
    table = Table[Any]("digit", {"one": abs}, "a function", {"roman/": "tests.test_named:roman"})
    table.check("roman/V")
    assert table.find("roman/V")() == 5
    with pytest.raises(ConfigurationError, match="A module:attribute of yours or roman/NAME is"):
        table.find("romn/V")


def roman(rest: str) -> Callable[[], int]:
    """What a collection finds by the rest of a name."""
    return lambda: {"V": 5}[rest]


def test_checking_imports_nothing(folder: Path) -> None:
    (folder / "of_mine.py").write_text("raise AssertionError('imported')")
    RULES.check("of_mine:rule")
    assert "of_mine" not in sys.modules


def test_the_users_own_is_found_in_the_current_folder(folder: Path) -> None:
    (folder / "of_mine.py").write_text("def rule(numbers): return 7")
    assert RULES.find("of_mine:rule")([]) == 7
    assert str(folder) not in sys.path


def test_a_file_of_the_current_folder_does_not_stand_for_an_installed_module(folder: Path) -> None:
    (folder / "colorsys.py").write_text("raise AssertionError('imported')")
    sys.modules.pop("colorsys", None)
    assert callable(imported("colorsys:rgb_to_hls", "rule"))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nowhere:rule", "rule: 'nowhere:rule': No module named 'nowhere'"),
        ("math:roots", "rule: 'math:roots': module 'math' has no attribute 'roots'"),
        (":rule", "rule: ':rule': Empty module name"),
        ("math:pi", "rule: 'math:pi' is not a function of numbers."),
    ],
)
def test_what_is_not_there_is_told_in_a_line(name: str, message: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        RULES.find(name)
    assert str(raised.value).startswith(message)


@pytest.mark.parametrize("statement", ["raise KeyError('weights')", "import sys; sys.exit(3)"])
def test_what_the_users_module_raises_is_told_with_its_line(folder: Path, statement: str) -> None:
    (folder / "of_mine.py").write_text(f"\n{statement}")
    with pytest.raises(ConfigurationError, match=r"raised \w+: .*of_mine.py:2\)"):
        RULES.find("of_mine:rule")


def test_the_modules_of_a_package_are_names() -> None:
    names = modules_of("concurrent.futures", "Executor")
    assert names["process"] == "concurrent.futures.process:Executor"
    assert "-base" in names
