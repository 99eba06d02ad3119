"""Every operator of torch is sorted: it has a rule, or it is said why it freezes channels."""

import pytest
import torch
from torch.overrides import get_testing_overrides

from plantnas.channels.calls import Call
from plantnas.channels.groups import channel_groups
from plantnas.channels.rules import RULES
from plantnas.channels.tracing import METADATA, VALUE_READS
from plantnas.channels.unfollowed import REASONS, reason_of

SORTED_UP_TO = (2, 14)
"""The last version of torch whose operators have been sorted."""

NAMES = {function: Call(function, (), {}, None).name for function in get_testing_overrides()}
VERSION = tuple(int(each) for each in torch.__version__.split(".")[:2])


@pytest.mark.skipif(VERSION > SORTED_UP_TO, reason="this torch has operators that nobody has seen")
def test_every_operator_of_torch_has_a_rule_or_a_reason() -> None:
    unsorted = {
        name
        for function, name in NAMES.items()
        if function not in RULES
        and name.rpartition(".")[2] not in METADATA | VALUE_READS
        and reason_of(name) is None
    }
    assert not unsorted


def test_no_reason_is_given_twice() -> None:
    patterns = " ".join(REASONS.values()).split()
    assert len(patterns) == len(set(patterns))


def test_an_operator_that_nobody_has_sorted_has_no_reason() -> None:
    assert reason_of("torch.Tensor.of_tomorrow") is None


@pytest.mark.parametrize(
    ("operator", "reason"),
    [
        ("torch.Tensor.sqrt_", "infinite or undefined"),
        ("torch.Tensor.unsqueeze_", "changes the shape of its own argument"),
        ("torch.nn.functional.l1_loss", "makes one number of all channels"),
        ("torch.Tensor.imag.__get__", "of complex numbers"),
        ("torch.Tensor.__setitem__", "writes into a part"),
    ],
)
def test_a_reason_is_found_by_the_operators_name(operator: str, reason: str) -> None:
    assert reason in str(reason_of(operator))


def test_the_reason_is_said_with_the_operator_and_the_line_of_code(between) -> None:
    model = between(lambda m, x: x + x.mean((2, 3), keepdim=True).rsqrt())
    reason = str(channel_groups(model, torch.zeros(1, 3, 16, 16))["first"].frozen)
    assert "torch.Tensor.rsqrt, which may be infinite or undefined where" in reason
    assert "in the model (" in reason
