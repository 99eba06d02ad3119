"""A study's database may be anybody's: code that it alone names is not run."""

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import plantnas as package
from plantnas.errors import ConfigurationError
from plantnas.trust import VARIABLE
from tests.conftest import Ended, StudyFolder

OWN = """
from pathlib import Path
from plantnas.networks.plain import plain_small
from plantnas.training.datasets.digits import read
from plantnas.trials.policies import Greedy
Path("ran").touch()
net = plain_small
"""

STUDY = """
search_space: {architecture: "own:net"}
data: {name: digits, train: 200, validation: 100, views: 1}
teacher: {epochs: 2, precision: float32}
seed: {epochs: 2, start: teacher, learning_rate: 0.02, precision: float32}
planting: {screen_epochs: 1, epochs: 1, precision: float32}
search: {steps: 1, probes: 0, trials_per_step: 1, minimum_growth: 1.3, maximum_growth: 4}
"""


@pytest.fixture
def anybodys(prepared: StudyFolder, tmp_path: Path, folder: Path) -> Callable[..., StudyFolder]:
    """Copies a study and changes what its database says of it; own.py is in the current folder."""
    (folder / "own.py").write_text(OWN)

    def changed(**changes: Any) -> StudyFolder:
        copied = prepared.copy(tmp_path / "study")
        connection = sqlite3.connect(copied.directory / "study.db")
        ((text,),) = connection.execute("SELECT configuration FROM plantnas_studies")
        said = json.loads(text)
        for key, value in changes.items():
            part, _, name = key.partition("__")
            said[part][name] = value
        connection.execute("UPDATE plantnas_studies SET configuration = ?", [json.dumps(said)])
        connection.commit()
        connection.close()
        return copied

    return changed


@pytest.mark.parametrize(
    ("command", "changes"),
    [
        (["export"], {"search_space__architecture": "own:net"}),
        (["export", "--format", "pt2"], {"data__name": "own:read"}),
        (["finish", "--network", "2", "--epochs", "1"], {"search__policy": "own:Greedy"}),
        (["worker"], {"data__name": "own:read"}),
        (["worker"], {"planting__rows": "own:net"}),
        (["run"], {"distillation__loss": "own:net"}),
    ],
)
@pytest.mark.parametrize("by_file", [True, False])
def test_what_a_database_names_is_not_run(
    plantnas: Callable[..., Ended],
    anybodys: Callable[..., StudyFolder],
    command: list[str],
    changes: dict[str, Any],
    by_file: bool,
) -> None:
    study = anybodys(**changes)
    name, *options = command
    asked = study.yaml if by_file or name == "run" else "tiny"
    ended = plantnas(name, asked, "--directory", study.directory, *options)
    assert ended.exit_code == 2
    assert ended.stderr.count("\n") == 1
    assert not Path("ran").exists()


def test_what_a_database_names_is_run_if_it_is_trusted(
    plantnas: Callable[..., Ended], anybodys: Callable[..., StudyFolder]
) -> None:
    study = anybodys(search_space__architecture="own:net")
    words = ("export", "tiny", "--directory", study.directory)
    ended = plantnas(*words)
    assert "'own:net' would run code that the database of study 'tiny' names" in ended.stderr
    ended = plantnas(*words, "--trust")
    assert (ended.exit_code, ended.stderr) == (0, "")
    assert Path("ran").exists()


def test_pythons_functions_run_what_a_database_names_only_if_it_is_trusted(
    anybodys: Callable[..., StudyFolder],
) -> None:
    study = anybodys(search_space__architecture="own:net", data__name="own:read")
    with pytest.raises(ConfigurationError, match="'own:net' would run code"):
        package.load_network(study.url, "tiny", 2)
    with pytest.raises(ConfigurationError, match="'own:read' would run code"):
        package.load_images(study.url, "tiny")
    assert not Path("ran").exists()
    package.load_network(study.url, "tiny", 2, trust=True)
    assert len(package.load_images(study.url, "tiny", trust=True)[0]) == 300


@pytest.mark.slow
def test_an_architecture_of_the_users_own_is_searched_and_exported_by_its_file(
    plantnas: Callable[..., Ended], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "own.py").write_text(OWN)
    (folder / "mine.yaml").write_text(STUDY)
    for _ in range(2):  # the second goes on with what is recorded
        ended = plantnas("run", "mine.yaml")
        assert (ended.exit_code, ended.stderr) == (0, "")
        monkeypatch.delenv(VARIABLE)
    assert plantnas("export", "mine", "--output", "a.pt").exit_code == 2
    ended = plantnas("export", "mine.yaml", "--output", "a.pt")
    assert (ended.exit_code, ended.stderr) == (0, "")
