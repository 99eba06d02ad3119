"""What taking some of the values does to channels: other dimensions may be taken apart."""

import pytest
import torch

from plantnas.channels.groups import channel_groups
from tests.channels.conftest import assert_first_grows

IMAGE = torch.zeros(1, 3, 16, 16)


def _reason(between, code, **modules) -> str:
    return str(channel_groups(between(code, **modules), IMAGE)["first"].frozen)


@pytest.mark.parametrize(
    "code",
    [
        lambda m, x: x[None, ..., ::2][0],
        lambda m, x: x[:, :, [3, 1, 2]],
        lambda m, x: x[..., torch.tensor([3, 1, 2])],
        lambda m, x: x[:, :, None].squeeze(2),
        lambda m, x: x * m.first.bias[None, :, None, None],
        lambda m, x: x.select(2, 0).unsqueeze(2),
        lambda m, x: x.narrow(1, 0, x.shape[1]).narrow(2, 1, 3),
        lambda m, x: x.gather(2, x.argsort(2)),
        lambda m, x: x.unfold(2, 2, 2).mean(-1),
    ],
)
def test_pixels_may_be_taken(between, code):
    assert_first_grows(between, code)


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (lambda m, x: x + x.select(1, 0)[:, None], "select of some channels"),
        (lambda m, x: x + x[:, 0][:, None], "of some channels"),
        (lambda m, x: x + x.narrow(1, 1, 1), "narrow of some channels"),
        (lambda m, x: x + x.index_select(1, torch.tensor([0])), "of some channels"),
        (lambda m, x: x.gather(1, x.argsort(2) * 0), "gather of some channels"),
        (lambda m, x: x.gather(2, x.new_zeros(2, 4, 1, 16).long()), "could not be followed"),
        (lambda m, x: x + x[:, :, [0, 1], [0, 1]].sum(), "computed indices"),
        (lambda m, x: x + x[0, :, [0, 1]].sum(), "computed indices"),
        (lambda m, x: x + x.unfold(1, 2, 1).sum(), "of some channels"),
    ],
)
def test_channels_may_not_be_taken(between, code, reason):
    assert reason in _reason(between, code)
