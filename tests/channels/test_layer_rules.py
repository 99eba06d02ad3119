"""What layers with weights do to channels where it is not plain."""

import pytest
import torch
from torch import nn

from plantnas.channels.groups import channel_groups
from plantnas.channels.planting import crop, plant
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


class DepthwiseOfJoined(nn.Module):
    """A depthwise convolution of two layers' channels, one of which has a single channel."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 2, 1), nn.Conv2d(3, 1, 1)
        self.depthwise, self.last = nn.Conv2d(3, 3, 3, groups=3), nn.Conv2d(3, 2, 1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        joined = torch.cat([self.first(images), self.second(images)], 1)
        return self.last(self.depthwise(joined))


def test_a_depthwise_convolution_alone_has_two_channels_at_least():
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Conv2d(4, 4, 3, groups=4), nn.Conv2d(4, 2, 1))
    assert channel_groups(model, IMAGE)["0"].minimum == 2


def test_of_channels_that_are_joined_before_it_one_each_is_enough():
    groups = channel_groups(DepthwiseOfJoined(), IMAGE)
    assert (groups["first"].minimum, groups["second"].minimum) == (1, 1)


def test_a_child_of_a_single_channel_that_is_joined_can_be_cropped_to_its_parent():
    model = DepthwiseOfJoined()
    child = plant(model, IMAGE, {"second": 1})
    cropped = crop(child, IMAGE, {"second": 1}).state_dict()
    assert all(torch.equal(cropped[name], each) for name, each in model.state_dict().items())


@pytest.mark.parametrize("groups", [2, 6])
def test_a_grouped_transposed_convolution_grows_by_whole_groups(groups):
    torch.manual_seed(0)
    up = nn.ConvTranspose2d(6, 6, 2, 2, groups=groups)
    model = nn.Sequential(nn.Conv2d(3, 6, 1), up, nn.ReLU(), nn.Conv2d(6, 2, 1)).double()
    images = torch.randn(2, 3, 8, 8, dtype=torch.float64)
    group = channel_groups(model, images)["0"]
    assert (group.granularity, group.members) == (6 // groups, ("0", "1", "3"))
    child = plant(model, images, {"0": group.granularity})
    assert (child[1].groups, child[1].in_channels) == (groups + 1, 6 + group.granularity)
    assert child[1].weight[6:].abs().min() > 0
    torch.testing.assert_close(child(images), model(images), rtol=1e-9, atol=1e-9)
    cropped = crop(child, images, {"0": 6}).state_dict()
    assert all(torch.equal(cropped[name], each) for name, each in model.state_dict().items())


def test_a_transposed_convolution_with_other_outputs_a_group_freezes_both_sides():
    model = nn.Sequential(
        *(nn.Conv2d(3, 4, 1), nn.ConvTranspose2d(4, 8, 2, groups=4), nn.Conv2d(8, 5, 1)),
        nn.Conv2d(5, 2, 1),
    )
    groups = channel_groups(model, IMAGE)
    assert "other numbers of inputs and outputs in its groups" in str(groups["0"].frozen)
    assert groups["2"].growable


def test_batch_norm_finds_its_images_wherever_they_are_passed(between):
    def code(model, x):
        return nn.functional.batch_norm(
            weight=model.norm.weight,
            input=x,
            running_mean=model.norm.running_mean,
            running_var=model.norm.running_var,
        )

    assert channel_groups(between(code, norm=nn.BatchNorm2d(4)), IMAGE)["first"].growable
