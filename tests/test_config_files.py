"""Studies and search spaces in YAML: shipped ones, the user's, and every kind of mistake."""

import os
from pathlib import Path

import pytest

from plantnas.config import StudyConfig
from plantnas.config_files import (
    load_search_space,
    load_study,
    shipped_search_spaces,
    shipped_studies,
    with_overrides,
)
from plantnas.errors import ConfigurationError
from plantnas.networks.loader import build_network
from plantnas.search_space import SearchSpace
from plantnas.training.datasets import DATASETS

MINE = "search_space: plain-small\ndata: {name: digits}\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the study of a test is written to."""
    return tmp_path / "mine.yaml"


def loaded(path: Path, text: str) -> StudyConfig:
    path.write_text(text)
    return load_study(str(path))


def message_of(path: Path, text: str) -> str:
    """What is wrong with a study file, in one line after the file's name."""
    with pytest.raises(ConfigurationError) as error:
        loaded(path, text)
    message = str(error.value)
    assert "\n" not in message
    assert message.startswith(f"{path}: ")
    return message.removeprefix(f"{path}: ")


@pytest.mark.parametrize("name", shipped_studies())
def test_a_shipped_study_loads_under_its_own_name(name: str) -> None:
    assert load_study(name).name == name


@pytest.mark.parametrize("name", shipped_search_spaces())
def test_a_shipped_search_space_names_an_architecture_that_exists(name: str) -> None:
    space = load_search_space(name)
    build_network(space.architecture, 10, 3, space.arguments)


def test_there_is_a_study_for_each_data_set() -> None:
    names = {load_study(name).data.name for name in shipped_studies()}
    assert names == set(DATASETS)


def test_a_study_is_named_after_its_file_unless_it_names_itself(path: Path) -> None:
    assert loaded(path, MINE).name == "mine"
    assert loaded(path, MINE + "name: yours\n").name == "yours"


def test_a_study_is_read_by_a_path_relative_to_the_current_directory(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.write_text(MINE)
    monkeypatch.chdir(path.parent)
    assert load_study("mine.yaml").name == "mine"


def test_a_search_space_may_be_a_shipped_one(path: Path) -> None:
    assert loaded(path, MINE).search_space == load_search_space("plain-small")


def test_a_search_space_may_be_written_into_the_study(path: Path) -> None:
    text = "search_space:\n  architecture: plain\n  seed: {width: 0.3}\ndata: {name: digits}\n"
    space = loaded(path, text).search_space
    assert (space.architecture, space.seed.width) == ("plain", 0.3)


@pytest.mark.parametrize("folder", ["", "spaces/", "../"])
def test_a_search_space_may_be_a_path_relative_to_the_study_file(
    tmp_path: Path, folder: str
) -> None:
    (tmp_path / "studies" / "spaces").mkdir(parents=True)
    (tmp_path / "studies" / folder / "narrow.yaml").write_text("architecture: plain\n")
    text = f"search_space: {folder}narrow.yaml\ndata: {{name: digits}}\n"
    assert loaded(tmp_path / "studies" / "mine.yaml", text).search_space == SearchSpace(
        architecture="plain"
    )


def test_a_search_space_may_be_an_absolute_path(path: Path, tmp_path: Path) -> None:
    (tmp_path / "narrow.yaml").write_text("architecture: plain\n")
    text = f"search_space: {tmp_path}/narrow.yaml\ndata: {{name: digits}}\n"
    assert loaded(path, text).search_space.architecture == "plain"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("serch: {}", "serch: unknown key. Did you mean 'search'?"),
        (
            "planting: {optimiser: sgd}",
            "planting.optimiser: unknown key. Did you mean 'optimizer'?",
        ),
        (
            "search: {sampler: {nmae: TPESampler}}",
            "search.sampler.nmae: unknown key. Did you mean 'name'?",
        ),
        (
            "search: {sampler: {xyzzy: 1}}",
            "search.sampler.xyzzy: unknown key. Allowed: arguments, name.",
        ),
    ],
)
def test_an_unknown_key_is_named_with_the_nearest_known_one(
    path: Path, text: str, expected: str
) -> None:
    assert message_of(path, MINE + text) == expected


