"""What a user installs is complete, says what it needs, and starts at once."""

from __future__ import annotations

import ast
import configparser
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from functools import cache
from importlib.metadata import packages_distributions, version
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

import plantnas
from tests.test_quality import modules_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.conftest import StudyFolder

ROOT = Path(__file__).parents[1]
YAML_FOLDERS = ("search_spaces", "studies")
YAML_FILES = [path for folder in YAML_FOLDERS for path in sorted((ROOT / folder).glob("*.yaml"))]
TEMPLATES = ROOT / "plantnas" / "report" / "page" / "templates"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
CHECKS = (".ci", ".github")
FOLDERS = ("plantnas", "tests", "docs", "examples", "benchmarks", *YAML_FOLDERS, *CHECKS)
OF_FILES = {"scikit-learn"}
"""Distributions of which a file is read, and nothing is imported."""
OF_ANOTHER = {"pydantic_core"}
"""Modules of distributions that a dependency pins to its own version."""


def test_every_package_is_listed() -> None:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    folders = {path.parent.relative_to(ROOT) for path in ROOT.glob("plantnas/**/*.py")}
    packages = {".".join(folder.parts) for folder in folders}
    packages |= {f"plantnas.{folder}" for folder in YAML_FOLDERS}
    assert set(setup["options"]["packages"].split()) == packages


