"""The registry of rules: operators without one, and rules that users add."""

import re
from pathlib import Path

import pytest
import torch

from plantnas import register_rule
from plantnas.channels import rules
from plantnas.channels.calls import Call
from plantnas.channels.groups import channel_groups
from plantnas.channels.tracing import Tracer
from plantnas.channels.value_rules import alike, pointwise
from plantnas.errors import UnsupportedArchitecture

IMAGE = torch.zeros(1, 3, 16, 16)
PAGE = Path(__file__).parents[2] / "docs" / "architectures.md"


@pytest.fixture(autouse=True)
def _rules_are_as_before(monkeypatch):
    monkeypatch.setattr(rules, "RULES", rules.RULES)
    before = dict(rules.RULES)
    yield
    rules.RULES.clear()
    rules.RULES.update(before)


def test_an_operator_without_a_rule_freezes_with_its_name_module_and_line(between):
    model = between(lambda m, x: x.exp())
    line = test_an_operator_without_a_rule_freezes_with_its_name_module_and_line.__code__
    reason = str(channel_groups(model, IMAGE)["first"].frozen)
    assert reason.startswith("its channels reach torch.Tensor.exp, which may be infinite")
    assert reason.endswith(f"test_rules.py:{line.co_firstlineno + 1})")


def test_weights_that_reach_an_operator_without_a_rule_freeze_their_layer(between):
    model = between(lambda m, x: m.first.weight.mean() * x)
    reason = str(channel_groups(model, IMAGE)["first"].frozen)
    assert reason.startswith("its weights reach torch.Tensor.mean in the model (")


@pytest.mark.parametrize("operator", ["exp", torch.Tensor.exp])
def test_a_registered_rule_lets_channels_through(between, operator):
    register_rule(operator, pointwise)
    assert channel_groups(between(lambda m, x: x.exp()), IMAGE)["first"].growable


def test_a_name_that_torch_does_not_have_is_refused():
    with pytest.raises(UnsupportedArchitecture, match="'atann' is not the name of a function"):
        register_rule("atann", pointwise)


def test_the_documented_example_runs(capsys):
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    exec(compile(code, str(PAGE), "exec"), {"__name__": "example"})
    assert capsys.readouterr().out == "True\n"


def test_a_rule_may_ask_for_an_argument_by_the_name_that_the_model_uses(between):
    def cumulative(tracer: Tracer, call: Call) -> None:
        if (place := tracer.place(call.input)) and call.argument(1, "dim") != place.dimension:
            tracer.put(call.result, *place)

    register_rule("cumprod", cumulative)
    assert channel_groups(between(lambda m, x: x.cumprod(axis=2)), IMAGE)["first"].growable


def test_a_rule_that_does_not_fit_the_call_freezes_the_channels(between):
    register_rule("diagonal", alike)
    groups = channel_groups(between(lambda m, x: x + x.diagonal(0, 0, 1).sum()), IMAGE)
    assert "diagonal as it is called" in str(groups["first"].frozen)


def test_rules_ask_for_arguments_by_place_and_name_alone():
    """What is read of `args` or `kwargs` would be missed where it is passed in the other way."""
    files = Path(rules.__file__).parent.glob("*_rules.py")
    reads = {path.name: re.findall(r"call\.k?w?args", path.read_text()) for path in files}
    assert {name for name, found in reads.items() if found} == {"value_rules.py"}  # all of them
