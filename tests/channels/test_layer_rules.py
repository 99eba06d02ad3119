"""What layers with weights do to channels where it is not plain."""

import pytest
import torch
from torch import nn

from plantnas.channels.groups import analyse, channel_groups
from plantnas.channels.initialisations import fresh
from plantnas.channels.initialising import Initialisation
from plantnas.channels.planting import crop, narrow, plant
from plantnas.channels.wiring import triangular
from plantnas.errors import PlantingError, UnsupportedArchitecture

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


# Normalisation of all channels, or of groups of them


class Block(nn.Module):
    """A ConvNeXt block in small: its stem's channels are normalised by a layer that is passed."""

    def __init__(self, norm: nn.Module) -> None:
        super().__init__()
        self.stem, self.norm = nn.Conv2d(3, 8, 1), norm
        self.depthwise = nn.Conv2d(8, 8, 3, padding=1, groups=8)
        self.up, self.down, self.head = nn.Linear(8, 12), nn.Linear(12, 8), nn.Linear(8, 2)
        self.scale = nn.Parameter(torch.rand(8))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        x = self.stem(images)
        y = self.depthwise(x)
        if isinstance(self.norm, nn.GroupNorm):
            y = self.norm(y).permute(0, 2, 3, 1)
        else:
            y = self.norm(y.permute(0, 2, 3, 1))
        y = self.scale * self.down(self.up(y).relu())
        return self.head((x + y.permute(0, 3, 1, 2)).mean((2, 3)))


def _block(norm: nn.Module) -> tuple[nn.Module, torch.Tensor]:
    torch.manual_seed(0)
    block = Block(norm).double().eval()
    for parameter in block.norm.parameters():
        nn.init.uniform_(parameter, 0.5, 1.5)
    return block, torch.randn(2, 3, 8, 8, dtype=torch.float64)


OF_ALL = [nn.LayerNorm(8), nn.RMSNorm(8), nn.GroupNorm(1, 8), nn.LayerNorm(8, bias=False)]
GIVING_UP = Initialisation(fresh.fill, column_scale=1.0)
"""The function of the parent, for what a study gains by columns that are not zero."""


@pytest.mark.parametrize("norm", OF_ALL)
def test_a_layer_that_normalises_all_channels_lets_them_grow_where_the_function_may_change(norm):
    block, images = _block(norm)
    structure = analyse(block, images)
    assert "mixes all channels, in norm" in str(structure.groups["stem"].frozen)
    assert structure.groups["stem"].only_crops
    assert list(structure.opened.growable) == ["stem", "up"]
    child = plant(block, images, {"stem": 3, "up": 2}, initialisation=GIVING_UP)
    assert analyse(child, images) == structure.opened.after({"stem": 3, "up": 2}).closed


@pytest.mark.parametrize("norm", OF_ALL)
def test_a_crop_of_what_was_planted_there_is_the_parent_bit_for_bit(norm):
    block, images = _block(norm)
    child = plant(block, images, {"stem": 3, "up": 2}, initialisation=GIVING_UP)
    cropped = crop(child, images, {"stem": 8, "up": 12})
    assert all(map(torch.equal, cropped.state_dict().values(), block.state_dict().values()))
    assert torch.equal(cropped(images), block(images))
    assert not torch.allclose(child(images), block(images))


@pytest.mark.parametrize("norm", OF_ALL)
def test_planting_there_is_refused_where_it_should_preserve_the_function(norm):
    block, images = _block(norm)
    with pytest.raises(PlantingError, match="stem: a planting would not preserve the function, si"):
        plant(block, images, {"stem": 3})
    child = plant(block, images, {"up": 2})
    torch.testing.assert_close(child(images), block(images), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("norm", OF_ALL)
def test_the_architecture_is_made_narrower_there(norm):
    block, images = _block(norm)
    narrowed = narrow(block, images, {"stem": 4})
    assert narrowed(images).shape == (2, 2)
    assert analyse(narrowed, images).widths["stem"] == 4


def test_groups_that_are_normalised_each_grow_as_a_whole_and_preserve_the_function():
    block, images = _block(nn.GroupNorm(4, 8))
    group = channel_groups(block, images)["stem"]
    assert (group.growable, group.granularity, group.minimum) == (True, 2, 4)
    child = plant(block, images, {"stem": 4, "up": 1})
    assert (child.norm.num_groups, child.norm.num_channels) == (6, 12)
    torch.testing.assert_close(child(images), block(images), rtol=1e-9, atol=1e-9)
    cropped = crop(child, images, {"stem": 8, "up": 12})
    assert cropped.norm.num_groups == 4
    assert torch.equal(cropped(images), block(images))


def test_a_child_of_joined_channels_of_a_group_each_is_cropped_back():
    class Joined(nn.Module):
        def __init__(self):
            super().__init__()
            self.one, self.other = nn.Conv2d(3, 4, 1), nn.Conv2d(3, 4, 1)
            self.norm, self.head = nn.GroupNorm(2, 8), nn.Conv2d(8, 2, 1)

        def forward(self, images):
            return self.head(self.norm(torch.cat([self.one(images), self.other(images)], 1)))

    parent = Joined().double().eval()
    images = torch.randn(2, 3, 4, 4).double()
    child = plant(parent, images, {"one": 4})
    assert torch.equal(crop(child, images, {"one": 4})(images), parent(images))


def test_a_number_of_groups_that_the_code_fixes_freezes_what_they_hold(between):
    """With more channels each group would hold more of them."""

    def code(model, x):
        return nn.functional.group_norm(x, 2, model.norm.weight, model.norm.bias)

    groups = channel_groups(between(code, norm=nn.GroupNorm(2, 4)), IMAGE)
    assert "group_norm" in str(groups["first"].frozen)
    assert not groups["first"].only_crops


def test_normalisation_along_pixels_leaves_channels_apart(between):
    groups = channel_groups(between(lambda m, x: m.norm(x), norm=nn.LayerNorm([16, 16])), IMAGE)
    assert groups["first"].growable


@pytest.mark.parametrize("norm", OF_ALL)
def test_triangular_wiring_refuses_what_changes_old_activations(norm):
    block, images = _block(norm)
    with pytest.raises(UnsupportedArchitecture, match=r"stem: its channels reach .*mixes all"):
        triangular(analyse(block, images).opened, block, ())
