"""New channels from a teacher: its first ones, and the parent's stay as they are."""

import pytest
import torch
from torch import nn

from plantnas.channels.groups import analyse
from plantnas.channels.initialisations import teacher
from plantnas.channels.initialising import Donor, Initialisation
from plantnas.channels.planting import crop, narrow, plant, planted_entries, planted_widths
from plantnas.channels.structure import Structure
from plantnas.errors import PlantingError
from tests.channels.conftest import difference


def everywhere(structure: Structure, times: int = 1) -> dict[str, int]:
    return {name: times * group.granularity for name, group in structure.growable.items()}


def donor_of(model: nn.Module, images: torch.Tensor, structure: Structure) -> Donor:
    wide = narrow(model, images, planted_widths(structure, everywhere(structure, times=3)))
    return Donor(wide, analyse(wide, images))


def test_planting_from_a_teacher_preserves_the_function(network) -> None:
    model, images, structure = network
    given = Initialisation(teacher.fill, donor=donor_of(*network))
    planting = everywhere(structure)
    child = plant(model, images, planting, initialisation=given, structure=structure)
    assert difference(model, child, images) < 1e-9


def test_new_rows_are_the_teachers_and_new_columns_are_its_times_the_scale(small_network) -> None:
    model, images, structure = small_network
    donor, planting = donor_of(*small_network), everywhere(structure)
    given = crop(donor.network, images, planted_widths(structure, planting)).state_dict()
    planted = {
        scale: plant(
            model, images, planting, initialisation=Initialisation(teacher.fill, scale, donor)
        ).state_dict()
        for scale in (0.0, 0.5)
    }
    donated = 0
    for name, mask in planted_entries(structure, model, planting).items():
        half = planted[0.5][name]
        is_whole, is_zero = half == given[name], planted[0.0][name] == 0
        is_scaled = (half == 0.5 * given[name]) & is_zero
        assert (is_whole | is_scaled)[mask].all(), name
        donated += (is_whole & ~is_zero)[mask].sum()
    assert donated > 0


def test_a_teacher_that_is_narrower_than_the_child_is_refused(small_network) -> None:
    model, images, structure = small_network
    given = Initialisation(teacher.fill, donor=Donor(model, structure))
    with pytest.raises(PlantingError, match=r"cannot crop to width \d+, the model has"):
        plant(model, images, everywhere(structure), initialisation=given)


def test_without_a_teacher_it_is_refused(small_network) -> None:
    model, images, structure = small_network
    with pytest.raises(PlantingError, match="There is no teacher"):
        plant(model, images, everywhere(structure), initialisation=Initialisation(teacher.fill))
