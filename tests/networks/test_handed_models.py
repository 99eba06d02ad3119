"""A module, class or function of the caller's is an architecture; modules are told apart."""

from __future__ import annotations

import functools
from typing import Any

import pytest
import torch
from torch import nn

from plantnas.errors import ArgumentError
from plantnas.networks.handed_models import architecture_of, fingerprint, module_of, title_of
from plantnas.networks.loader import build_network
from plantnas.networks.plain import plain_small


def linear(scale: float = 1.0) -> nn.Module:
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.LazyLinear(2))
    network(torch.zeros(1, 1, 3, 3))
    for parameter in network.parameters():
        nn.init.constant_(parameter, scale)
    return network


def test_a_module_is_copied_each_time_and_kept_as_it_was() -> None:
    given = linear()
    name = architecture_of(given)
    nn.init.zeros_(given[0].weight)
    first, second = (build_network(name, 2, 1) for _ in range(2))
    assert first is not second
    assert module_of(name)[0].weight.min() == 1


def test_another_weight_or_layer_is_another_fingerprint() -> None:
    strided = linear()
    strided[0].stride = (2, 2)
    prints = {fingerprint(each) for each in (linear(), linear(2.0), strided)}
    assert len(prints) == 3
    assert fingerprint(linear()) == fingerprint(linear())


def test_a_function_is_told_the_sizes_that_it_takes() -> None:
    told = list[dict[str, Any]]()

    def make(num_classes: int, depth: int = 1) -> nn.Module:
        told.append({"num_classes": num_classes, "depth": depth})
        return linear()

    build_network(architecture_of(make), 2, 1, {"depth": 3})
    build_network(architecture_of(functools.partial(make, depth=5)), 2, 1)
    build_network(architecture_of(lambda: linear()), 2, 1)
    assert told == [{"num_classes": 2, "depth": 3}, {"num_classes": 2, "depth": 5}]


def test_what_can_be_imported_keeps_its_own_name() -> None:
    assert architecture_of(plain_small) == "plantnas.networks.plain:plain_small"
    assert architecture_of("torchvision/resnet18") == "torchvision/resnet18"
    assert architecture_of(linear) == "handed/linear"  # it takes no sizes


def test_what_makes_no_module_is_refused() -> None:
    with pytest.raises(ArgumentError, match=r"^model: is a int, where a torch\.nn\.Module, a"):
        architecture_of(3)


@pytest.mark.parametrize(
    ("thing", "title"), [(linear, "linear"), (nn.Conv2d, "Conv2d"), (lambda: 0, "lambda")]
)
def test_a_title_is_of_letters_that_a_name_may_have(thing: object, title: str) -> None:
    assert title_of(thing) == title