@pytest.mark.parametrize("path", YAML_FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_yaml_file_is_reachable_as_a_resource(path: Path) -> None:
    resource = files(f"plantnas.{path.parent.name}") / path.name
    assert resource.read_text() == path.read_text()


def test_the_version_is_that_of_the_metadata() -> None:
    assert plantnas.__version__ == version("plantnas")


def test_the_changelog_tells_of_this_version() -> None:
    assert f"\n## [{plantnas.__version__}]" in (ROOT / "CHANGELOG.md").read_text()


@pytest.mark.parametrize("name", plantnas.__all__)
def test_a_public_name_resolves(name: str) -> None:
    assert getattr(plantnas, name) is not None
    assert name in dir(plantnas)


WITHOUT_POSIX = """
import os
import signal
import sys

for name in ("fcntl", "grp", "pwd", "resource", "termios"):
    sys.modules[name] = None
for module, names in {
    os: ("fork", "getuid", "sched_getaffinity"),
    signal: ("SIGHUP", "SIGUSR2", "pthread_sigmask"),
}.items():
    for name in names:
        delattr(module, name)

import torch

import plantnas

for name in plantnas.__all__:
    getattr(plantnas, name)

torch.manual_seed(0)
network = torch.nn.Sequential(
    torch.nn.Conv2d(1, 4, 3), torch.nn.ReLU(), torch.nn.Conv2d(4, 2, 3)
).eval()
images = torch.rand(2, 1, 8, 8)
print(len(plantnas.channel_groups(network, images)))
wider = plantnas.plant(network, images, {"0": 3})
print(wider[0].out_channels, torch.allclose(network(images), wider(images)))
print(plantnas.crop(wider, images, {"0": 5})[0].out_channels)
"""


@pytest.mark.slow
def test_the_package_plants_where_nothing_is_posix() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", WITHOUT_POSIX], capture_output=True, text=True, cwd=ROOT
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.split() == ["3", "7", "True", "5"]


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'transplant'"):
        _ = plantnas.transplant


@pytest.mark.parametrize("start", ["import plantnas", "from plantnas.cli import main; main()"])
def test_nothing_heavy_is_imported_at_the_start(start: str) -> None:
    heavy = "{'torch', 'optuna', 'pandas', 'plotly', 'sqlalchemy', 'sklearn'}"
    program = (
        "import atexit, sys\n"
        "sys.argv = ['plantnas', '--help']\n"
        f"atexit.register(lambda: print('heavy:', *sorted({heavy} & set(sys.modules))))\n"
        f"{start}"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "heavy:"


HEAVY = (
    *("torch", "torchvision", "sklearn", "scipy"),
    *("optuna", "sqlalchemy", "alembic", "boto3", "botocore", "google.cloud"),
    *("pandas", "plotly", "jinja2"),
)
"""Modules that take a good part of a second to import, or more."""

READING = {
    "studies": (),
    "spaces": (),
    "status tiny": ("optuna", "sqlalchemy"),
    "plot pareto tiny --out plot.html": ("plotly",),
    "plot timeline tiny --out plot.json": (),
    "report tiny --out report.html": ("jinja2",),
    "table tiny --out table.csv": ("pandas",),
}
"""Commands that read a study, each with what it imports of these beyond the commands before it."""


def test_a_command_that_only_reads_a_study_imports_no_more_than_it_needs(
    finished: StudyFolder, tmp_path: Path
) -> None:
    finished.copy(tmp_path / "plantnas-studies" / "tiny")
    program = (
        "import contextlib, sys\n"
        "from plantnas.cli import main\n"
        "before = set()\n"
        f"for command in {list(READING)}:\n"
        "    sys.argv = ['plantnas', *command.split()]\n"
        "    with contextlib.suppress(SystemExit), contextlib.redirect_stdout(sys.stderr):\n"
        "        main()\n"
        f"    print([name for name in {HEAVY} if name in sys.modules and name not in before])\n"
        "    before = set(sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.stdout.splitlines() == [str(list(names)) for names in READING.values()], done.stderr
    assert (tmp_path / "table.csv").exists()


def test_what_is_imported_is_what_is_depended_on() -> None:
    imported, required = imported_distributions("plantnas"), listed(PROJECT["dependencies"])
    assert required - OF_FILES <= imported
    assert imported <= required.union(
        *(listed(EXTRAS[extra]) for extra in EXTRAS.keys() - {"test"})
    )


@pytest.mark.slow
@pytest.mark.parametrize("folder", ["tests", "benchmarks"])
def test_the_checks_import_what_the_extras_bring(folder: str) -> None:
    everything = listed(PROJECT["dependencies"]).union(*map(listed, EXTRAS.values()))
    assert imported_distributions(folder) <= everything


@pytest.mark.slow
def test_a_wheel_holds_code_types_and_yaml(tmp_path: Path) -> None:
    (wheel,) = build_wheel(tmp_path).glob("*.whl")
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    code = {path.relative_to(ROOT).as_posix() for path in ROOT.glob("plantnas/**/*.py")}
    code |= {f"plantnas/{folder}/__init__.py" for folder in YAML_FOLDERS}
    yaml = {f"plantnas/{path.relative_to(ROOT).as_posix()}" for path in YAML_FILES}
    templates = {path.relative_to(ROOT).as_posix() for path in TEMPLATES.iterdir()}
    assert names == code | yaml | templates | {"plantnas/py.typed"}


@pytest.mark.slow
def test_a_source_distribution_holds_all_that_its_tests_need(tmp_path: Path) -> None:
    copied = shutil.ignore_patterns("__pycache__", "*.egg-info", ".*cache", ".venv", ".git", "site")
    shutil.copytree(ROOT, tmp_path / "here", ignore=copied, dirs_exist_ok=True)
    build = "from setuptools.build_meta import build_sdist; print(build_sdist('dist'))"
    done = subprocess.run(
        [sys.executable, "-c", build], cwd=tmp_path / "here", capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    (archive,) = (tmp_path / "here" / "dist").glob("*.tar.gz")
    with tarfile.open(archive) as opened:
        names = {name.partition("/")[2] for name in opened.getnames()}
    needed = {
        path.relative_to(ROOT).as_posix()
        for folder in FOLDERS
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "cache" not in path.as_posix()
    }
    needed |= {"CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "README.md", "mkdocs.yml"}
    needed |= {
        "conftest.py",
        "pyproject.toml",
        "setup.cfg",
        ".gitignore",
        ".pre-commit-config.yaml",
    }
    assert names >= needed


def test_every_check_is_run_for_a_change() -> None:
    jobs = yaml.safe_load((ROOT / ".github" / "workflows" / "checks.yml").read_text())["jobs"]
    run = jobs["check"]["strategy"]["matrix"]["script"]
    assert sorted(run) == sorted(f".ci/{path.name}" for path in (ROOT / ".ci").iterdir())


def build_wheel(folder: Path) -> Path:
    """Builds from a copy, since setuptools writes beside what it builds; without a network."""
    for name in ("plantnas", *YAML_FOLDERS):
        shutil.copytree(ROOT / name, folder / name)
    for name in ("pyproject.toml", "setup.cfg", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    pip = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "."]
    done = subprocess.run(pip, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder


def listed(requirements: list[str]) -> set[str]:
    """The names of the distributions in lines such as `torch>=2.9`."""
    return {re.split(r"[^\w.-]", line)[0].lower() for line in requirements}


def imported_distributions(folder: str) -> set[str]:
    """The distributions whose modules are imported somewhere below a folder."""
    modules = {
        name.split(".")[0]
        for tree in modules_of(folder).values()
        for node in ast.walk(tree)
        for name in imported_names(node)
    }
    installed = distributions()
    others = (
        modules - set(sys.stdlib_module_names) - OF_ANOTHER - {"plantnas", "tests", "benchmarks"}
    )
    # What is not installed here, as an extra, is taken to be named like its module.
    return {installed.get(module, [module])[0].lower() for module in others}


@cache
def distributions() -> Mapping[str, list[str]]:
    """Those that are installed, by their modules."""
    return packages_distributions()


def imported_names(node: ast.AST) -> list[str]:
    if isinstance(node, ast.ImportFrom):
        return [node.module or ""]
    return [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
