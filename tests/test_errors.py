"""The exceptions that users can catch."""

import pytest

from plantnas import errors
from plantnas.errors import PlantnasError, did_you_mean, first_line

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


@pytest.mark.parametrize(
    ("error", "line"),
    [(ValueError("one\ntwo"), "one"), (KeyError(), "KeyError"), (OSError("  \n"), "OSError")],
)
def test_the_first_line_of_an_error(error: BaseException, line: str) -> None:
    assert first_line(error) == line
