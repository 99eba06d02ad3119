"""Where in a model's code something happened."""

import re

import pytest
import torch
from torch import nn

from plantnas.channels.groups import analyse, channel_groups
from plantnas.errors import UnsupportedArchitecture

IMAGE = torch.zeros(1, 3, 16, 16)


class Block(nn.Module):
    """Its mistake, or its unknown operator, is in `code`."""

    def __init__(self, code) -> None:
        super().__init__()
        self.inner, self.code = nn.Conv2d(4, 4, 1), code

    def forward(self, x):
        return self.code(self.inner(x))


def _model(code) -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 4, 1), nn.Sequential(Block(code)), nn.Conv2d(4, 2, 1))


def _line(code) -> str:
    return f"test_locating.py:{code.__code__.co_firstlineno}"


def test_a_reason_names_the_module_and_the_line_of_the_users_code():
    code = lambda x: x.exp()  # noqa: E731
    reason = str(channel_groups(_model(code), IMAGE)["1.0.inner"].frozen)
    assert reason.endswith(f"{_line(code)})")
    assert re.search(r"torch.Tensor.exp, which .*, in 1\.0 \(", reason)


def test_torchs_own_lines_are_not_named():
    model = nn.Sequential(
        nn.Conv2d(3, 4, 1), nn.LayerNorm([4, 16, 16]), nn.Conv2d(4, 3, 1), nn.Conv2d(3, 2, 1)
    )
    assert str(channel_groups(model, IMAGE)["0"].frozen).endswith("all channels, in 1")


def test_a_model_that_cannot_run_is_refused_with_the_line():
    code = lambda x: x.view(7, 7)  # noqa: E731
    message = rf"cannot run in evaluation mode .* in 1\.0 \(.*{re.escape(_line(code))}\)"
    with pytest.raises(UnsupportedArchitecture, match=message):
        analyse(_model(code), IMAGE)


@pytest.mark.parametrize(
    "code",
    [
        lambda x: x if x.sum() > 0 else -x,
        lambda x: x * x.max().item(),
    ],
)
def test_code_that_depends_on_values_is_refused_with_the_line(code):
    message = rf"depends on the values of its activations: .* in 1\.0 \(.*{re.escape(_line(code))}"
    with pytest.raises(UnsupportedArchitecture, match=message):
        analyse(_model(code), IMAGE)
