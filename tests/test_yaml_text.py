"""YAML text becomes plain values or one line, whatever it says."""

import pytest

from plantnas.errors import ConfigurationError
from plantnas.yaml_text import DEEPEST, MOST_CHARACTERS, parsed


def message_of(text: str) -> str:
    with pytest.raises(ConfigurationError) as error:
        parsed(text)
    return str(error.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("a: {b: [1, 0.5, true, null, x]}", {"a": {"b": [1, 0.5, True, None, "x"]}}),
        ("a: 1e-3", {"a": 0.001}),
        ("a: -2.5E+3", {"a": -2500.0}),
        ("a: .5e1", {"a": 5.0}),
        ("a: 1e", {"a": "1e"}),
        ("a: 2024-01-31", {"a": "2024-01-31"}),
        ("\ufeffa: 1", {"a": 1}),
        ("a: &x {b: 1}\nc: *x", {"a": {"b": 1}, "c": {"b": 1}}),
        ("a: &x {b: 1, c: 2}\nd: {<<: *x, c: 3}", {"a": {"b": 1, "c": 2}, "d": {"b": 1, "c": 3}}),
    ],
)
def test_what_settings_need_is_read(text: str, value: object) -> None:
    assert parsed(text) == value


def test_a_key_that_is_there_twice_is_told_with_both_lines() -> None:
    text = "search:\n  steps: 1\n  probes: 2\n  steps: 3\n"
    assert message_of(text) == "search.steps: is there twice, in lines 2 and 4."


def test_a_key_that_is_there_twice_in_a_list_is_told_with_its_place() -> None:
    assert message_of("a:\n- b: 1\n  b: 1") == "a.0.b: is there twice, in lines 2 and 3."


@pytest.mark.parametrize("key", ["3", "null", "yes", "1.5", "[1]", "? {a: 1}\n", "!!binary aGk="])
def test_a_key_is_a_word(key: str) -> None:
    assert message_of(f"a: 1\n{key}: 2").startswith("line 2: ")


@pytest.mark.parametrize("value", ["!!int many", "!!float x", "!!bool maybe", "!!int ''", "0b_"])
def test_a_value_that_its_tag_does_not_fit_is_told_with_its_line(value: str) -> None:
    assert message_of(f"a:\n  b: {value}").startswith("line 2: ")


@pytest.mark.parametrize(
    "value",
    [
        "!!timestamp now",
        "!!binary aGk=",
        "!!set {x}",
        "!!omap [x: 1]",
        "!!python/object/apply:os.getcwd []",
        "!mine x",
    ],
)
def test_a_value_that_no_setting_has_is_refused_with_its_line(value: str) -> None:
    assert message_of(f"b: 1\na: {value}").startswith("line 2: ")


@pytest.mark.parametrize("digits", [41, 5000, 100_000])
def test_a_number_has_a_length_that_a_number_has(digits: int) -> None:
    assert message_of(f"a: {'9' * digits}").startswith(f"line 1: a number of {digits} characters")


@pytest.mark.parametrize("escape", ["\\0", "\\ud800", "\\e"])
def test_text_is_of_characters_that_are_printed(escape: str) -> None:
    assert "has the character U+" in message_of(f'a: "x{escape}"')
    assert "has the character U+" in message_of(f'"x{escape}": 1')


def test_aliases_that_stand_for_billions_of_values_are_refused() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    for number in range(1, 12):
        names = ", ".join([f"*a{number - 1}"] * 10)
        lines.append(f"a{number}: &a{number} [{names}]")
    assert message_of("\n".join(lines)) == "line 4: stands for more than 10000 values."


def test_what_holds_itself_is_refused() -> None:
    assert message_of("a: &a\n  b: [*a]") == "line 1: a.b.0: holds itself."


@pytest.mark.parametrize("deep", [DEEPEST + 1, 400, 20_000])
@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ("{a: ", "}"), ("- ", "")])
def test_what_is_nested_too_deep_is_refused(deep: int, opening: str, closing: str) -> None:
    assert "levels deep" in message_of(opening * deep + "x" + closing * deep)


def test_a_long_text_is_refused_before_it_is_read() -> None:
    message = message_of("#" * (MOST_CHARACTERS + 1))
    assert message == f"has {MOST_CHARACTERS + 1} characters, of at most {MOST_CHARACTERS}."


@pytest.mark.parametrize(
    "text", ["a: [1", "a: b: c", "\tdata: 1", "a: &b *c", "%", "a: \x00", "--- 1\n--- 2"]
)
def test_what_is_no_yaml_is_told_in_one_line(text: str) -> None:
    message = message_of(text)
    assert message.startswith("is not valid YAML: ")
    assert "\n" not in message
