"""A mistake in settings is one line that names the key, the value and what is allowed."""

from typing import Any

import pytest
from pydantic import ValidationError

from plantnas.config import StudyConfig
from plantnas.mistakes import mistake_in

STUDY: dict[str, Any] = {"name": "mine", "search_space": {"architecture": "plain"}}


def said_of(tree: dict[str, Any]) -> str:
    with pytest.raises(ValidationError) as found:
        StudyConfig.model_validate(tree)
    return mistake_in(found.value, StudyConfig)


@pytest.mark.parametrize(
    ("data", "line"),
    [
        ({}, "data.name: is missing."),
        ({"name": "digits", "view": 1}, "data.view: unknown key. Did you mean 'views'?"),
        (
            {"name": "digits", "views": 0},
            "data.views: 0 is not allowed: Input should be greater than 0.",
        ),
    ],
)
def test_the_first_mistake_is_told(data: dict[str, Any], line: str) -> None:
    assert said_of(STUDY | {"data": data, "random_seed": -1}) == line


def test_what_settings_say_together_is_told_as_they_say_it() -> None:
    search = {"minimum_growth": 3, "maximum_growth": 2}
    line = said_of(STUDY | {"data": {"name": "digits"}, "search": search})
    assert line == "search: minimum_growth 3.0 must be below maximum_growth 2.0."


def test_long_keys_and_values_are_shortened() -> None:
    line = said_of(STUDY | {"data": {"name": "digits"}, "x" * 5000: 1})
    assert len(line) < 400
