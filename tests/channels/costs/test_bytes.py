"""Bytes of weights from widths alone, against those of the tensors of a state_dict."""

from copy import deepcopy

import torch
from torch import nn

from plantnas.channels.costs.bytes import cost
from plantnas.channels.groups import analyse


def stored(model: nn.Module) -> int:
    """The bytes of a state_dict whose tensors are all different."""
    return sum(each.numel() * each.element_size() for each in model.state_dict().values())


def test_bytes_are_those_of_the_built_networks_state_dict(small_network):
    model, _, structure = small_network
    assert cost(structure, {}) == stored(deepcopy(model).float())


def test_bytes_at_other_widths_are_those_of_the_planted_network(planted, network):
    child, widths = planted
    assert cost(network.structure, widths) == stored(child.float())


def test_what_is_tied_or_not_saved_does_not_count():
    model = nn.Sequential(nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1))
    model[2].weight = model[1].weight
    model = nn.Sequential(nn.Conv2d(3, 3, 1), *model, nn.Conv2d(3, 2, 1))
    model.register_buffer("kept", torch.zeros(100), persistent=False)
    assert cost(analyse(model, torch.zeros(1, 3, 4, 4)), {}) == stored(model) - 4 * 9
