"""A network with its channels in another order, such as the most important first.

Ordered so, a crop of a wide network keeps its most important channels, and planting can take the
next ones from it. Which channels matter is judged by the size of their weights (Li et al.,
"Pruning Filters for Efficient ConvNets", ICLR 2017, arXiv 1608.08710).
"""

import copy
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from plantnas.channels.groups import analyse
from plantnas.channels.resizing import named_tensors
from plantnas.channels.structure import Structure, TensorAxis


def most_important_first(model: nn.Module, example_input: Tensor) -> nn.Module:
    """The same function with the channels of each growable group by descending importance.

    Channels of a frozen group stay where they are, and granules stay together.

    Args:
        model: Trained; left untouched.
        example_input: images x channels x height x width.

    Raises:
        UnsupportedArchitecture: The model's channels cannot be followed.
    """
    structure = analyse(model, example_input)
    scores = channel_scores(model, structure)
    order = {
        name: _granules_first(score, structure.groups[name].granularity)
        for name, score in scores.items()
    }
    return reordered(model, structure, order)


def channel_scores(model: nn.Module, structure: Structure) -> dict[str, Tensor]:
    """The importance of each channel of the growable groups: the mean size of its own weights.

    The mean absolute weight of a channel's rows, relative to that of its layer's rows, averaged
    over the layers that make the group's channels. A group has as many scores as channels.
    """
    tensors = named_tensors(model)
    scores: dict[str, list[Tensor]] = {}
    for axis in structure.axes:
        weight = tensors[axis.tensor]
        # Concatenations and flattened features are inputs: what makes channels has one segment.
        if axis.role == "rows" and weight.ndim > 1 and len(axis.segments) == 1:
            (segment,) = axis.segments
            sizes = weight.detach().abs().movedim(axis.dimension, 0).flatten(1).mean(1)
            by_channel = sizes.view(-1, segment.block).mean(1)
            scores.setdefault(segment.group, []).append(by_channel / by_channel.mean())
    return {
        name: torch.stack(scores[name]).mean(0) for name in structure.growable if name in scores
    }


def reordered(model: nn.Module, structure: Structure, order: Mapping[str, Tensor]) -> nn.Module:
    """A copy with the channels of some groups in another order.

    Args:
        model: Left untouched.
        structure: Its structure.
        order: {group name: for each new place, the channel that comes there}.
    """
    copied = copy.deepcopy(model)
    tensors = named_tensors(copied)
    with torch.no_grad():
        for axis in structure.axes:
            tensor = tensors[axis.tensor]
            index = _entries(axis, structure, order).to(tensor.device)
            tensor.copy_(tensor.index_select(axis.dimension, index))
    return copied


def _entries(axis: TensorAxis, structure: Structure, order: Mapping[str, Tensor]) -> Tensor:
    """For each new place of a dimension, the entry that comes there."""
    entries, start = [], 0
    for name, block in axis.segments:
        width = structure.groups[name].width
        channels = order.get(name, torch.arange(width)).cpu()
        entries.append(start + (channels[:, None] * block + torch.arange(block)).flatten())
        start += width * block
    return torch.cat(entries)


def _granules_first(scores: Tensor, granularity: int) -> Tensor:
    """The channels by descending score, in whole granules, which stay together."""
    granules = scores.view(-1, granularity).mean(1).argsort(descending=True, stable=True)
    return (granules[:, None].cpu() * granularity + torch.arange(granularity)).flatten()