def test_an_unknown_key_of_a_search_space_in_the_study_is_named(path: Path) -> None:
    text = "search_space: {architecture: plain, seed: {witdh: 1}}\ndata: {name: digits}\n"
    expected = "search_space.seed.witdh: unknown key. Did you mean 'width'?"
    assert message_of(path, text) == expected


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("planting: {epochs: many}", ["planting.epochs: 'many' is not allowed", "integer"]),
        ("planting: {epochs: 0}", ["planting.epochs: 0 is not allowed", "greater than 0"]),
        ("planting: {epochs: 1.5}", ["planting.epochs: 1.5 is not allowed", "integer"]),
        ("seed: {warmup: 1}", ["seed.warmup: 1 is not allowed", "less than 1"]),
        ("seed: {betas: [2, 0.9]}", ["seed.betas.0: 2 is not allowed", "less than 1"]),
        ("teacher: 3", ["teacher: 3 is not allowed", "dictionary"]),
        (
            "search: {policy: best}",
            ["search.policy: 'best' is unknown", "Allowed: beam, greedy, pareto."],
        ),
        ("random_seed: -1", ["random_seed: -1 is not allowed", "greater than or equal to 0"]),
        ("name: a/b", ["name: 'a/b' is not allowed"]),
        (f"name: {'a' * 999}", ["name: 'aaaa", "... is not allowed", "at most 200 characters"]),
        ("seed: {epochs: true}", ["seed.epochs: True is not allowed", "integer"]),
        ("seed: {epochs: '3'}", ["seed.epochs: '3' is not allowed", "integer"]),
        ("seed: {epochs: 9999999}", ["seed.epochs: 9999999 is not allowed", "1000000"]),
        ("seed: {learning_rate: .inf}", ["seed.learning_rate: inf is not allowed", "finite"]),
        ("seed: {weight_decay: .nan}", ["seed.weight_decay: nan is not allowed", "finite"]),
        ("planting: {epochs: " + "9" * 40 + "}", ["planting.epochs: 9999", "1000000"]),
        ("search: {sampler: {arguments: {x: .inf}}}", ["search.sampler.arguments: inf is no f"]),
        ("search: {steps: 500}", ["planting.epochs_growth 2: more than 1000000 epochs"]),
    ],
)
def test_a_wrong_value_is_named_with_what_is_allowed(
    path: Path, text: str, parts: list[str]
) -> None:
    message = message_of(path, MINE + text)
    assert message.startswith(parts[0])
    assert all(part in message for part in parts)


def test_two_values_that_contradict_each_other_are_named(path: Path) -> None:
    message = message_of(path, MINE + "search: {minimum_growth: 5}")
    assert message == "search: minimum_growth 5.0 must be below maximum_growth 4.5."


def test_a_missing_key_is_named(path: Path) -> None:
    assert message_of(path, "search_space: plain-small\n") == "data: is missing."
    text = "search_space: plain-small\ndata: {train: 3}\n"
    assert message_of(path, text) == "data.name: is missing."


@pytest.mark.parametrize("text", ["a: [1", "a: b: c", "\tdata: 1", "a: &b *c"])
def test_what_is_not_yaml_is_an_error_in_one_line(path: Path, text: str) -> None:
    assert message_of(path, text).startswith("is not valid YAML: ")


@pytest.mark.parametrize(("text", "kind"), [("", "NoneType"), ("- a", "list"), ("word", "str")])
def test_yaml_without_keys_is_an_error(path: Path, text: str, kind: str) -> None:
    assert message_of(path, text) == f"has {kind}, where keys are needed."


def test_a_key_that_is_there_twice_is_told_with_both_lines(path: Path) -> None:
    message = message_of(path, MINE + "search: {steps: 1}\nseed: {}\nsearch: {steps: 2}\n")
    assert message == "search: is there twice, in lines 3 and 5."


def test_a_rate_may_be_written_without_a_point(path: Path) -> None:
    assert loaded(path, MINE + "seed: {learning_rate: 1e-3}").seed.learning_rate == 0.001


def test_a_pipe_is_not_waited_for(path: Path) -> None:
    os.mkfifo(path)
    with pytest.raises(ConfigurationError, match=r"^study .*mine\.yaml: Is no regular file\.$"):
        load_study(str(path))


def test_keys_that_are_not_words_are_errors(path: Path) -> None:
    message_of(path, MINE + "3: 4\n")


