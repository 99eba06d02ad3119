"""Networks of a study's architecture at recorded widths, with fresh weights.

Trained weights are in ``weights.py``, what is recorded of a network in ``study.py``.
"""

import json
from collections.abc import Mapping
from functools import lru_cache

import torch
from torch import Tensor, nn

from plantnas.channels.groups import analyse
from plantnas.channels.planting import narrow
from plantnas.channels.structure import Structure
from plantnas.config import SearchSpace
from plantnas.networks import ARCHITECTURES
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
    architecture = search_space.architecture
    # What has a name of the user's may be another function by now; that of a library may not.
    maker = architecture if "/" in architecture else ARCHITECTURES.find(architecture)
    example, arguments = example_images(images_record), json.dumps(search_space.arguments)
    size = (images_record.num_classes, *example.shape[1:])
    structure = _structure(architecture, maker, arguments, size)
    network = _whole(architecture, arguments, size, seed)
    generator = torch.Generator().manual_seed(seed)
    return narrow(network, example, widths, generator, structure=structure)


@lru_cache(maxsize=8)
def _structure(
    architecture: str, maker: object, arguments: str, size: tuple[int, ...]
) -> Structure:
    """The structure of an architecture, which takes longer to analyse than to build.

    Args:
        architecture: Its name.
        maker: What that stands for.
        arguments: Of the constructor, as JSON.
        size: Classes, and channels, height and width of an image.
    """
    example = torch.zeros(2, *size[1:])
    return analyse(_whole(architecture, arguments, size, 0), example)


def _whole(architecture: str, arguments: str, size: tuple[int, ...], seed: int) -> nn.Module:
    """An architecture at its own widths."""
    num_classes, channels, *_ = size
    return build_network(architecture, num_classes, channels, json.loads(arguments), seed)
