"""What operators do to channels: which are followed, and which freeze the groups that reach them."""

import pytest
import torch
from torch import nn

from plantnas.channels.groups import channel_groups
from plantnas.channels.planting import plant

IMAGE = torch.zeros(1, 3, 16, 16)


@pytest.mark.parametrize(
    "code",
    [
        lambda m, x: x.relu(),
        lambda m, x: torch.cat([x[:, :, :8], x[:, :, 8:]], dim=2),
        lambda m, x: x[..., ::2],
        lambda m, x: x.flatten(2).transpose(1, 2).permute(0, 2, 1).unflatten(2, (16, 16)),
        lambda m, x: x * x.sum((2, 3), keepdim=True) / 7,
        lambda m, x: nn.functional.pad(x, (1, 1)),
        lambda m, x: torch.cat(torch.chunk(x, 2, dim=1)[::-1], dim=1),
        lambda m, x: x.view(x.shape[0], x.shape[1], -1)[:, :, :9].view(x.shape[0], -1, 3, 3),
        lambda m, x: nn.functional.interpolate(input=x, scale_factor=2),
        lambda m, x: x.flatten(1).view(x.shape),
        lambda m, x: x * x.new_ones(1),
    ],
)
def test_operators_that_keep_channels_apart_are_followed(between, code):
    torch.manual_seed(0)
    model = between(code).double().eval()
    images = torch.randn(2, 3, 16, 16, dtype=torch.float64)
    assert channel_groups(model, images)["first"].frozen is None
    child = plant(model, images, {"first": 2})
    torch.testing.assert_close(child(images), model(images), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (lambda m, x: x.softmax(1), "its channels reach torch.Tensor.softmax"),
        (lambda m, x: nn.functional.group_norm(x, 2), "torch.nn.functional.group_norm"),
        (lambda m, x: x.sqrt(), "torch.Tensor.sqrt"),
        (lambda m, x: x / x.sum((2, 3), keepdim=True), "by a tensor"),
        (lambda m, x: x * x.mean(1, keepdim=True), "torch.Tensor.mean over channels"),
        (lambda m, x: x.view(2, 2, 2, 16, 16).transpose(1, 2).reshape(2, 4, 16, 16), "mixes"),
        (lambda m, x: x[:, [1, 0, 3, 2]], "computed indices"),
        (lambda m, x: torch.cat([x[:, 2:], x[:, :2]], 1), "of some channels"),
        (lambda m, x: nn.functional.pad(x, (0, 0, 0, 0, 1, 1))[:, 1:5], "pad of channels"),
        (lambda m, x: x + torch.ones(4, 1, 1, device=x.device), "could not be followed"),
        (lambda m, x: m.first.weight.mean() * x, "its weights reach torch.Tensor.mean"),
        (lambda m, x: x.mT.tril().mT, "reach torch.Tensor.mT"),
    ],
)
def test_operators_that_mix_channels_freeze_them_with_their_name(between, code, reason):
    assert reason in str(channel_groups(between(code), IMAGE)["first"].frozen)


def test_a_computed_weight_freezes_its_layer():
    model = nn.Sequential(
        nn.Conv2d(3, 4, 1), nn.Conv2d(4, 4, 1), nn.Conv2d(4, 4, 1), nn.Conv2d(4, 2, 1)
    )
    nn.utils.parametrizations.weight_norm(model[1])
    groups = channel_groups(model, IMAGE)
    assert groups["0"].frozen.endswith("conv2d with a computed weight")
    assert groups["2"].growable


def test_grouped_convolutions_that_change_the_width_freeze_both_sides():
    model = nn.Sequential(
        nn.Conv2d(3, 4, 1), nn.Conv2d(4, 8, 1, groups=2), nn.Conv2d(8, 4, 1), nn.Conv2d(4, 2, 1)
    )
    groups = channel_groups(model, IMAGE)
    assert groups["0"].frozen == groups["1"].frozen
    assert "2 inputs and 4 outputs in each of its groups" in str(groups["0"].frozen)
