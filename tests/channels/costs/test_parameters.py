"""Parameters from widths alone, against those of built modules."""

import torch
from torch import nn

from plantnas.channels.costs.parameters import cost, parameters_of
from plantnas.channels.groups import analyse


def test_predicted_parameters_are_those_of_the_built_network(network, planted):
    model, _, structure = network
    child, widths = planted
    assert cost(structure, {}) == sum(p.numel() for p in model.parameters())
    assert cost(structure, widths) == sum(p.numel() for p in child.parameters())


def test_a_shared_parameter_counts_once():
    model = nn.Sequential(nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1))
    model[2].weight = model[1].weight
    model = nn.Sequential(nn.Conv2d(3, 3, 1), *model, nn.Conv2d(3, 2, 1))
    structure = analyse(model, torch.zeros(1, 3, 4, 4))
    assert cost(structure, {}) == parameters_of(model) == sum(p.numel() for p in model.parameters())


def test_a_parameter_that_is_shared_counts_once() -> None:
    layer = nn.Linear(3, 3)
    assert parameters_of(nn.Sequential(layer, nn.ReLU(), layer)) == 12
