"""BatchNorms of two to four channels, for which torch's own kernel is slow in channels_last.

It works on one position of an image after the other, so that with two channels most of a vector
register is idle. Here several positions stand side by side in a row. In training alone, on a CPU
and in float32 (in bfloat16 there was nothing to gain); what is computed is the same.
"""

from typing import Any

import torch
from torch import Tensor, nn

WIDEST = 4
"""Up to so many channels their step was 1.2 to 4 times faster (one thread, AVX-512); of 8, slower.
A step of a planting with such norms took a tenth less."""
ROW = 64
"""Numbers in a row, if so many positions can stand side by side."""


def quicken(network: nn.Module) -> None:
    """Lets the narrow BatchNorms of a network compute as here. They are changed in place."""
    for module in network.modules():
        if type(module) is nn.BatchNorm2d and 1 < module.num_features <= WIDEST:
            module.__class__ = NarrowBatchNorm


class NarrowBatchNorm(nn.BatchNorm2d):
    """A BatchNorm of a few channels."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 (torch's name of it)
        """Normalised images, batch x channels x height x width."""
        is_fed = input.is_contiguous(memory_format=torch.channels_last) and input.is_cpu
        is_usual = self.affine and self.track_running_stats and self.momentum is not None
        if not (self.training and is_fed and is_usual and input.dtype == torch.float32):
            return super().forward(input)
        output: Tensor
        output, mean, variance = _Normalisation.apply(input, self.weight, self.bias, self.eps)
        count = input.numel() // self.num_features
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.momentum is not None
        assert self.num_batches_tracked is not None
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(variance * (count / max(1, count - 1)), self.momentum)
        self.num_batches_tracked += 1
        return output


class _Normalisation(torch.autograd.Function):
    """Batch normalisation in train mode; also gives the batch's mean and its variance."""

    @staticmethod
    def forward(
        ctx: Any, images: Tensor, weight: Tensor, bias: Tensor, eps: float
    ) -> tuple[Tensor, Tensor, Tensor]:
        rows, side = _rows(images)
        count = images.numel() // len(weight)
        mean = _channel_sums(rows, side) / count
        centred = rows - mean.repeat(side)
        variance = _channel_sums(centred * centred, side) / count
        deviation = (variance + eps).rsqrt()
        ctx.save_for_backward(centred, deviation, weight)
        ctx.mark_non_differentiable(mean, variance)
        values = torch.addcmul(bias.repeat(side), centred, (weight * deviation).repeat(side))
        output = torch.empty_like(images)  # no view, so that others may work on it in place
        _rows(output)[0].copy_(values)
        return output, mean, variance

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        (centred, deviation, weight), images = ctx.saved_tensors, gradients[0]
        images = images.contiguous(memory_format=torch.channels_last)
        rows, side = _rows(images)
        count, of_bias = images.numel() // len(weight), _channel_sums(rows, side)
        of_weight = _channel_sums(rows * centred, side) * deviation
        scale = weight * deviation
        shift, slope = -scale * of_bias / count, -scale * deviation * of_weight / count
        values = torch.addcmul(shift.repeat(side), centred, slope.repeat(side))
        to_input = torch.empty_like(images)
        _rows(to_input)[0].copy_(values.addcmul_(rows, scale.repeat(side)))
        return to_input, of_weight, of_bias, None


def _rows(images: Tensor) -> tuple[Tensor, int]:
    """The numbers of channels_last images in rows of several positions, and how many these are."""
    channels, positions, side = images.shape[1], images.numel() // images.shape[1], 1
    while side * channels < ROW and positions % (2 * side) == 0:
        side *= 2
    return images.movedim(1, -1).reshape(positions // side, side * channels), side


def _channel_sums(values: Tensor, side: int) -> Tensor:
    return values.sum(0).view(side, -1).sum(0)
