"""What a command is pointed at by mistake stays as it is: bytes, folder, and one line that says so.

Commands that read a study write nothing at all. `dashboard`, `worker`, `finish`, `baselines` and
`db clean` write to a study that plantnas recorded, and make no tables; `db upgrade` changes tables
of plantnas alone; `run`, `quickstart` and `launch` make a study, but not among strange tables.
"""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

import optuna
import pytest

from plantnas.records.database import Database
from tests.cli.conftest import assert_one_line

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import Ended

READING = {
    "status": ("status", "digits"),
    "status --watch": ("status", "digits", "--watch"),
    "report": ("report", "digits"),
    "plot": ("plot", "pareto", "digits"),
    "table": ("table", "digits"),
    "export": ("export", "digits"),
    "compare": ("compare", "digits"),
    "dashboard": ("dashboard", "digits", "--port", "0"),
    "worker": ("worker", "digits"),
    "finish": ("finish", "digits", "--network", "2"),
    "baselines": ("baselines", "digits"),
    "db clean": ("db", "clean", "digits"),
    "db clean --dry-run": ("db", "clean", "digits", "--dry-run"),
}
UPGRADING = {"db upgrade": ("db", "upgrade", "digits")}
MAKING = {
    "run": ("run", "digits"),
    "launch local": ("launch", "local", "digits", "--workers", "1"),
    "launch slurm": ("launch", "slurm", "digits", "--workers", "1"),
    "launch ray": ("launch", "ray", "digits", "--workers", "1"),
}


def foreign(file: Path) -> None:
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE customers (name TEXT)")
    connection.close()


def foreign_with_studies(file: Path) -> None:
    """Another application's, which has studies of its own."""
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE studies (title TEXT)")
        connection.execute("CREATE TABLE trials (patient TEXT)")
    connection.close()


def create_study(file: Path, directions: list[str]) -> None:
    """Optuna's study `digits`, which nobody has open afterwards."""
    storage = optuna.storages.RDBStorage(f"sqlite:///{file}")
    optuna.create_study(study_name="digits", storage=storage, directions=directions)
    storage.remove_session()
    storage.engine.dispose()


def of_optuna(file: Path) -> None:
    create_study(file, ["minimize"])


def of_optuna_beside_plantnas(file: Path) -> None:
    """A study of one objective in a database that plantnas has tables in."""
    Database(f"sqlite:///{file}").close()
    of_optuna(file)


def older(file: Path) -> None:
    """A database of the first revision."""
    create_study(file, ["maximize", "minimize"])
    Database(f"sqlite:///{file}").close()
    with sqlite3.connect(file) as connection:
        for later in ("plantnas_ahead", "plantnas_baselines"):
            connection.execute(f"DROP TABLE {later}")
        connection.execute("UPDATE plantnas_alembic_version SET version_num = '0001'")
    connection.close()


def empty(file: Path) -> None:
    file.touch()


def text(file: Path) -> None:
    file.write_text("Dear diary, today I bought a new pen, and wrote down what it had cost me.\n")


def missing(file: Path) -> None:
    """No file at all."""


REFUSED = [
    *((make, READING | UPGRADING | MAKING) for make in (foreign, foreign_with_studies, text)),
    (of_optuna, READING | UPGRADING | MAKING),
    (of_optuna_beside_plantnas, READING | MAKING),
    (older, READING | MAKING),
    (empty, READING | UPGRADING),
    (missing, READING | UPGRADING),
]


@pytest.mark.parametrize(
    ("make", "command"),
    [
        pytest.param(make, command, id=f"{name}-{make.__name__}")
        for make, commands in REFUSED
        for name, command in commands.items()
    ],
)
def test_a_command_leaves_what_is_no_study_of_plantnas_as_it_is(
    plantnas: Callable[..., Ended],
    tmp_path: Path,
    make: Callable[[Path], None],
    command: tuple[str, ...],
) -> None:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    make(folder / "study.db")
    before = {each.name: each.read_bytes() for each in folder.iterdir()}
    ended = plantnas(*command, "--storage", f"sqlite:///{folder}/study.db")
    assert_one_line(ended)
    assert {each.name: each.read_bytes() for each in folder.iterdir()} == before
    assert not list((tmp_path / "here").iterdir())


@pytest.mark.parametrize("make", [foreign, foreign_with_studies, of_optuna, older])
def test_quickstart_leaves_what_is_in_its_folder_as_it_is(
    plantnas: Callable[..., Ended], tmp_path: Path, make: Callable[[Path], None]
) -> None:
    make(tmp_path / "study.db")
    before, names = (tmp_path / "study.db").read_bytes(), set(tmp_path.iterdir())
    assert_one_line(plantnas("quickstart", "--directory", tmp_path))
    assert (tmp_path / "study.db").read_bytes() == before
    assert set(tmp_path.iterdir()) == names
