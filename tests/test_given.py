"""Whatever Python callers hand over is taken, or refused in one line that says what is wanted."""

from __future__ import annotations

import math
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy
import optuna
import pytest
import torch
from torch import nn

import plantnas
from plantnas.channels.groups import analyse
from plantnas.errors import ArgumentError, PlantnasError
from plantnas.given import MOST, check_channels, check_given, check_integer
from plantnas.report.names import PLOTS

if TYPE_CHECKING:
    from collections.abc import Callable

IMAGES = torch.zeros(2, 3, 16, 16)
URL = "sqlite:///no-such-folder/study.db"


def network(width: int = 8) -> nn.Module:
    pooled = nn.AdaptiveAvgPool2d(1), nn.Flatten()
    return nn.Sequential(nn.Conv2d(3, width, 3), *pooled, nn.Linear(width, 2))


OF_MODEL: dict[str, Any] = {"model": network(), "example_input": IMAGES}
OF_STUDY: dict[str, Any] = {"storage": URL, "name": "digits"}
OF_IMAGES = IMAGES, torch.tensor([0, 1])
TAKEN: dict[str, dict[str, Any]] = {
    "PlantingObjective": {"config": "digits"},
    "SearchResult": OF_STUDY,
    "PlantingSampler": {"base_sampler": optuna.samplers.RandomSampler()},
    "build_network": {"architecture": "plain-small", "num_classes": 2, "in_channels": 1},
    "channel_groups": OF_MODEL,
    "crop": OF_MODEL | {"widths": {"0": 2}},
    "load_family": {"path": "family.pt"},
    "load_images": OF_STUDY,
    "load_network": OF_STUDY | {"network_id": 1},
    "load_study": {"name_or_path": "digits"},
    "narrow": OF_MODEL | {"widths": 0.5},
    "open_study": {"config": plantnas.load_study("digits"), "url": URL},
    "plant": OF_MODEL | {"planting": {"0": 2}},
    "register_rule": {"operator": "relu", "rule": print},
    "run_study": {
        "config": plantnas.load_study("digits"),
        "url": "nonsense://",
        "directory": Path("no-such-folder"),
    },
    "search": {
        "model": network(),
        "train": OF_IMAGES,
        "validation": OF_IMAGES,
        "storage": "nonsense://",
    },
    "shrink": {"model": network(), "images": IMAGES, "widths": 0.5},
    "widths": OF_MODEL,
    "wired": {"network": network(), "example_input": IMAGES, "ancestors": [{"0": 2}]},
    **{f"{what}_frame": OF_STUDY for what in ["metrics", "networks", "trials", "widths"]},
    **{f"{what}_frame": OF_STUDY for what in ["baselines", "costs", "epochs", "evaluations"]},
}
"""What every public function takes; a parameter that is not named has its default."""

NO_FUNCTIONS = {
    *("PlantnasError", "TrainingProgress", "UnsupportedArchitecture", "__version__", "plots"),
    "listening",  # of any number of functions: test_listening.py
}
PYDANTICS = {"StudyConfig"}
"""Its settings are tried in test_config.py."""

NO_IMAGES = [None, 3, "x", (IMAGES,), IMAGES.numpy(), torch.zeros(3), torch.zeros(0, 3, 8, 8)]
NO_CHANNELS = [
    *(None, "x", [("0", 2)], {0: 2}, {"0": 2.5}, {"0": "2"}, {"0": None}, {"0": True}),
    {"0": 10**12},
]
NO_TEXT = [None, 3, b"x", ["x"], Path("x"), "a\0b"]
NO_PATH = [None, 3, b"x", ["x"], "a\0b"]
NO_COUNT = ["x", 1.5, True, math.nan, -(10**30), 10**30, [1]]
NOTHING_SUCH = [3, "x", object()]

WRONG: dict[str, list[Any]] = {
    "ancestors": [None, 3, {"0": 2}, [3], [{"0": 2.5}]],
    "architecture": NO_TEXT,
    "arguments": ["x", 3, [1]],
    "artifacts": NO_PATH[1:],
    "base_sampler": [None, "TPESampler", optuna.samplers.TPESampler],
    "config": [None, 3, {}],
    "cost": [3, "seconds"],
    "device": [None, 3, "a\0b", torch.zeros(2)],
    "directory": NO_PATH[1:],
    "example_input": [*NO_IMAGES, IMAGES.to_sparse()],
    "generator": NOTHING_SUCH,
    "images": [*NO_IMAGES, IMAGES.to("meta"), torch.full_like(IMAGES, math.nan)],
    "in_channels": [None, 0, *NO_COUNT],
    "initialisation": [None, *NOTHING_SUCH],
    "latency": [None, 3, "cpu"],
    "minimum": [None, 0, *NO_COUNT],
    "model": [None, 3, "resnet18", nn.Conv2d],
    "name": [each for each in NO_TEXT if not isinstance(each, str)],
    "name_or_path": NO_PATH,
    "network": [None, 3, "resnet18", nn.Conv2d],
    "network_id": NO_COUNT,
    "num_classes": [None, 0, *NO_COUNT],
    "operator": [None, 3],
    "path": NO_PATH,
    "planting": [3, 0.5, *NO_CHANNELS],
    "policy": [None, 3, object()],
    "root": [3, b"x"],
    "rule": [None, 3],
    "say": [None, 3],
    "seed": [None, *NO_COUNT],
    "split": [None, 3, "training"],
    "step": [-1, *NO_COUNT],
    "storage": [None, 3, b"x", Path("study.db"), "a\0b"],
    "trust": [None, 0, 1, "no"],
    "structure": [3, "", {}, analyse(network(6), IMAGES)],
    "url": NO_TEXT,
    "widths": [math.inf, True, 10**30, *NO_CHANNELS],
    "workers": [None, 0, *NO_COUNT],
}
"""What no public function takes, by the name of its parameter."""

