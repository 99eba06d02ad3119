"""Copies of a model at other widths: shapes, attributes, ties."""

import pytest
import torch
from torch import nn

from plantnas.channels.planting import plant
from plantnas.channels.resizing import meta_copy, resized, widths_in
from plantnas.errors import UnsupportedArchitecture


def test_modules_know_their_new_sizes(network):
    model, _, structure = network
    wider = {name: 3 * group.width for name, group in structure.growable.items()}
    child = resized(model, structure, structure.widths_with(wider))
    for module in child.modules():
        if isinstance(module, nn.Conv2d):
            fresh = nn.Conv2d(
                module.in_channels, module.out_channels, module.kernel_size, groups=module.groups
            )
            assert fresh.weight.shape == module.weight.shape
        if isinstance(module, nn.Linear):
            assert (module.out_features, module.in_features) == module.weight.shape
        if isinstance(module, nn.BatchNorm2d):
            assert module.num_features == len(module.running_mean)


def test_parameters_that_two_modules_share_stay_shared():
    model = nn.Sequential(
        nn.Conv2d(3, 4, 1), nn.Conv2d(4, 4, 1), nn.Conv2d(4, 4, 1), nn.Conv2d(4, 2, 1)
    )
    model[2].weight = model[1].weight
    child = plant(model, torch.zeros(1, 3, 4, 4), {"0": 2})
    assert child[2].weight is child[1].weight
    assert child[1].weight.shape == (6, 6, 1, 1)


def test_a_meta_copy_keeps_ties_and_has_no_memory():
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3), nn.BatchNorm1d(3))
    model[1].weight = model[0].weight
    copy = meta_copy(model)
    assert copy[1].weight is copy[0].weight
    assert all(tensor.is_meta for tensor in copy.state_dict().values())
    assert not any(tensor.is_meta for tensor in model.state_dict().values())


def test_the_widths_of_a_network_follow_from_the_shapes_of_its_tensors(network):
    model, _, structure = network
    for times in (1, 3):
        wider = structure.widths_with(
            {name: times * group.width for name, group in structure.growable.items()}
        )
        assert widths_in(resized(model, structure, wider), structure) == wider


def test_another_architectures_network_has_no_widths_of_this_one(small_network):
    model, _, structure = small_network
    other = nn.Sequential(model, nn.Linear(4, 4))
    with pytest.raises(UnsupportedArchitecture, match="Sequential: its tensors have other shapes"):
        widths_in(other, structure)
