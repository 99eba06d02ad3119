"""The values that settings may have: strict, finite and bounded."""

from typing import Any

import pytest

from plantnas.errors import ConfigurationError
from plantnas.settings import (
    Amount,
    Arguments,
    Count,
    Factor,
    ImageChannels,
    NamesWithArguments,
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
    names: NamesWithArguments = ()


ENDLESS: list[Any] = []
ENDLESS.append(ENDLESS)
NUMBERS = ("count", "amount", "factor", "weight", "rate", "share", "channels")


@pytest.mark.parametrize("key", NUMBERS)
@pytest.mark.parametrize("value", [True, "1", None, [1], 10**40, -1])
def test_a_number_is_a_number_of_sane_size(key: str, value: object) -> None:
    with pytest.raises(ConfigurationError):
        Sample(**{key: value})


@pytest.mark.parametrize("key", NUMBERS)
@pytest.mark.parametrize("value", [float("inf"), float("nan")])
def test_a_number_is_finite(key: str, value: float) -> None:
    with pytest.raises(ConfigurationError):
        Sample(**{key: value})


class Outer(Settings):
    """Settings within settings."""

    sample: Sample = Sample()


def test_a_mistake_within_has_its_place() -> None:
    with pytest.raises(ConfigurationError, match=r"^Outer: sample\.count: -1 is not allowed: "):
        Outer(sample={"count": -1})
    with pytest.raises(ConfigurationError, match=r"^Outer: sample\.counts: unknown key\. Did you"):
        Outer(sample={"counts": 1})


@pytest.mark.parametrize("value", [1, 0, "true", "yes", None])
def test_a_switch_is_true_or_false(value: object) -> None:
    with pytest.raises(ConfigurationError):
        Sample(switch=value)


def test_a_whole_number_may_stand_for_any() -> None:
    assert Sample(factor=2).factor == 2.0


@pytest.mark.parametrize(
    "arguments", [{"a": [1, 2.5, True, None, "x", {"b": (1, 2)}]}, {}, {"a": 10**30}]
)
def test_arguments_are_what_a_file_could_say(arguments: dict[str, Any]) -> None:
    assert Sample(arguments=arguments).arguments == arguments


@pytest.mark.parametrize(
    "value",
    [float("nan"), [float("inf")], {1: 2}, {"b": object()}, b"x", {1, 2}, 1j, 10**5000, ENDLESS],
    ids=lambda value: type(value).__name__,
)
def test_other_arguments_are_refused(value: object) -> None:
    with pytest.raises(ConfigurationError):
        Sample(arguments={"a": value})


def test_things_are_named_with_or_without_arguments() -> None:
    assert Sample(names="Flip").names == ({"Flip": {}},)  # type: ignore[arg-type]
    mixed = ["Flip", {"Crop": {"size": 8}}, {"Blur": None}]
    assert Sample.model_validate({"names": mixed}).names == (
        {"Flip": {}},
        {"Crop": {"size": 8}},
        {"Blur": {}},
    )


@pytest.mark.parametrize("said", [3, [3], [{}], [{"a": {}, "b": {}}], [{1: {}}], {"a": {}}])
def test_what_is_no_name_is_told(said: object) -> None:
    with pytest.raises(ConfigurationError, match=r"^Sample: names: .* is no (list of )?names?,"):
        Sample(names=said)  # type: ignore[arg-type]
