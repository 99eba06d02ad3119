"""Samplers are made from their names: Optuna's, OptunaHub's, the user's."""

import inspect
import subprocess
import sys
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.samplers import BaseGASampler, BaseSampler

from plantnas.config import Sampler
from plantnas.errors import ConfigurationError
from plantnas.trials.base_samplers import SAMPLERS, make_sampler

OWN = """
from optuna.samplers import RandomSampler

class Seeded(RandomSampler):
    def __init__(self, seed, low=0.0):
        super().__init__(seed)
        self.given = seed, low

class Nothing:
    pass
"""


def test_every_sampler_of_optuna_has_its_class_name() -> None:
    bases = (BaseSampler, BaseGASampler)
    samplers = {
        name
        for name, value in vars(optuna.samplers).items()
        if inspect.isclass(value) and issubclass(value, BaseSampler) and value not in bases
    }
    assert set(SAMPLERS) == samplers


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("TPESampeler", {}, r"'TPESampeler' is unknown. Did you mean 'TPESampler'"),
        ("BaseSampler", {}, "'BaseSampler' is unknown"),
        ("GridSampler", {}, r"search.sampler.arguments: {} are not allowed: .*search_space"),
        ("TPESampler", {"n_startup": 3}, r"search.sampler.arguments: .*n_startup"),
        ("NSGAIISampler", {"population_size": 1}, "population_size"),
    ],
)
def test_a_wrong_sampler_is_refused_in_one_line(
    name: str, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message) as error:
        make_sampler(Sampler(name=name, arguments=arguments), random_seed=0)
    assert "\n" not in str(error.value)


def test_a_sampler_is_seeded_by_the_study() -> None:
    def draws(random_seed: int) -> list[float]:
        sampler = make_sampler(Sampler(name="RandomSampler", arguments={}), random_seed)
        study = optuna.create_study(sampler=sampler)
        return [study.ask().suggest_float("x", 0, 1) for _ in range(3)]

    assert draws(1) == draws(1) != draws(2)


def test_a_sampler_of_the_users_is_seeded_and_gets_its_arguments(folder: Path) -> None:
    (folder / "of_mine.py").write_text(OWN)
    sampler: Any = make_sampler(Sampler(name="of_mine:Seeded", arguments={"low": 0.5}), 7)
    assert sampler.given == (7, 0.5)


def test_what_is_no_sampler_is_refused(folder: Path) -> None:
    (folder / "of_mine.py").write_text(OWN)
    with pytest.raises(ConfigurationError, match=r"'of_mine:Nothing' is not a class whose objects"):
        make_sampler(Sampler(name="of_mine:Nothing", arguments={}), 0)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where OptunaHub keeps the samplers that it has loaded once, as it lays them out."""
    monkeypatch.setenv("OPTUNAHUB_CACHE_HOME", str(tmp_path / "hub"))
    package = "github.com/optuna/optunahub-registry/main/package/samplers"
    return tmp_path / "hub" / package


def put(hub: Path, name: str, text: str) -> None:
    (hub / name).mkdir(parents=True)
    (hub / name / "__init__.py").write_text("from .sampler import *\n__all__ = " + text)
    (hub / name / "sampler.py").write_text(OWN + "class Other(Seeded):\n    pass\n")


def test_a_sampler_of_optunahub_is_named_by_its_package(hub: Path) -> None:
    put(hub, "seeded", '["Seeded"]')
    sampler: Any = make_sampler(Sampler(name="hub:samplers/seeded", arguments={"low": 0.5}), 7)
    assert sampler.given == (7, 0.5)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('["Seeded", "Other"]', "'hub:samplers/seeded' has 2 samplers, where one is needed"),
        ("[]", "'hub:samplers/seeded' has 0 samplers"),
        ("nothing", r"'hub:samplers/seeded' cannot be loaded: name 'nothing' is not defined\."),
    ],
)
def test_a_package_of_optunahub_that_is_no_sampler_is_told(
    hub: Path, text: str, message: str
) -> None:
    put(hub, "seeded", text)
    with pytest.raises(ConfigurationError, match=message):
        make_sampler(Sampler(name="hub:samplers/seeded", arguments={}), 0)


def test_optunahub_that_is_not_installed_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optunahub", None)
    message = r"optunahub is not installed: pip install 'plantnas\[hub\]'\."
    with pytest.raises(ConfigurationError, match=message):
        SAMPLERS.find("hub:samplers/auto_sampler")


def test_a_name_of_optunahub_is_checked_without_a_network() -> None:
    SAMPLERS.check("hub:samplers/auto_sampler")


def test_its_names_are_known_without_optuna() -> None:
    program = (
        "import sys; from plantnas.trials.base_samplers import SAMPLERS; list(SAMPLERS); "
        "assert 'optuna' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
