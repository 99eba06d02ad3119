"""What a study's configuration and images determine, before anything is recorded or trained.

The networks of these structures are made in first_networks.py.
"""

from collections.abc import Callable, Mapping

from torch import nn

from plantnas.channels.structure import Structure
from plantnas.channels.wiring import triangular
from plantnas.config import StudyConfig
from plantnas.records.record import ImagesRecord, NetworkRecord
from plantnas.search_space import Width
from plantnas.training.data import Dataset


def images_record(dataset: Dataset) -> ImagesRecord:
    """What is recorded of a study's images."""
    shape = list(dataset.train.pixels.shape[1:])
    is_image = len(shape) == 3
    return ImagesRecord(
        num_classes=dataset.num_classes,
        channels=dataset.channels,
        height=shape[1] if is_image else None,
        width=shape[2] if is_image else None,
        mean=dataset.mean.tolist(),
        std=dataset.std.tolist(),
        fingerprint=dataset.fingerprint,
        shape=None if is_image else shape,
        task=dataset.task,
    )


def narrowed(structure: Structure, width: Width) -> Structure:
    """The structure of an architecture at a width; that of its own widths is found once."""
    return structure.with_widths(structure.fraction_of_widths(width.width, width.minimum))


def widest(structure: Structure, teacher: NetworkRecord) -> Mapping[str, int]:
    """The widths that no network of a study outgrows.

    Args:
        structure: Of the architecture at its own widths.
        teacher: The teacher, which may be of another architecture.
    """
    return structure.growable_widths if teacher.is_other_teacher else teacher.widths


def seed_structure(
    config: StudyConfig,
    structure: Structure,
    teacher_widths: Mapping[str, int],
    build: Callable[[], nn.Module],
) -> Structure:
    """The seed's structure, which is no wider than a teacher that gives channels.

    Args:
        config: The study's.
        structure: Of the architecture at its own widths.
        teacher_widths: Of the teacher's groups.
        build: Makes the architecture, which triangular wiring is found in.
    """
    seed = narrowed(structure, config.search_space.seed)
    if config.seed.start != "fresh":
        # A teacher narrower than its architecture may have less than the seed's minimum.
        widths = seed.growable_widths.items()
        seed = seed.with_widths({name: min(each, teacher_widths[name]) for name, each in widths})
    if config.search_space.wiring == "triangular":
        return triangular(seed, build(), ())
    return seed