WRONG_OF: dict[str, dict[str, list[Any]]] = {
    "SearchResult": WRONG | {"model": []},
    "load_family": WRONG | {"model": []},
    "search": {
        "model": [None, 3, object()],
        "train": [None, 3, IMAGES, (IMAGES, IMAGES), (IMAGES[:0], torch.zeros(0).long())],
        "validation": [None, 3, (IMAGES, torch.zeros(3).long())],
        "test": [3, "x", (IMAGES[:, :1], torch.zeros(2).long())],
        "name": [3, b"x"],
        "teacher": [3, "x"],
        "loss": [3],
        "cost": [3],
        "metric": [3],
        "maximum_cost": ["x"],
        "steps": ["x", 0],
        "trials_per_step": ["x", 0],
        "config": [3, "digits"],
        "storage": [3, b"x"],
        "directory": NO_PATH[1:],
        "workers": [None, 0, *NO_COUNT],
        "devices": [None, 3],
        "timeout": ["x", True],
        "callbacks": [None, 3, [3]],
        "epoch_callbacks": [None, 3, [3]],
        "say": [3, "x"],
    },
}
"""The same of functions of which some arguments may be what others' may not."""

BEFORE_FILES_ARE_READ = {"split"}
"""What is only looked at in a study that there is, by functions that are no plots."""


def functions() -> dict[str, Callable[..., Any]]:
    """The public functions, and the plots."""
    plots = {f"plots.{name}": getattr(plantnas.plots, name) for name in PLOTS}
    names = set(plantnas.__all__) - NO_FUNCTIONS - PYDANTICS
    return {name: getattr(plantnas, name) for name in sorted(names)} | plots


CASES = [
    (name, parameter, number)
    for name, function in functions().items()
    for parameter in signature(function).parameters
    if name.startswith("plots.") or parameter not in BEFORE_FILES_ARE_READ
    for number in range(len(WRONG_OF.get(name, WRONG)[parameter]))
]


@pytest.mark.parametrize(("name", "parameter", "number"), CASES)
def test_what_a_public_function_does_not_take_is_one_line_that_names_the_argument(
    name: str, parameter: str, number: int
) -> None:
    given = TAKEN.get(name, OF_STUDY) | {parameter: WRONG_OF.get(name, WRONG)[parameter][number]}
    word = {
        "url": "storage",
        "images": ("images", "example_input"),
        "network": "model",
        "steps": "plantnas.search: search.steps",
        "maximum_cost": "plantnas.search: search.maximum_cost",
        "trials_per_step": "plantnas.search: search.trials_per_step",
    }
    with pytest.raises(PlantnasError) as told:
        functions()[name](**given)
    assert str(told.value).startswith(word.get(parameter, parameter))
    assert "\n" not in str(told.value)
    assert len(str(told.value)) < 400


def test_every_public_function_is_tried() -> None:
    assert TAKEN.keys() == set(plantnas.__all__) - NO_FUNCTIONS - PYDANTICS


def test_numbers_of_numpy_are_numbers() -> None:
    two: Any = numpy.int64(2)
    child = plantnas.plant(network(), IMAGES, {"0": two})
    assert plantnas.widths(child, IMAGES) == {"0": 10}
    assert plantnas.widths(plantnas.narrow(network(), IMAGES, numpy.float32(0.5)), IMAGES) == {
        "0": 4
    }
    assert plantnas.build_network("plain-small", two, 1, seed=two)


def test_what_is_given_is_shown_shortened() -> None:
    with pytest.raises(ArgumentError, match=r"^name: is 'xx+\.\.\., where an integer from 1 to"):
        check_integer("name", "x" * 3000)


@pytest.mark.parametrize("given", [1, MOST, numpy.int32(7)])
def test_an_integer_in_range_is_taken(given: int) -> None:
    check_integer("name", given)


def test_true_is_no_number_and_a_switch_is_one() -> None:
    check_given("name", True, bool, "a switch")
    with pytest.raises(ArgumentError, match=r"^name: is True, where a number is needed\.$"):
        check_given("name", True, int, "a number")


def test_channels_may_be_none_of_a_group() -> None:
    check_channels("planting", {"stem": 0})
