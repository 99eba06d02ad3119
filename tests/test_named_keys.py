"""Names in a study file are told to be wrong at once, and the user's own before anything trains."""

import subprocess
import sys
from pathlib import Path

import pytest

from plantnas.config import StudyConfig
from plantnas.config_files import load_study, with_overrides
from plantnas.errors import ConfigurationError
from plantnas.named_keys import TABLES, check_names, find_names, table_of

MINE = "search_space: plain-small\ndata: {name: digits}\n"


def with_name(key: str, name: str) -> StudyConfig:
    """The study of digits with another name, whether it stands for anything or not."""
    *path, last = key.split(".")
    tree = load_study("digits").model_dump(exclude_unset=True)
    branch = tree
    for part in path:
        branch = branch.setdefault(part, {})
    branch[last] = name
    return StudyConfig.model_validate(tree)


@pytest.mark.parametrize("key", TABLES)
def test_a_table_knows_its_key(key: str) -> None:
    assert key.endswith(table_of(key).key)


@pytest.mark.parametrize("key", TABLES)
def test_a_mistyped_name_is_told_with_its_key_and_the_nearest_name(key: str) -> None:
    name = next(iter(table_of(key)))
    with pytest.raises(ConfigurationError) as raised:
        check_names(with_name(key, f"{name[:-1]}"))
    start = f"{table_of(key).key}: {name[:-1]!r} is unknown. Did you mean "
    assert str(raised.value).startswith(start)
    assert "A module:attribute of yours " in str(raised.value)


def test_it_is_told_with_its_file_before_torch_and_optuna_are_imported(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(MINE + "search: {policy: gredy}")
    program = (
        "import sys, plantnas\n"
        "try:\n    plantnas.load_study('mine.yaml')\n"
        "except plantnas.PlantnasError as error:\n    print(error)\n"
        "assert not {'torch', 'optuna', 'numpy'} & set(sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.stdout.startswith("mine.yaml: search.policy: 'gredy' is unknown. Did you mean 'gr")
    assert not done.stderr


def test_an_override_is_checked_too() -> None:
    with pytest.raises(ConfigurationError, match=r"^digits: search\.winner: 'best' is unknown"):
        with_overrides(load_study("digits"), {"search.winner": "best"})


@pytest.mark.parametrize("key", TABLES)
def test_the_users_own_is_imported_when_it_is_wanted(key: str, folder: Path) -> None:
    (folder / "of_mine.py").write_text("def anything(*arguments): return 0")
    config = with_name(key, "of_mine:anything")
    check_names(config)
    assert "of_mine" not in sys.modules
    find_names(config)
    assert "of_mine" in sys.modules


@pytest.mark.parametrize("key", TABLES)
def test_the_users_own_that_is_not_there_is_told(key: str, folder: Path) -> None:
    message = f"^{table_of(key).key}: 'of_mine:anything': No module named 'of_mine'"
    with pytest.raises(ConfigurationError, match=message):
        find_names(with_name(key, "of_mine:anything"))
