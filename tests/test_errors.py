"""The exceptions that users can catch."""

import pytest

from plantnas import errors
from plantnas.errors import (
    PlantnasError,
    StorageError,
    causes_of,
    did_you_mean,
    first_line,
    one_line,
    shown,
)

OWN = [each for each in vars(errors).values() if getattr(each, "__module__", "") == errors.__name__]


@pytest.mark.parametrize("error", [each for each in OWN if isinstance(each, type)])
def test_every_error_is_a_plantnas_error(error: type[Exception]) -> None:
    assert issubclass(error, PlantnasError)


def test_a_near_name_is_guessed() -> None:
    assert did_you_mean("optimiser", ["epochs", "optimizer"]) == "Did you mean 'optimizer'?"


def test_the_nearest_of_several_near_names_is_guessed() -> None:
    assert did_you_mean("cifar20", ["cifar100", "cifar10", "svhn"]) == "Did you mean 'cifar10'?"


def test_without_a_near_name_all_allowed_ones_are_told_in_order() -> None:
    assert did_you_mean("xyz", iter(["svhn", "digits"])) == "Allowed: digits, svhn."


def test_of_a_thousand_allowed_names_the_first_are_told() -> None:
    told = did_you_mean("xyz", [f"network{number:04}" for number in range(1234)])
    assert told.startswith("Allowed: network0000, network0001, ")
    assert told.endswith("network0019 and 1,214 more.")


@pytest.mark.parametrize(
    ("error", "line"),
    [(ValueError("one\ntwo"), "one"), (KeyError(), "KeyError"), (OSError("  \n"), "OSError")],
)
def test_the_first_line_of_an_error(error: BaseException, line: str) -> None:
    assert first_line(error) == line


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("one\n  two\r\nthree", "one two three"),
        (" the 'é' of  two", "the 'é' of  two"),
        ("the " + "x" * 5000 + " of y", "the " + "x" * 500 + "... of y"),
        ("a\x1b[31mb\0c\u2028\udcff", r"a\x1b[31mb\x00c\u2028\udcff"),
    ],
)
def test_a_message_is_one_line_that_does_nothing_to_a_terminal(text: str, line: str) -> None:
    assert one_line(text) == line
    assert str(PlantnasError(text)) == line


def test_a_value_is_shortened() -> None:
    assert shown("a") == "'a'"
    assert shown("a" * 1000) == f"'{'a' * 59}..."
    assert shown(10**10_000) == "a int"


def test_a_name_of_a_million_letters_is_near_none() -> None:
    assert did_you_mean("x" * 10**6, ["digits"]) == "Allowed: digits."


def test_what_an_error_came_from_is_told_with_it_and_in_order() -> None:
    first, second, third = KeyError("first"), ValueError("second"), StorageError("third")
    second.__context__, third.__cause__ = first, second
    assert list(causes_of(third)) == [third, second, first]
