"""Every operator that has a rule: planting is exact, and arguments are passed as one likes."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.overrides import resolve_name

from plantnas.channels.groups import analyse
from plantnas.channels.planting import crop, narrow, plant
from plantnas.channels.rules import RULES
from plantnas.channels.structure import Structure
from plantnas.channels.traces import traced, tracer_of
from plantnas.channels.value_rules import mixing, watched
from tests.channels.operators import (
    DIMENSIONS,
    SIZE,
    Called,
    Parameters,
    Sample,
    built,
    keyword_forms,
    name_of,
    network_of,
    sample_of,
)

IMAGES = torch.rand(2, 3, SIZE, SIZE, dtype=torch.float64)
NOT_CALLED = {
    **dict.fromkeys(("cuda", "xpu", "pin_memory"), "another device is needed"),
    **dict.fromkeys(
        ("new_empty", "new_full", "new_ones", "new_tensor", "new_zeros"), "no channels"
    ),
    **dict.fromkeys(("layer_norm", "rms_norm"), "planting around them changes the function"),
    "aminmax": "it takes its dimension by name alone",
}
RANDOM = (
    "fractional",
    "like",
    "bernoulli_",
    "cauchy_",
    "exponential_",
    "geometric_",
    *(("log_normal_", "normal_", "random_", "uniform_")),
)
"""Operators that draw in evaluation mode too, or leave values open: no two runs are alike."""

FUNCTIONS = {
    str(resolve_name(each)): each
    for each, rule in RULES.items()
    if rule not in (mixing, watched) and name_of(each) not in NOT_CALLED
}


def _is_exact(network: Called) -> bool:
    """Whether planting, cropping and narrowing do what they promise."""
    structure = analyse(network, IMAGES)
    planting = {name: each.granularity for name, each in structure.growable.items()}
    child = plant(network, IMAGES, planting, structure=structure)
    old = {name: structure.groups[name].width for name in planting}
    wider = structure.with_widths({name: old[name] + planting[name] for name in planting})
    cropped = crop(child, IMAGES, old, structure=wider).state_dict()
    small = {
        name: min(2 * each.granularity, each.width) for name, each in structure.growable.items()
    }
    narrowed = narrow(network, IMAGES, small, structure=structure)
    return (
        any("first" in group.members for group in structure.growable.values())
        and torch.allclose(child(IMAGES), network(IMAGES), rtol=1e-9, atol=1e-9)
        and all(torch.equal(cropped[name], each) for name, each in network.state_dict().items())
        and analyse(narrowed, IMAGES) == structure.with_widths(small)
    )


@lru_cache
def _known(name: str) -> tuple[Callable[..., Any], Sample]:
    sample = sample_of(FUNCTIONS[name])
    assert sample is not None, "tests/channels/operators.py has no call of it"
    return FUNCTIONS[name], sample


def _once_fast(key: Callable[[str], object]) -> list[Any]:
    """The first name of each key; in the fast tests one of every rule."""
    names = {key(name): name for name in reversed(FUNCTIONS)}
    fast = {RULES[FUNCTIONS[name]]: name for name in names.values()}
    return [
        pytest.param(name, marks=[] if name in fast.values() else pytest.mark.slow)
        for name in reversed(names.values())
    ]


@pytest.mark.parametrize("name", _once_fast(lambda name: name.rpartition(".")[2]))
def test_planting_around_every_operator_with_a_rule_is_exact(name: str) -> None:
    network = network_of(*_known(name))
    if any(each in name for each in RANDOM):
        assert "first" in analyse(network, IMAGES).growable
    else:
        assert _is_exact(network)


@pytest.mark.parametrize("name", _once_fast(lambda name: name))
def test_an_argument_is_the_same_by_its_place_and_by_each_of_its_names(name: str) -> None:
    function, sample = _known(name)

    def structure_of(names: tuple[str, ...]) -> Structure:
        def call(parameters: Parameters, x: Tensor) -> Any:
            given = sample(x, parameters)
            places = len(given) - len(names)
            return function(*given[:places], **dict(zip(names, given[places:], strict=True)))

        model = built(call, DIMENSIONS.get(name_of(function), 1))
        return traced(tracer_of(model), model, IMAGES).structure

    count = len(sample(torch.rand(2, 4, SIZE, SIZE, dtype=torch.float64), lambda *sizes: None))
    expected = structure_of(())
    for names in keyword_forms(function, count):
        try:
            found = structure_of(names)
        except (TypeError, RuntimeError):
            continue  # not a way to call it
        assert found == expected, names
