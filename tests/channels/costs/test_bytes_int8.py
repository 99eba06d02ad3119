"""Bytes of weights in int8, against those of tensors that torch quantises."""

import torch
from torch import nn

from plantnas.channels.costs.bytes_int8 import cost


def quantised(model: nn.Module) -> int:
    """The bytes of a state_dict with int8 for weights, and a float32 scale for each row."""
    weights = {
        f"{name}.weight": module
        for name, module in model.named_modules()
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear)
    }
    total = 0
    for name, tensor in model.float().state_dict().items():
        if name in weights:
            rows = 1 if isinstance(weights[name], nn.ConvTranspose2d) else 0
            scales = tensor.abs().amax([each for each in range(tensor.ndim) if each != rows]) / 127
            shape = [-1 if each == rows else 1 for each in range(tensor.ndim)]
            tensor = (tensor / scales.view(shape)).round().to(torch.int8)
            total += scales.numel() * scales.element_size()
        total += tensor.numel() * tensor.element_size()
    return total


def test_bytes_are_those_of_weights_in_int8_with_a_scale_for_each_output_channel(planted, network):
    child, widths = planted
    assert cost(network.structure, widths) == quantised(child)
