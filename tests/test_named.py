"""A name stands for one thing: a shipped one, or the user's own in a module."""

import sys
from collections.abc import Callable
from inspect import signature
from pathlib import Path
from typing import Any

import optuna
import pytest

from plantnas.errors import ConfigurationError, DataError
from plantnas.files import write_atomically
from plantnas.named import Table, fault_of_the_users, imported, modules_of

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


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("open('no-such.pt')", r"raised FileNotFoundError: .*: 'no-such.pt' \(of_mine.py:2\)"),
        ("assert not numbers, 'too many'", r"raised AssertionError: too many \(of_mine.py:2\)"),
        ("{'a': 1}['b']", r"raised KeyError: 'b' \(of_mine.py:2\)"),
        ("import sys; sys.exit(3)", r"raised SystemExit: 3 \(of_mine.py:2\)"),
        ("import json; json.loads('{')", r"raised JSONDecodeError: .* \(of_mine.py:2\)"),
        ("raise ValueError('one\\ntwo')", r"raised ValueError: one \(of_mine.py:2\)"),
    ],
)
def test_what_the_users_own_raises_when_it_is_called_is_told_with_its_line(
    folder: Path, body: str, message: str
) -> None:
    (folder / "of_mine.py").write_text(f"def rule(numbers):\n    {body}")
    with pytest.raises(ConfigurationError, match=rf"^rule: 'of_mine:rule': {message}\.$") as told:
        RULES.find("of_mine:rule")([1])
    assert "\n" not in str(told.value)


def test_arguments_that_the_users_own_does_not_take_are_told_in_a_line(folder: Path) -> None:
    (folder / "of_mine.py").write_text("def rule(): return 7")
    with pytest.raises(ConfigurationError, match=r"'of_mine:rule': rule\(\) takes 0 positional"):
        RULES.find("of_mine:rule")([1])


def test_what_the_users_own_returns_in_vain_is_told_in_a_line(folder: Path) -> None:
    table = Table[Callable[[], int]]("rule", {}, "a function that returns a number", result=int)
    (folder / "of_mine.py").write_text("def rule(): return 'seven'")
    message = (
        "^rule: 'of_mine:rule' returned a str, but is to be a function that returns a number.$"
    )
    with pytest.raises(ConfigurationError, match=message):
        table.find("of_mine:rule")()


def test_our_own_errors_and_pruned_trials_pass_through_the_users_code(folder: Path) -> None:
    (folder / "of_mine.py").write_text(
        "import optuna, plantnas\n"
        "def wrong(): raise plantnas.errors.DataError('mine')\n"
        "def pruned(): raise optuna.TrialPruned()\n"
    )
    with pytest.raises(DataError, match=r"^mine$"):
        RULES.find("of_mine:wrong")()
    with pytest.raises(optuna.TrialPruned):
        RULES.find("of_mine:pruned")()


def test_the_users_own_has_its_signature_and_is_the_same_each_time(folder: Path) -> None:
    (folder / "of_mine.py").write_text("def rule(numbers, start=0): return start")
    found = RULES.find("of_mine:rule")
    assert list(signature(found).parameters) == ["numbers", "start"]
    assert found == RULES.find("of_mine:rule")
    assert len({found, RULES.find("of_mine:rule")}) == 1


def test_a_mistake_in_the_users_syntax_is_told_with_its_line(folder: Path) -> None:
    (folder / "of_mine.py").write_text("\n\ndef rule(:\n")
    with pytest.raises(ConfigurationError, match=r"raised SyntaxError: .* \(of_mine.py:3\)\.$"):
        RULES.find("of_mine:rule")


def test_a_module_that_the_users_own_lacks_is_told_with_the_line_that_imports_it(
    folder: Path,
) -> None:
    (folder / "of_mine.py").write_text("\nimport nowhere_at_all\n")
    message = r"No module named 'nowhere_at_all' \(of_mine.py:2\)\.$"
    with pytest.raises(ConfigurationError, match=message):
        RULES.find("of_mine:rule")


def test_a_fault_is_the_users_where_their_code_was_called(folder: Path) -> None:
    (folder / "of_mine.py").write_text("def write(file): return {}['a']")
    with pytest.raises(KeyError) as theirs:
        write_atomically(folder / "file", imported("of_mine:write", "write"))
    assert fault_of_the_users(theirs.value) == "raised KeyError: 'a' (of_mine.py:1)"
    with pytest.raises(AttributeError) as ours:
        modules_of(3, "attribute")  # type: ignore[arg-type]
    assert fault_of_the_users(ours.value) is None


def test_the_modules_of_a_package_are_names() -> None:
    names = modules_of("concurrent.futures", "Executor")
    assert names["process"] == "concurrent.futures.process:Executor"
    assert "-base" in names
