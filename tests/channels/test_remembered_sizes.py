"""Sizes that modules remember of their tensors follow them."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from plantnas.channels.groups import analyse, channel_groups
from plantnas.channels.planting import crop, narrow, plant

IMAGE = torch.zeros(1, 3, 8, 8)


class Scale(nn.Module):
    """As timm's MetaFormer has it."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.shape, self.scale = (width, 1, 1), nn.Parameter(torch.rand(width))

    def forward(self, x):
        return x * self.scale.view(self.shape)


class Entries(nn.Module):
    """A number of channels, beside another that is as large, but no number of channels."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.num_features, self.padding = width, width
        self.register_buffer("shift", torch.rand(1, width))

    def forward(self, x):
        padded = F.pad(x, [self.padding] * 4)
        return padded + self.shift.reshape(1, self.num_features, 1, 1)


class Norm(nn.Module):
    """As ConvNeXt's authors have it, of channels that come last."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.rand(width)), nn.Parameter(torch.rand(width))
        self.eps, self.normalized_shape = 1e-6, (width,)

    def forward(self, x):
        x = x.permute(0, 2, 3, 1)
        x = F.layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps)
        return x.permute(0, 3, 1, 2)


class Constant(nn.Module):
    """A number that it computes with, which only looks like a number of channels."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.dim, self.scale = width, nn.Parameter(torch.rand(width, 1, 1))

    def forward(self, x):
        return x * self.scale / self.dim


def network_with(module: nn.Module) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(3, 4, 3), module, nn.Conv2d(4, 2, 1)).double().eval()


@pytest.mark.parametrize("kind", [Scale, Entries])
def test_what_a_users_module_remembers_of_its_tensors_follows_them(kind):
    model, images = network_with(kind(4)), torch.randn(2, 3, 8, 8).double()
    structure = analyse(model, images)
    child = plant(model, images, {"0": 3})
    torch.testing.assert_close(child(images), model(images))
    assert analyse(child, images) == structure.after({"0": 3})
    assert torch.equal(crop(child, images, {"0": 4})(images), model(images))


def test_what_was_narrowed_to_one_channel_still_knows_what_follows():
    model = network_with(Scale(4)).float()
    one = narrow(model, IMAGE, {"0": 1})
    assert one[1].shape == (1, 1, 1)
    assert plant(one, IMAGE, {"0": 5})[1].shape == (6, 1, 1)
    assert model[1].shape == (4, 1, 1)


def test_other_numbers_of_the_module_stay():
    wide = narrow(network_with(Entries(4)).float(), IMAGE, {"0": 6})
    assert (wide[1].num_features, wide[1].padding) == (6, 4)


def test_a_users_own_normalisation_grows_where_the_function_may_change():
    model = network_with(Norm(4)).float()
    assert channel_groups(model, IMAGE)["0"].only_crops
    assert narrow(model, IMAGE, {"0": 6})[1].normalized_shape == (6,)


def test_a_group_with_whose_remembered_width_the_code_computes_is_frozen():
    model = nn.Sequential(nn.Conv2d(3, 3, 1), *network_with(Constant(4)).float())
    model[1] = nn.Conv2d(3, 4, 1)
    assert "the code computes with its width" in channel_groups(model, IMAGE)["1"].frozen
