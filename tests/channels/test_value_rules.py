"""What operators do to channels: which are followed, and which freeze their groups."""

import pytest
import torch
from torch import nn

from plantnas.channels.groups import channel_groups
from tests.channels.conftest import assert_first_grows

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
        lambda m, x: torch.max(x, -x) + x.max(2, keepdim=True).values,
        lambda m, x: torch.where(x > 0, x, torch.zeros_like(x)) ** 2.0,
        lambda m, x: x.masked_fill(x < 0, 0.5) * (x > 0.1),
        lambda m, x: torch.div(x, other=2) % 3,
        lambda m, x: x.std(axis=(2, 3), keepdims=True) + x.norm(2, 3, keepdim=True),
        lambda m, x: x.topk(3, 3).values + x.kthvalue(2, keepdim=True)[0] + x.cumsum(-1)[..., :3],
        lambda m, x: nn.functional.normalize(x, dim=2),
    ],
)
def test_operators_that_keep_channels_apart_are_followed(between, code):
    assert_first_grows(between, code)


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (lambda m, x: x.softmax(1), "torch.Tensor.softmax, which mixes all channels,"),
        (lambda m, x: nn.functional.group_norm(x, 2), "group_norm, which mixes all channels,"),
        (lambda m, x: x.sqrt(), "torch.Tensor.sqrt"),
        (lambda m, x: x**0.5, "with an exponent that is not one of 0 to 8"),
        (lambda m, x: x**-1, "with an exponent that is not one of 0 to 8"),
        (lambda m, x: x**100, "with an exponent that is not one of 0 to 8"),
        (lambda m, x: 2**x, "__rpow__, which may be infinite"),
        (lambda m, x: 1 / x, "which may be infinite or undefined"),
        (lambda m, x: x.masked_fill(x < 0, -float("inf")), "masked_fill with infinite values"),
        (lambda m, x: torch.where(x > 0, x, float("inf")), "where with infinite values"),
        (lambda m, x: x + torch.where(x > 0)[0].sum(), "where with infinite values"),
        (lambda m, x: x + x.var(False), "torch.Tensor.var over channels"),
        (lambda m, x: x + x.max(), "torch.Tensor.max over channels"),
        (lambda m, x: x * x.norm(-1, (2, 3), True), "norm of order -1"),
        (lambda m, x: nn.functional.normalize(x), "normalize, which mixes all channels,"),
        (lambda m, x: x + x.sort(1).values, "torch.Tensor.sort over channels"),
        (lambda m, x: x + x.kthvalue(2, 1)[0][:, None], "kthvalue over channels"),
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
    assert groups["stem"].members == ("stem", "norm", "up", "down", "head")
    assert "layer_norm" in str(groups["stem"].frozen)
    assert [name for name, group in groups.items() if group.growable] == ["up"]


def test_a_hook_that_writes_activations_down_does_not_matter(between):
    model, seen = between(lambda m, x: x), []
    model.first.register_forward_hook(lambda m, x, y: seen.append(y.detach().cpu().numpy()))
    assert channel_groups(model, IMAGE)["first"].growable
