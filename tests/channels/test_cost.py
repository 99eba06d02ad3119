"""Costs from widths alone, by their names, against costs counted on built modules."""

import math

import pytest
import torch
from torch import nn

from plantnas.channels.cost import COSTS, parameters_of
from plantnas.channels.groups import analyse
from plantnas.channels.planting import plant
from plantnas.errors import ConfigurationError, PlantingError


def _counted_macs(model: nn.Module, images: torch.Tensor) -> int:
    """Outputs times inputs of each output, over all convolutions and linear layers that run."""
    counts = []

    def count(module, inputs, output):
        if isinstance(module, nn.ConvTranspose2d):
            fan = module.out_channels // module.groups * math.prod(module.kernel_size)
            counts.append(inputs[0].numel() * fan)
        elif isinstance(module, nn.Conv2d):
            fan = module.in_channels // module.groups * math.prod(module.kernel_size)
            counts.append(output.numel() * fan)
        elif isinstance(module, nn.Linear):
            counts.append(output.numel() * module.in_features)

    hooks = [module.register_forward_hook(count) for module in model.modules()]
    with torch.no_grad():
        model.eval()(images[:1])
    for hook in hooks:
        hook.remove()
    return sum(counts)


@pytest.fixture
def planted(network):
    model, images, structure = network
    planting = {name: 2 * group.granularity for name, group in structure.growable.items()}
    widths = {name: group.width + planting[name] for name, group in structure.growable.items()}
    return plant(model, images, planting, structure=structure), widths


def test_predicted_parameters_are_those_of_the_built_network(network, planted):
    model, _, structure = network
    child, widths = planted
    assert structure.parameters() == sum(p.numel() for p in model.parameters())
    assert COSTS.find("parameters")(structure, widths) == sum(p.numel() for p in child.parameters())


def test_predicted_macs_are_those_that_hooks_count(network, planted):
    model, images, structure = network
    child, widths = planted
    assert structure.macs() == _counted_macs(model, images)
    assert COSTS.find("macs")(structure, widths) == _counted_macs(child, images)


def test_a_shared_parameter_counts_once_and_its_macs_twice():
    model = nn.Sequential(nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1))
    model[2].weight = model[1].weight
    model = nn.Sequential(nn.Conv2d(3, 3, 1), *model, nn.Conv2d(3, 2, 1))
    image = torch.zeros(1, 3, 4, 4)
    structure = analyse(model, image)
    assert structure.parameters() == sum(p.numel() for p in model.parameters())
    assert structure.macs() == _counted_macs(model, image)


@pytest.mark.parametrize("name", list(COSTS))
def test_costs_refuse_widths_that_the_model_cannot_have(grouped, name):
    with pytest.raises(PlantingError, match="only multiples of 3 from 6"):
        COSTS.find(name)(grouped.structure, {"stem.0": 4})


def test_an_unknown_cost_is_refused_with_the_nearest_and_what_a_users_own_must_be():
    with pytest.raises(ConfigurationError, match=r"'mac' is unknown. Did you mean 'macs'"):
        COSTS.check("mac")
    with pytest.raises(ConfigurationError, match=r"a function of \(structure, widths\)"):
        COSTS.check("mac")


def test_the_structure_at_other_widths_is_that_of_the_network_there(network, planted):
    _, images, structure = network
    child, widths = planted
    assert structure.with_widths(widths) == analyse(child, images)


def test_a_parameter_that_is_shared_counts_once() -> None:
    layer = nn.Linear(3, 3)
    assert parameters_of(nn.Sequential(layer, nn.ReLU(), layer)) == 12
