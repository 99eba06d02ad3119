"""Multiply-accumulates from widths alone, against those that hooks count on built modules."""

import math

import torch
from torch import nn

from plantnas.channels.costs.macs import cost
from plantnas.channels.groups import analyse


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


def test_predicted_macs_are_those_that_hooks_count(network, planted):
    model, images, structure = network
    child, widths = planted
    assert cost(structure, {}) == _counted_macs(model, images)
    assert cost(structure, widths) == _counted_macs(child, images)


def test_a_layer_that_runs_twice_counts_twice():
    model = nn.Sequential(nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1))
    model[2].weight = model[1].weight
    model = nn.Sequential(nn.Conv2d(3, 3, 1), *model, nn.Conv2d(3, 2, 1))
    image = torch.zeros(1, 3, 4, 4)
    structure = analyse(model, image)
    assert cost(structure, {}) == _counted_macs(model, image)
