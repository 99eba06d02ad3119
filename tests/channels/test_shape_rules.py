"""What moving values does to channels: which operators are followed, and which freeze groups."""

import pytest
import torch
from torch import nn

from plantnas.channels.groups import analyse, channel_groups
from plantnas.channels.planting import plant

IMAGE = torch.zeros(1, 3, 16, 16)


def _shuffle(x: torch.Tensor) -> torch.Tensor:
    parted = x.view(len(x), 2, x.shape[1] // 2, *x.shape[2:])
    return parted.transpose(1, 2).reshape(x.shape)


@pytest.mark.parametrize(
    "code",
    [
        lambda m, x: torch.cat([x[:, :, :8], x[:, :, 8:]], dim=2),
        lambda m, x: x[..., ::2],
        lambda m, x: x.flatten(2).transpose(1, 2).permute(0, 2, 1).unflatten(2, (16, 16)),
        lambda m, x: torch.cat(torch.chunk(x, 2, dim=1)[::-1], dim=1),
        lambda m, x: torch.cat(x.split(x.shape[1] // 2, dim=1)[::-1], dim=1),
        lambda m, x: x.view(x.shape[0], x.shape[1], -1)[:, :, :9].view(x.shape[0], -1, 3, 3),
        lambda m, x: x.flatten(1).view(x.shape),
        lambda m, x: torch.stack([x, x.relu()], dim=1).sum(1),
        lambda m, x: x.unbind(2)[3].unsqueeze(2),
        lambda m, x: x.mean((2, 3), keepdim=True).expand_as(x) + x,
        lambda m, x: x.roll((1, 2), dims=(2, 3)) + x.roll(1, 3),
        lambda m, x: _shuffle(x),
        lambda m, x: x.view(len(x), 2, -1, 16, 16).flatten(1, 2),
        lambda m, x: x * m.scale.view(1, -1, 1, 1),
    ],
)
def test_operators_that_keep_channels_together_are_followed(between, code):
    torch.manual_seed(0)
    model = between(code, scale=nn.Parameter(torch.rand(4))).double().eval()
    images = torch.randn(2, 3, 16, 16, dtype=torch.float64)
    (group,) = analyse(model, images).growable.keys() - {"second"}
    child = plant(model, images, {group: 2})
    torch.testing.assert_close(child(images), model(images), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (
            lambda m, x: x + x[..., :3, :5].reshape(len(x), 6, 10).sum((1, 2))[:, None, None, None],
            "mixes channels with other dimensions,",
        ),
        (lambda m, x: x[:, [1, 0, 3, 2]], "computed indices"),
        (lambda m, x: torch.cat([x[:, 2:], x[:, :2]], 1), "of some channels"),
        (lambda m, x: x + x.unbind(1)[0][:, None], "unbind of channels"),
        (lambda m, x: torch.cat(x.split([1, 3], 1), 1), "into unequal parts"),
        (lambda m, x: x.roll(1, 1), "roll of channels"),
        (lambda m, x: torch.cat(x.split(2, 1)[:2], 1), "cannot run with more of it"),
        (lambda m, x: x[:, :4], "cannot run with more of it"),
        (lambda m, x: x.view(len(x), 2, 2, 16, 16).flatten(1, 2), "cannot run with more of it"),
    ],
)
def test_operators_that_take_channels_apart_freeze_them(between, code, reason):
    groups = channel_groups(between(code), IMAGE)
    frozen = {group.frozen for name, group in groups.items() if name.startswith("first")}
    assert len(frozen) == 1
    assert reason in str(frozen)


def test_a_shuffle_makes_pairs_of_tied_halves_one_channel(between):
    structure = analyse(between(lambda m, x: _shuffle(x)), IMAGE)
    (columns,) = (
        axis for axis in structure.axes if axis.tensor == "second.weight" if axis.dimension
    )
    assert [(segment.block, axis_width(structure, segment)) for segment in columns.segments] == [
        (2, 2)
    ]


def axis_width(structure, segment) -> int:
    return structure.groups[segment.group].width
