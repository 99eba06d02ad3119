"""The order of channels inside their groups, which decides what a crop keeps.

A network computes the same function whatever the order is, since all that a group sizes is
reordered together.
"""

import torch
from torch import Tensor, nn

from plantnas.channels.resizing import named_tensors
from plantnas.channels.structure import Structure, TensorAxis
from plantnas.grouping import grouped
from plantnas.modules import copied


def largest_first(model: nn.Module, structure: Structure) -> nn.Module:
    """A copy of the model with the channels of each growable group ordered by `channel_scores`.

    Groups whose channels come in blocks, as those of grouped convolutions do, stay as they are.

    Args:
        model: A trained network.
        structure: Its structure.
    """
    orders = {
        name: scores.argsort(descending=True, stable=True)
        for name, scores in channel_scores(model, structure).items()
        if structure.groups[name].growable and structure.groups[name].granularity == 1
    }
    return reordered(model, structure, orders)


def channel_scores(model: nn.Module, structure: Structure) -> dict[str, Tensor]:
    """How large the weights are that make and use each channel: group L1 magnitude.

    Of each weight that has the channel as a row, a column or an entry (BatchNorm's scale), the mean
    absolute value is divided by the mean over the group's channels, so that layers count alike (Li
    et al. 2017, arXiv 1608.08710; over coupled layers, Fang et al. 2023, arXiv 2301.12900).

    Returns:
        For each channel group with weights, a score a channel.
    """
    tensors, shares = named_tensors(model), list[tuple[str, Tensor]]()
    for axis in structure.axes:
        if axis.tensor.endswith("weight"):
            sizes = tensors[axis.tensor].detach().float().abs().movedim(axis.dimension, 0)
            for group, entries in _entries(axis, structure):
                means = sizes.reshape(len(sizes), -1).mean(1)[entries].mean(1)
                shares.append((group, means / means.mean().clamp_min(1e-12)))
    return {name: torch.stack(each).mean(0) for name, each in grouped(shares).items()}


def reordered(model: nn.Module, structure: Structure, orders: dict[str, Tensor]) -> nn.Module:
    """A copy of the model whose channels stand in another order; it computes the same function.

    Args:
        model: Left untouched.
        structure: Its structure.
        orders: {group name: the numbers of its channels in their new order}; groups that are not
            named stay as they are.
    """
    child = copied(model)
    tensors = named_tensors(child)
    done = set[tuple[int, int]]()
    with torch.no_grad():
        for axis in structure.axes:
            tensor = tensors[axis.tensor]
            if (id(tensor), axis.dimension) in done:
                continue  # a tied tensor, under another of its names
            done.add((id(tensor), axis.dimension))
            index = torch.cat(
                [
                    entries[orders[group].cpu()].flatten() if group in orders else entries.flatten()
                    for group, entries in _entries(axis, structure)
                ]
            )
            tensor.copy_(tensor.index_select(axis.dimension, index.to(tensor.device)))
    return child


def _entries(axis: TensorAxis, structure: Structure) -> list[tuple[str, Tensor]]:
    """The group of each segment of the axis, and the entries of its channels, channels x block."""
    widths = structure.widths
    return [
        (segment.group, torch.arange(stretch.start, stretch.stop).view(-1, segment.block))
        for segment, (stretch, _) in zip(axis.segments, axis.stretches(widths, widths), strict=True)
    ]
