"""Settings of every test: one thread a process. And a small study that many tests read.

Tests run in two processes (pyproject.toml), and the networks here are too small for more threads
to pay. Set before torch is imported, and inherited by the processes that tests start.
"""

import atexit
import gc
import os
import shutil
import sqlite3
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.postgres import new_postgres, postgres, postgres_server  # noqa: F401 (fixtures)

if TYPE_CHECKING:
    import optuna
    from alembic.script import ScriptDirectory

    from plantnas.config import StudyConfig
    from plantnas.records.study import StudyRecords
    from plantnas.searching.objective import PlantingObjective

os.environ.setdefault("OMP_NUM_THREADS", "1")
gc.set_threshold(20_000, 20, 20)

TINY = """
search_space: plain-small
data: {name: digits, train: 600, validation: 300, views: 2, flip: false, shift: 1}
teacher: {epochs: 6, learning_rate: 0.005, precision: float32}
seed: {epochs: 6, start: teacher, learning_rate: 0.02, precision: float32}
planting: {batch_size: 32, screen_epochs: 1, epochs: 5, epochs_growth: 1, precision: float32}
search: {steps: 2, probes: 0, trials_per_step: 3, minimum_growth: 1.3, maximum_growth: 2.5}
"""

SHORT = """
search_space: plain-small
data: {name: digits, train: 200, validation: 100, views: 1}
teacher: {epochs: 2, precision: float32}
seed: {epochs: 2, start: teacher, learning_rate: 0.02, precision: float32}
planting: {screen_epochs: 1, epochs: 1, precision: float32}
search: {steps: 1, probes: 0, trials_per_step: 2, minimum_growth: 1.3, maximum_growth: 4}
"""
"""A study of a second."""


SLOW = {
    *("tiny", "short", "brief", "begun", "ended", "prepared", "finished"),  # studies that train
    *("quick", "opened", "made", "made_study", "launched", "searched", "probing", "looking"),
    *("teacher", "seed_of", "planted_step", "lineage", "family"),  # networks that do, or are large
    *("trained_along", "other_teacher"),
    *("browser", "new_postgres", "postgres_server", "server", "site", "simulated", "old"),
}
"""Fixtures that take seconds: a test that needs one is marked slow."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if SLOW.intersection(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.slow)


def pytest_collection_finish() -> None:
    """Modules and tests stay: to look through them for garbage again and again takes a tenth."""
    gc.collect()
    gc.freeze()
    atexit.register(gc.freeze)


@dataclass(frozen=True)
class StudyFolder:
    """A study on a disk.

    Attributes:
        directory: Its folder, with study.db in it.
        config: Its configuration.
        yaml: The file that says so.
    """

    directory: Path
    config: "StudyConfig"
    yaml: Path

    @property
    def url(self) -> str:
        return f"sqlite:///{self.directory / 'study.db'}"

    @property
    def records(self) -> "StudyRecords":
        """What its database has of it, by connections of their own."""
        from plantnas.records.database import Database
        from plantnas.records.study import StudyRecords

        return StudyRecords(Database(self.url), self.config.name)

    def copy(self, directory: Path) -> "StudyFolder":
        """The same study, in another place."""
        shutil.copytree(self.directory, directory)
        return replace(self, directory=directory)

    def with_settings(self, **overrides: object) -> "StudyFolder":
        """Dotted keys with `__` for the dots; the study is another one if they are its identity."""
        from plantnas.config_files import with_overrides

        dotted = {key.replace("__", "."): value for key, value in overrides.items()}
        return replace(self, config=with_overrides(self.config, dotted))

    def open(self) -> "optuna.Study":
        from plantnas.trials.study import open_study

        return open_study(self.config, self.url)

    def objective(self) -> "PlantingObjective":
        from plantnas.searching.objective import PlantingObjective

        return PlantingObjective(self.config, self.directory)

    def run(self, trials: int | None = None) -> "optuna.Study":
        """The study after so many trials, or all, of one worker: this process."""
        study = self.open()
        study.optimize(self.objective(), n_trials=trials)
        return study


@pytest.fixture(autouse=True, scope="session")
def quick_databases() -> None:
    """Databases are made in a tenth of the time; the tests make and open thousands.

    SQLite does not wait for the disk, which is for power cuts: what a killed process has committed
    is there. And Optuna reads the scripts of its migrations once, not whenever a storage is opened.
    """
    from optuna.storages._rdb.storage import _VersionManager
    from sqlalchemy import Engine, event

    @event.listens_for(Engine, "connect")
    def relax(connection: object, _: object) -> None:
        if isinstance(connection, sqlite3.Connection):
            connection.execute("PRAGMA synchronous = OFF")

    read, scripts = _VersionManager._create_alembic_script, list["ScriptDirectory"]()

    def once(manager: _VersionManager) -> "ScriptDirectory":
        if not scripts:
            scripts.append(read(manager))
        return scripts[0]

    _VersionManager._create_alembic_script = once  # type: ignore[method-assign]


@pytest.fixture(autouse=True)
def only_what_a_test_says_is_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    from plantnas import trust

    monkeypatch.delenv(trust.VARIABLE, raising=False)
    monkeypatch.setattr(trust, "_found", {})


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> StudyFolder:
    """A study of digits that takes two seconds, not begun."""
    from plantnas.config_files import load_study

    yaml = tmp_path_factory.mktemp("studies") / "tiny.yaml"
    yaml.write_text(TINY)
    return StudyFolder(tmp_path_factory.mktemp("tiny"), load_study(str(yaml)), yaml)


@pytest.fixture(scope="session")
def short(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a study that takes longer to start than to run."""
    yaml = tmp_path_factory.mktemp("studies") / "short.yaml"
    yaml.write_text(SHORT)
    return yaml


