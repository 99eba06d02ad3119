"""Convolutions whose weight gradient is computed for planted slices only.

The same mathematics as the dense gradient with the other entries left out: planted rows need all
inputs and their own output gradients, planted columns of earlier rows need their own inputs.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

SMALLEST_WIDTH = 64
"""Below, a CPU's convolutions work in blocks of channels that slicing only makes smaller: at 8 to
32 channels two sliced gradients were up to 2.9 times slower than a dense one, at 64 to 256 channels
1.7 to 3 times faster (one thread, AVX-512)."""

LARGEST_SHARE = 0.6
"""The largest share of planted entries in a weight; above, there is little to leave out."""


@contextmanager
def sliced_gradients(
    network: nn.Module,
    planted: Mapping[str, Tensor],
    smallest_width: int = SMALLEST_WIDTH,
    largest_share: float = LARGEST_SHARE,
) -> Iterator[None]:
    """Computes weight gradients for planted slices only, where that is faster.

    The gradients of all other entries of those weights are zero.

    Args:
        network: Its convolutions are changed while the context lasts.
        planted: For each tensor of the state_dict with planted entries, a bool mask.
        smallest_width: Convolutions with fewer inputs or outputs stay as they are.
        largest_share: So do those of whose weights more is planted.
    """
    changed = []
    for name, module in network.named_modules():
        mask = planted.get(f"{name}.weight")
        if mask is None or not isinstance(module, nn.Conv2d) or module.groups != 1:
            continue
        if module.padding_mode != "zeros" or not isinstance(module.padding, tuple):
            continue
        wide = min(module.in_channels, module.out_channels) >= smallest_width
        if wide and mask.float().mean().item() <= largest_share:
            module.__dict__["forward"] = _SlicedForward(module, mask)
            changed.append(module)
    try:
        yield
    finally:
        for module in changed:
            del module.__dict__["forward"]


class _SlicedForward:
    """The forward of a convolution with fixed planted rows and columns."""

    def __init__(self, module: nn.Conv2d, mask: Tensor) -> None:
        device = module.weight.device
        whole_rows = mask.flatten(1).all(1)
        self._module = module
        self._rows = whole_rows.nonzero().flatten().to(device)
        self._others = (~whole_rows).nonzero().flatten().to(device)
        others = mask[~whole_rows]
        self._columns = others.flatten(2).any(2).any(0).nonzero().flatten().to(device)

    def __call__(self, features: Tensor) -> Tensor:
        module = self._module
        slices = (self._rows, self._others, self._columns)
        geometry = (module.stride, module.padding, module.dilation)
        operands: list[Tensor | None] = [features, module.weight, module.bias]
        kind = features.device.type
        if torch.is_autocast_enabled(kind):  # whose precision does not come to a Function by itself
            dtype = torch.get_autocast_dtype(kind)
            operands = [each if each is None else each.to(dtype) for each in operands]
        output: Tensor = _SlicedConvolution.apply(*operands, slices, geometry)
        return output


class _SlicedConvolution(torch.autograd.Function):
    """A convolution; backward gives the weight's gradient in the planted slices, else zero."""

    @staticmethod
    def forward(
        ctx: Any, features: Tensor, weight: Tensor, bias: Tensor | None, slices: Any, geometry: Any
    ) -> Tensor:
        ctx.save_for_backward(features, weight)
        ctx.has_bias, ctx.slices, ctx.geometry = bias is not None, slices, geometry
        return nn.functional.conv2d(features, weight, bias, *geometry)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,) = gradients
        features, weight = ctx.saved_tensors
        rows, others, columns = ctx.slices
        to_input = None
        if ctx.needs_input_grad[0]:
            to_input = _backward(gradient, features, weight, ctx.geometry, to_input=True)
        to_weight = torch.zeros_like(weight)
        if len(rows):
            planted_rows = _backward(gradient[:, rows], features, weight[rows], ctx.geometry)
            to_weight[rows] = planted_rows
        if len(columns):
            old, new = others[:, None], columns[None, :]
            inputs = features[:, columns]
            to_weight[old, new] = _backward(
                gradient[:, others], inputs, weight[old, new], ctx.geometry
            )
        to_bias = gradient.sum((0, 2, 3)) if ctx.has_bias and ctx.needs_input_grad[2] else None
        return to_input, to_weight, to_bias, None, None


def _backward(
    gradient: Tensor, features: Tensor, weight: Tensor, geometry: Any, to_input: bool = False
) -> Tensor:
    """The gradient of a convolution with respect to its input or its weight."""
    stride, padding, dilation = geometry
    wanted = [to_input, not to_input, False]
    gradients: tuple[Tensor, Tensor, Tensor] = torch.ops.aten.convolution_backward(
        gradient, features, weight, None, stride, padding, dilation, False, [0, 0], 1, wanted
    )
    return gradients[0] if to_input else gradients[1]
