"""What operators do to channels: which are followed, and which freeze their groups."""

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
        lambda m, x: x * x.sum((2, 3), keepdim=True) / 7,
        lambda m, x: nn.functional.pad(x, (1, 1)),
        lambda m, x: nn.functional.interpolate(input=x, scale_factor=2),
        lambda m, x: x * x.new_ones(1),
        lambda m, x: x * x.flatten(2).softmax(2).unflatten(2, (16, 16)),
        lambda m, x: torch.maximum(x, x.square()),
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
        (lambda m, x: x.softmax(1), "torch.Tensor.softmax, which mixes all channels,"),
        (lambda m, x: nn.functional.group_norm(x, 2), "group_norm, which mixes all channels,"),
        (lambda m, x: x.sqrt(), "torch.Tensor.sqrt"),
        (lambda m, x: x / x.sum((2, 3), keepdim=True), "by a tensor"),
        (lambda m, x: x * x.mean(1, keepdim=True), "torch.Tensor.mean over channels"),
        (lambda m, x: nn.functional.pad(x, (0, 0, 0, 0, 1, 1))[:, 1:5], "pad of channels"),
        (lambda m, x: x + torch.ones(4, 1, 1, device=x.device), "could not be followed"),
    ],
)
def test_operators_that_mix_channels_freeze_them_with_their_name(between, code, reason):
    assert reason in str(channel_groups(between(code), IMAGE)["first"].frozen)


def test_what_a_frozen_operator_returns_ties_the_layers_around_it():
    class Normalised(nn.Module):
        """A ConvNeXt block in small."""

        def __init__(self) -> None:
            super().__init__()
            self.stem, self.norm = nn.Conv2d(3, 4, 1), nn.LayerNorm(4)
            self.up, self.down, self.head = nn.Linear(4, 8), nn.Linear(8, 4), nn.Linear(4, 2)

        def forward(self, images):
            x = self.stem(images).permute(0, 2, 3, 1)
            return self.head((x + self.down(self.up(self.norm(x)).relu())).mean((1, 2)))

    groups = channel_groups(Normalised(), IMAGE)
    assert groups["stem"].members == ("stem", "up", "down", "head")
    assert "layer_norm" in str(groups["stem"].frozen)
    assert [name for name, group in groups.items() if group.growable] == ["up"]
