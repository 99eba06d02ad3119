"""Random networks are exact or refused, and the script that counts them finds what is wrong."""

from __future__ import annotations

from random import Random

import pytest
import torch
from torch import nn

from benchmarks.fuzz_networks import Verdict, checked, verdict_on
from benchmarks.random_networks import SIZE, Block, random_network
from plantnas.channels import value_rules
from plantnas.channels.rules import RULES

IMAGES = torch.zeros(4, 3, SIZE, SIZE, dtype=torch.float64)


def _network(code: object) -> nn.Module:
    layers = nn.Conv2d(3, 4, 1), Block(code), nn.Conv2d(4, 2, 1)  # type: ignore[arg-type]
    return nn.Sequential(*layers).double().eval().requires_grad_(False)


def _verdict(network: nn.Module) -> Verdict:
    return checked(network, torch.randn(IMAGES.shape, dtype=torch.float64), Random(0))


QUICK, SEEDS = 6, 30
"""Two dozen more than in the fast tests; python -m benchmarks.fuzz_networks tries thousands."""


@pytest.mark.parametrize(
    "seed",
    [pytest.param(seed, marks=[pytest.mark.slow] * (seed >= QUICK)) for seed in range(SEEDS)],
)
def test_a_random_network_is_exact_or_refused(seed: int) -> None:
    verdict = verdict_on(seed)
    assert verdict.kind != "wrong", verdict.why


def test_a_seed_draws_the_same_network_each_time() -> None:
    networks = [random_network(Random(3)) for _ in range(2)]
    assert str(networks[0]) == str(networks[1])
    assert verdict_on(3) == verdict_on(3)


def test_a_network_whose_channels_stay_apart_is_exact() -> None:
    assert _verdict(_network(lambda x: x.relu())) == Verdict("exact")


def test_a_network_that_plantnas_refuses_is_refused() -> None:
    verdict = _verdict(_network(lambda x: x / x.shape[1]))
    assert verdict.kind == "refused"
    assert "the code computes with its width" in verdict.why


def test_another_function_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(RULES, torch.Tensor.softmax, value_rules.pointwise)
    verdict = _verdict(_network(lambda x: x.softmax(1)))
    assert verdict.kind == "wrong"
    assert verdict.why.startswith("planting ")


def test_an_exception_of_another_kind_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    def rule(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setitem(RULES, torch.Tensor.relu, rule)
    verdict = _verdict(_network(lambda x: x.relu()))
    assert verdict.kind == "wrong"
    assert "ZeroDivisionError" in verdict.why