@pytest.mark.parametrize("load", [load_study, load_search_space])
def test_a_file_that_does_not_exist_is_named(load: object, tmp_path: Path) -> None:
    assert callable(load)
    with pytest.raises(ConfigurationError, match=r"nowhere\.yaml: No such file"):
        load(str(tmp_path / "nowhere.yaml"))


def test_a_file_that_is_no_text_is_named(path: Path) -> None:
    path.write_bytes(b"\xff\xfe\x00\x81")
    with pytest.raises(ConfigurationError, match=r"mine\.yaml: is not a text file"):
        load_study(str(path))


@pytest.mark.parametrize(
    ("name", "guess"), [("cifar-10", "'cifar10'"), ("fashion_mnist", "'fashion-mnist'")]
)
def test_an_unknown_study_is_guessed(name: str, guess: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^study '{name}': unknown. Did you mean {guess}"):
        load_study(name)


def test_an_unknown_search_space_of_a_study_is_guessed(path: Path) -> None:
    path.write_text("search_space: resnet-20\ndata: {name: digits}\n")
    with pytest.raises(ConfigurationError, match=r"'resnet-20': unknown\. Did you mean 'resnet20'"):
        load_study(str(path))


def test_a_mistake_in_a_search_spaces_own_file_names_that_file(path: Path) -> None:
    (path.parent / "space.yaml").write_text("architecture: plain\nsed: {width: 1}\n")
    path.write_text("search_space: space.yaml\ndata: {name: digits}\n")
    with pytest.raises(ConfigurationError, match=r"space\.yaml: sed: unknown key. Did you mean"):
        load_study(str(path))


def test_an_unknown_architecture_is_told_with_the_file_that_names_it(path: Path) -> None:
    (path.parent / "space.yaml").write_text("architecture: resnet21\n")
    path.write_text("search_space: space.yaml\ndata: {name: digits}\n")
    with pytest.raises(ConfigurationError, match=r"space\.yaml: architecture: 'resnet21' is unk"):
        load_study(str(path))


def test_overrides_change_the_keys_they_name_and_no_other() -> None:
    config = load_study("digits")
    changed = with_overrides(config, {"search.steps": 7, "random_seed": 3, "data.root": None})
    assert (changed.search.steps, changed.random_seed) == (7, 3)
    assert with_overrides(changed, {"search.steps": 3, "random_seed": 0}) == config


def test_overriding_a_key_moves_the_defaults_that_follow_it() -> None:
    config = StudyConfig.model_validate(
        {
            "name": "mine",
            "search_space": {"architecture": "plain"},
            "data": {"name": "digits"},
            "planting": {"column_init": 0.5},
        }
    )
    planting = with_overrides(config, {"planting.rows": "fresh"}).planting
    assert (planting.row_rate, planting.l2_sp, planting.column_init) == (0.1, 0.0, 0.5)


def test_a_key_that_others_follow_is_what_is_wrong_with_it() -> None:
    config = load_study("digits")
    with pytest.raises(ConfigurationError, match=r"planting\.rows"):
        with_overrides(config, {"planting.rows": "teachers"})


def test_a_study_keeps_the_name_that_optuna_has_for_it() -> None:
    recorded = load_study("digits").model_copy(update={"name": "of any: letters / ok"})
    changed = with_overrides(recorded, {"search.steps": 7})
    assert (changed.name, changed.search.steps) == ("of any: letters / ok", 7)
    with pytest.raises(ConfigurationError, match="name: '/' is not allowed"):
        with_overrides(recorded, {"name": "/"})


def test_overrides_leave_the_study_itself_as_it_was() -> None:
    config = load_study("digits")
    with_overrides(config, {"search.sampler.arguments": {}})
    assert config == load_study("digits")


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ({"search.steps": 0}, r"^digits: search\.steps: 0 is not allowed"),
        ({"search.stpes": 1}, r"^digits: search\.stpes: unknown key. Did you mean 'steps'"),
        ({"serch.steps": 1}, r"^digits: serch: unknown key. Did you mean 'search'"),
    ],
)
def test_overrides_are_validated(overrides: dict[str, object], expected: str) -> None:
    with pytest.raises(ConfigurationError, match=expected):
        with_overrides(load_study("digits"), overrides)
