"""The values that settings may have: strict, finite and bounded."""

from typing import Any

import pytest
from pydantic import ValidationError

from plantnas.settings import (
    Amount,
    Arguments,
    Count,
    Factor,
    ImageChannels,
    Rate,
    Settings,
    Share,
    Switch,
    Weight,
)


class Sample(Settings):
    """A setting of each kind."""

    count: Count = 1
    amount: Amount = 1
    factor: Factor = 1.0
    weight: Weight = 1.0
    rate: Rate = 1.0
    share: Share = 0.5
    switch: Switch = True
    channels: ImageChannels = 1
    arguments: Arguments = {}  # noqa: RUF012  # pydantic copies it


NUMBERS = ("count", "amount", "factor", "weight", "rate", "share", "channels")


@pytest.mark.parametrize("key", NUMBERS)
@pytest.mark.parametrize("value", [True, "1", None, [1], 10**40, -1])
def test_a_number_is_a_number_of_sane_size(key: str, value: object) -> None:
    with pytest.raises(ValidationError):
        Sample(**{key: value})


@pytest.mark.parametrize("key", NUMBERS)
@pytest.mark.parametrize("value", [float("inf"), float("nan")])
def test_a_number_is_finite(key: str, value: float) -> None:
    with pytest.raises(ValidationError):
        Sample(**{key: value})


@pytest.mark.parametrize("value", [1, 0, "true", "yes", None])
def test_a_switch_is_true_or_false(value: object) -> None:
    with pytest.raises(ValidationError):
        Sample(switch=value)


def test_a_whole_number_may_stand_for_any() -> None:
    assert Sample(factor=2).factor == 2.0


@pytest.mark.parametrize(
    "arguments", [{"a": [1, 2.5, True, None, "x", {"b": (1, 2)}]}, {}, {"a": 10**30}]
)
def test_arguments_are_what_a_file_could_say(arguments: dict[str, Any]) -> None:
    assert Sample(arguments=arguments).arguments == arguments


@pytest.mark.parametrize(
    "value", [float("nan"), [float("inf")], {1: 2}, {"b": object()}, b"x", {1, 2}, 1j]
)
def test_other_arguments_are_refused(value: object) -> None:
    with pytest.raises(ValidationError):
        Sample(arguments={"a": value})
