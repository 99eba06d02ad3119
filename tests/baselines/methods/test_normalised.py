"""Channels that a layer normalises as a whole go, where torch-pruning knows the layer."""

import pytest
import torch
from torch import Tensor, nn

from plantnas.baselines.methods.channel_pruning import remove_channels
from plantnas.channels.planting import crop
from plantnas.errors import UnsupportedArchitecture
from tests.baselines.methods.test_channel_pruning import (
    EXAMPLE,
    first_channels,
    importance_of,
    parameters_of,
)


class Mixing(nn.Module):
    """Blocks as ConvNeXt has them, with a normalisation of all channels."""

    def __init__(self, norm: nn.Module) -> None:
        super().__init__()
        self.stem, self.norm, self.scale = nn.Conv2d(1, 12, 3), norm, nn.Parameter(torch.rand(12))
        self.wide, self.back, self.head = nn.Linear(12, 24), nn.Linear(24, 12), nn.Linear(12, 4)

    def forward(self, images: Tensor) -> Tensor:
        x = self.stem(images)
        if isinstance(self.norm, nn.GroupNorm):
            x = self.norm(x).permute(0, 2, 3, 1)
        else:
            x = self.norm(x.permute(0, 2, 3, 1))
        x = x + self.scale * self.back(self.wide(x).relu())
        return self.head(x.mean((1, 2)))


@pytest.mark.parametrize("norm", [nn.LayerNorm(12), nn.GroupNorm(1, 12)], ids=["layer", "group"])
def test_groups_behind_a_normalisation_of_all_channels_lose_channels_too(norm: nn.Module) -> None:
    network = Mixing(norm)
    first = crop(network, EXAMPLE, {"stem": 6, "wide": 12})
    remove_channels(network, EXAMPLE, parameters_of(first), first_channels)
    assert torch.equal(network(EXAMPLE), first.eval()(EXAMPLE))


def test_such_groups_lose_channels_by_their_gradients_too() -> None:
    network, images = Mixing(nn.LayerNorm(12)), torch.randn(2, 1, 8, 8)
    network(images).square().sum().backward()
    size = parameters_of(crop(network, EXAMPLE, {"stem": 6, "wide": 12}))
    remove_channels(network, EXAMPLE, size, importance_of("taylor"))
    assert (len(network.stem.weight), len(network.wide.weight)) == (6, 12)


def test_a_group_that_a_criterion_has_no_scores_of_is_said() -> None:
    with pytest.raises(UnsupportedArchitecture, match="no such scores of the channels of 'wide'"):
        remove_channels(Mixing(nn.LayerNorm(12)), EXAMPLE, 400, importance_of("bn-scale"))


def test_groups_behind_one_that_torch_pruning_does_not_know_stay() -> None:
    network = Mixing(nn.RMSNorm(12))
    remove_channels(network, EXAMPLE, parameters_of(network) - 25 * 12, first_channels)
    assert (len(network.stem.weight), len(network.wide.weight)) == (12, 12)