@pytest.fixture(scope="session")
def prepared(tiny: StudyFolder, tmp_path_factory: pytest.TempPathFactory) -> StudyFolder:
    """The study with its teacher and seed and no trials; not to be changed, but copied."""
    folder = replace(tiny, directory=tmp_path_factory.mktemp("prepared"))
    folder.objective().prepared(folder.open())
    return folder


@pytest.fixture(scope="session")
def finished(prepared: StudyFolder, tmp_path_factory: pytest.TempPathFactory) -> StudyFolder:
    """The study after all its trials, by one worker; not to be changed, but copied."""
    folder = prepared.copy(tmp_path_factory.mktemp("finished") / "study")
    folder.run()
    return folder


@pytest.fixture(scope="session")
def brief(short: Path, tmp_path_factory: pytest.TempPathFactory) -> StudyFolder:
    """A study of two steps whose trials are over at once, not begun."""
    from plantnas.config_files import load_study

    folder = StudyFolder(tmp_path_factory.mktemp("brief"), load_study(str(short)), short)
    return folder.with_settings(search__steps=2)


@pytest.fixture(scope="session")
def begun(brief: StudyFolder, tmp_path_factory: pytest.TempPathFactory) -> StudyFolder:
    """It with its teacher and seed and no trials; not to be changed, but copied."""
    folder = replace(brief, directory=tmp_path_factory.mktemp("begun"))
    folder.objective().prepared(folder.open())
    return folder


@pytest.fixture(scope="session")
def ended(begun: StudyFolder, tmp_path_factory: pytest.TempPathFactory) -> StudyFolder:
    """It after all its trials, by one worker; not to be changed."""
    folder = begun.copy(tmp_path_factory.mktemp("ended") / "study")
    folder.run()
    return folder


@pytest.fixture(scope="session")
def probing(brief: StudyFolder, tmp_path_factory: pytest.TempPathFactory) -> StudyFolder:
    """A study with probes after all its trials, by one worker; not to be changed, but copied."""
    folder = replace(brief, directory=tmp_path_factory.mktemp("probing")).with_settings(
        search__probes=4, search__trials_per_step=2, search__ahead=0.0
    )
    folder.run()
    return folder


@pytest.fixture(scope="session")
def looking(brief: StudyFolder, tmp_path_factory: pytest.TempPathFactory) -> StudyFolder:
    """A study that looks ahead, after all its trials by one worker; to be copied."""
    folder = replace(brief, directory=tmp_path_factory.mktemp("looking")).with_settings(
        search__probes=4, search__trials_per_step=2
    )
    folder.run()
    return folder


@pytest.fixture(scope="session")
def other_teacher(brief: StudyFolder, tmp_path_factory: pytest.TempPathFactory) -> StudyFolder:
    """A study of one step whose teacher is of another architecture, after all its trials."""
    from plantnas.config import StudyConfig

    said = brief.config.model_dump(exclude_unset=True) | {"name": "other"}
    said["search_space"] = {"architecture": "plain-small", "teacher": {"architecture": "resnet20"}}
    for section, key in (("seed", "start"), ("search", "probes"), ("search", "steps")):
        said[section].pop(key, None)
    config = StudyConfig.model_validate(said | {"search": said["search"] | {"steps": 1}})
    folder = replace(brief, config=config, directory=tmp_path_factory.mktemp("other"))
    folder.run()
    return folder


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty current folder, for modules of the user's; they are forgotten afterwards."""
    here = tmp_path / "here"
    here.mkdir(exist_ok=True)
    monkeypatch.chdir(here)
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path])
    yield here
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None)).startswith(str(here)):
            del sys.modules[name]


class Ended(NamedTuple):
    """How a command ended."""

    exit_code: int
    stdout: str
    stderr: str


@pytest.fixture
def plantnas(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[..., Ended]:
    """Runs a command in this process and an empty folder, tmp_path/here."""
    from plantnas.cli import main

    (tmp_path / "here").mkdir(exist_ok=True)
    monkeypatch.chdir(tmp_path / "here")

    def run(*arguments: object) -> Ended:
        monkeypatch.setattr(sys, "argv", ["plantnas", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        return Ended(ended.value.code, *capsys.readouterr())  # type: ignore[arg-type]

    return run
