"""What layers with weights do to channels where it is not plain."""

import pytest
import torch
from torch import nn

from plantnas.channels.groups import channel_groups
from plantnas.errors import UnsupportedArchitecture

IMAGE = torch.zeros(1, 3, 16, 16)


def test_a_computed_weight_freezes_its_layer():
    model = nn.Sequential(
        nn.Conv2d(3, 4, 1), nn.Conv2d(4, 4, 1), nn.Conv2d(4, 4, 1), nn.Conv2d(4, 2, 1)
    )
    nn.utils.parametrizations.weight_norm(model[1])
    groups = channel_groups(model, IMAGE)
    assert groups["0"].frozen.endswith("conv2d with a computed weight in 1")
    assert groups["2"].growable


def test_grouped_convolutions_that_change_the_width_freeze_both_sides():
    model = nn.Sequential(
        nn.Conv2d(3, 4, 1), nn.Conv2d(4, 8, 1, groups=2), nn.Conv2d(8, 4, 1), nn.Conv2d(4, 2, 1)
    )
    groups = channel_groups(model, IMAGE)
    assert groups["0"].frozen == groups["1"].frozen
    assert "2 inputs and 4 outputs in each of its groups" in str(groups["0"].frozen)


def test_a_model_of_computed_weights_alone_is_refused_with_the_first_of_them():
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Conv2d(4, 2, 1))
    for layer in model:
        nn.utils.parametrizations.weight_norm(layer)
    with pytest.raises(UnsupportedArchitecture, match=r"first .* is .*conv2d with .* weight in 0"):
        channel_groups(model, IMAGE)
