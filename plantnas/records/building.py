"""Networks of a study's architecture at recorded widths, with fresh weights.

Trained weights are in ``weights.py``, what is recorded of a network in ``study.py``.
"""

import json
from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor, nn

from plantnas.channels.groups import analyse
from plantnas.channels.planting import narrow
from plantnas.channels.structure import Structure
from plantnas.errors import ConfigurationError, UnsupportedArchitecture
from plantnas.handed import is_handed
from plantnas.networks import ARCHITECTURES
from plantnas.networks.loader import build_network
from plantnas.records.record import ImagesRecord, NetworkRecord, StudyRecord
from plantnas.search_space import SearchSpace


def example_images(images_record: ImagesRecord) -> Tensor:
    """Two blank images of the shape that a study records: 2 x channels x height x width."""
    return torch.zeros(2, *images_record.sizes)


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
    as_made = _architecture(search_space, images_record)
    generator, structure = torch.Generator().manual_seed(seed), _structure(as_made)
    return narrow(as_made.network(seed), as_made.example, widths, generator, structure=structure)


def other_teacher(
    search_space: SearchSpace, images_record: ImagesRecord, seed: int = 0
) -> nn.Module:
    """A teacher of another architecture than the students', with fresh weights.

    Raises:
        ConfigurationError: Its architecture is unknown or refuses its arguments.
    """
    space = search_space.of_teacher
    count, channels = images_record.num_classes, images_record.channels
    try:
        return build_network(space.architecture, count, channels, space.arguments, seed)
    except ConfigurationError as error:
        raise ConfigurationError(f"search_space.teacher.{error}") from error


def network_of(
    record: NetworkRecord, search_space: SearchSpace, images_record: ImagesRecord
) -> nn.Module:
    """The network of a record with fresh weights."""
    if record.is_other_teacher:
        return other_teacher(search_space, images_record)
    return network_at(search_space, images_record, record.widths)


def structure_at_own_widths(search_space: SearchSpace, images_record: ImagesRecord) -> Structure:
    """The structure of an architecture as it is made, `opened`; it is found once a process."""
    return _structure(_architecture(search_space, images_record)).opened


def structure_to_plant(
    search_space: SearchSpace, images_record: ImagesRecord, column_init: float
) -> Structure:
    """The channel groups of an architecture at its own widths, as a study plants in them.

    Where children do not start with their parent's function, groups grow too whose planting
    changes it.

    Raises:
        UnsupportedArchitecture: They do, and all groups are such.
    """
    structure = structure_at_own_widths(search_space, images_record)
    if column_init > 0 and search_space.wiring == "dense":
        return structure
    if not structure.closed.growable:
        raise UnsupportedArchitecture(
            f"{search_space.architecture}: no channel group can grow without a change of the "
            "function: that needs planting.column_init above 0 and wiring: dense."
        )
    return structure.closed


def structure_of(asked: StudyRecord, growing: Collection[str]) -> Structure:
    """The channel groups of a study's architecture at its own widths.

    Args:
        asked: The study's record.
        growing: What grew when it was begun, and alone grows on; nothing if it was not yet.
    """
    column_init = asked.configuration.get("planting", {}).get("column_init", 0)
    structure = structure_to_plant(asked.search_space, asked.images, column_init)
    if not growing:
        return structure
    return structure.fixed_but(growing, "it could not grow when the study was begun")


def _architecture(search_space: SearchSpace, images_record: ImagesRecord) -> "_Architecture":
    name = search_space.architecture
    # What has a name of the user's may be another function by now; that of a library may not.
    is_librarys = "/" in name and not is_handed(name)
    maker = name if is_librarys else ARCHITECTURES.find(name)
    shape = tuple(example_images(images_record).shape)
    settings = json.dumps(search_space.arguments)
    return _Architecture(name, maker, settings, images_record.num_classes, shape)


class _Architecture(NamedTuple):
    """An architecture at its own widths, by all that tells it from others.

    Attributes:
        name: As a study has it.
        maker: What that stands for.
        settings: Of the maker, as JSON.
        num_classes: How many classes it tells apart.
        shape: Of two images.
    """

    name: str
    maker: object
    settings: str
    num_classes: int
    shape: tuple[int, ...]

    @property
    def example(self) -> Tensor:
        return torch.zeros(self.shape)

    def network(self, seed: int) -> nn.Module:
        settings = json.loads(self.settings)
        return build_network(self.name, self.num_classes, self.shape[1], settings, seed)


@lru_cache(maxsize=8)
def _structure(as_made: _Architecture) -> Structure:
    """Its structure: to analyse it takes longer than to build it."""
    return analyse(as_made.network(0), as_made.example)
