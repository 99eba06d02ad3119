"""Networks of a study's architecture at recorded widths, with fresh weights.

Trained weights are in ``weights.py``, what is recorded of a network in ``study.py``.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from plantnas.channels.planting import narrow
from plantnas.config import SearchSpace
from plantnas.networks.loader import build_network
from plantnas.records.record import ImagesRecord


def example_images(images_record: ImagesRecord) -> Tensor:
    """Two blank images of the shape that a study records: 2 x channels x height x width."""
    return torch.zeros(2, images_record.channels, images_record.height, images_record.width)


def network_at(
    search_space: SearchSpace, images_record: ImagesRecord, widths: Mapping[str, int], seed: int = 0
) -> nn.Module:
    """An architecture at some widths, with fresh weights.

    Args:
        search_space: Which architecture.
        images_record: What it takes, and how many classes it tells apart.
        widths: Of the groups that are not as wide as the architecture makes them.
        seed: Seed of the weights.
    """
    network = build_network(
        search_space.architecture,
        images_record.num_classes,
        images_record.channels,
        search_space.arguments,
        seed,
    )
    generator = torch.Generator().manual_seed(seed)
    return narrow(network, example_images(images_record), widths, generator)
