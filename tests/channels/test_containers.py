"""Tensors are found in whatever holds them, and what could hold them unseen is told."""

from collections import OrderedDict, UserDict, deque, namedtuple
from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn
from torch.distributions import Categorical

from plantnas.channels.containers import opaque_in, tensors_in
from plantnas.channels.groups import channel_groups
from plantnas.channels.planting import plant
from plantnas.errors import UnsupportedArchitecture

IMAGES = torch.randn(2, 3, 8, 8)


@dataclass
class Output:
    logits: torch.Tensor
    more: object = field(default=None, kw_only=True)


@dataclass(slots=True)
class Slotted:
    logits: torch.Tensor


class ModelOutput(OrderedDict):
    """As transformers has it: a dict whose values are attributes too."""

    def __init__(self, logits) -> None:
        super().__init__(logits=logits)
        self.logits = logits


class Many(list):
    pass


Named = namedtuple("Named", "logits")
HOLDERS = {
    "tensor": lambda x: x,
    "dataclass": Output,
    "slots": Slotted,
    "nested": lambda x: Output({"deep": [(Slotted(x),)]}),
    "namedtuple": Named,
    "dict": lambda x: {"logits": x},
    "subclass of dict": ModelOutput,
    "UserDict": lambda x: UserDict(logits=x),
    "subclass of list": lambda x: Many([x]),
    "deque": lambda x: deque([x]),
    "set": lambda x: {x},
    "values of a dict": lambda x: {"logits": x}.values(),
    "namespace": lambda x: SimpleNamespace(logits=x, name="it"),
    "distribution": lambda x: Categorical(logits=x, validate_args=False),
    "beside numbers": lambda x: (x, 3, "name", None, torch.float32, np.zeros(2)),
}


@pytest.mark.parametrize("hold", HOLDERS.values(), ids=HOLDERS)
def test_a_tensor_is_found_in_what_holds_it(hold):
    tensor = torch.zeros(2)
    assert tensors_in(hold(tensor))
    assert not opaque_in(hold(tensor))


def test_an_object_that_holds_itself_is_looked_into_once():
    loop = SimpleNamespace(logits=torch.zeros(1))
    loop.itself = [loop]
    assert len(tensors_in(loop)) == 1


def test_an_argument_that_is_a_subclass_of_list_is_followed(between):
    code = lambda m, x: torch.cat(Many([x, m.other(x)]), 1)  # noqa: E731
    model = between(code, other=nn.Conv2d(4, 3, 1))
    model.second = nn.Conv2d(7, 6, 1)
    groups = channel_groups(model, IMAGES)
    assert groups["first"].growable
    assert groups["other"].growable


class Holding(nn.Module):
    """Two layers; what it returns, `hold` makes of the logits."""

    def __init__(self, hold) -> None:
        super().__init__()
        self.hold, self.conv, self.head = hold, nn.Conv2d(3, 8, 3), nn.Linear(8, 10)

    def forward(self, x):
        return self.hold(self.head(self.conv(x).relu().mean((2, 3))))


@pytest.mark.parametrize("hold", HOLDERS.values(), ids=HOLDERS)
def test_what_is_returned_in_any_container_is_the_output(hold):
    groups = channel_groups(Holding(hold), IMAGES)
    assert (
        groups["head"].frozen in ("it is the model's output", None)
        or hold is HOLDERS["distribution"]
    )
    assert not groups["head"].growable
    assert groups["conv"].growable


@pytest.mark.parametrize(
    ("hold", "kind"),
    [
        (lambda x: (each for each in [x]), "a generator"),
        (lambda x: Output(x, more=map(abs, [x])), "a map"),
        (lambda x: lambda: x, "a function"),
        (lambda x: None, "a NoneType without tensors"),
        (lambda x: {"classes": 10}, "a dict without tensors"),
    ],
)
def test_an_output_that_cannot_be_looked_into_is_refused_in_one_line(hold, kind):
    with pytest.raises(UnsupportedArchitecture) as refusal:
        channel_groups(Holding(hold), IMAGES)
    assert str(refusal.value) == (
        f"Holding: returns {kind}, where plantnas needs tensors, or tuples, lists, dicts and "
        "objects of them."
    )


def test_a_container_between_modules_is_followed():
    class Body(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(8, 6, 1)

        def forward(self, given):
            return Output(self.conv(given.logits), more=given.more["skip"])

    class Outer(Holding):
        def __init__(self) -> None:
            super().__init__(lambda x: x)
            self.body, self.head = Body(), nn.Linear(14, 10)

        def forward(self, x):
            x = self.conv(x)
            out = self.body(Output(x, more={"skip": x}))
            return self.head(torch.cat([out.logits, out.more], 1).mean((2, 3)))

    model = Outer().eval()
    child = plant(model, IMAGES, {"conv": 2, "body.conv": 3})
    torch.testing.assert_close(child(IMAGES), model(IMAGES))


class Keeping(Holding):
    """Keeps activations: one layer reads them, another one's output is only there to be read."""

    def __init__(self) -> None:
        super().__init__(lambda x: x)
        self.auxiliary, self.kept = nn.Linear(8, 10), [torch.zeros(0)]
        self.conv.register_forward_hook(self.keep)

    def keep(self, module, given, output) -> None:
        self.kept = [output.relu()]

    def forward(self, x):
        self.conv(x)
        self.features = self.kept[0].mean((2, 3))
        self.score = self.auxiliary(self.features)
        return self.head(self.features)


def test_activations_that_modules_and_hooks_keep_are_followed():
    model = Keeping().eval()
    groups = channel_groups(model, IMAGES)
    assert groups["conv"].members == ("conv", "auxiliary", "head")
    assert groups["auxiliary"].frozen == "no layer uses its channels"
    child = plant(model, IMAGES, {"conv": 2})
    torch.testing.assert_close(child(IMAGES), model(IMAGES))
    assert child.score.shape == (2, 10)


def test_a_hook_that_writes_to_the_network_that_is_copied_is_refused():
    model = Holding(lambda x: x)
    seen = []
    model.conv.register_forward_hook(lambda module, given, output: seen.append(output))
    model.forward = lambda x: (model.conv(x), model.head(seen[-1].mean((2, 3))))[1]
    with pytest.raises(UnsupportedArchitecture, match="Holding: "):
        channel_groups(model, IMAGES)
