"""What an initialisation is told, and that it decides about new entries alone."""

import pytest
import torch
from torch import nn

from plantnas.channels.groups import analyse
from plantnas.channels.initialising import Grown, Initialisation, Samples
from plantnas.channels.planting import plant, planted_entries
from plantnas.channels.resizing import named_tensors
from plantnas.channels.structure import Structure
from plantnas.errors import PlantingError
from tests.channels.conftest import difference


def everywhere(structure: Structure) -> dict[str, int]:
    return {name: group.granularity for name, group in structure.growable.items()}


def all_threes(grown: Grown) -> None:
    for tensor in named_tensors(grown.network).values():
        tensor.fill_(3)


def test_whatever_an_initialisation_writes_the_function_is_preserved(network):
    """It writes over the parent's entries too, and over tensors that are none of its business."""
    model, images, structure = network
    planting, given = everywhere(structure), Initialisation(all_threes)
    child = plant(model, images, planting, initialisation=given, structure=structure)
    assert difference(model, child, images) < 1e-9


def test_an_initialisation_is_told_the_child_its_structure_and_what_is_new(small_network):
    told: list[Grown] = []
    model, images, structure = small_network
    planting, generator = everywhere(structure), torch.Generator()
    given = Initialisation(told.append)
    child = plant(model, images, planting, generator, initialisation=given, structure=structure)
    (grown,) = told
    assert (grown.network, grown.parent, grown.example) == (child, model, images)
    assert (grown.donor, grown.generator) == (None, generator)
    assert grown.structure == analyse(child, images)
    assert grown.changed.keys() >= planted_entries(structure, model, planting).keys()


def test_new_columns_are_scaled_and_new_rows_are_not():
    model = nn.Sequential(nn.Conv2d(1, 2, 1), nn.Conv2d(2, 2, 1), nn.Conv2d(2, 1, 1))
    given = Initialisation(all_threes, column_scale=0.5)
    child = plant(model, torch.zeros(2, 1, 2, 2), {"0": 1, "1": 1}, initialisation=given)
    weight = child[1].weight.flatten(1)
    assert weight[2].tolist() == [3, 3, 3]
    assert weight[:2, 2].tolist() == [1.5, 1.5]
    assert torch.equal(weight[:2, :2], model[1].weight.flatten(1))


def replaces(grown: Grown) -> None:
    grown.network[0].bias = nn.Parameter(torch.zeros(1))


def removes(grown: Grown) -> None:
    grown.network[0].bias = None


def widens(grown: Grown) -> None:
    grown.network.double()


@pytest.mark.parametrize(
    ("fill", "left"), [(replaces, r"\[1\] of"), (removes, "nothing"), (widens, "float64")]
)
def test_an_initialisation_that_leaves_other_tensors_is_refused(fill, left):
    model = nn.Sequential(nn.Conv2d(1, 2, 1), nn.Conv2d(2, 1, 1))
    with pytest.raises(PlantingError, match=rf"^the initialisation: left '.*' as .*{left}"):
        plant(model, torch.zeros(2, 1, 2, 2), {"0": 1}, initialisation=Initialisation(fill))


def test_samples_are_cut_to_the_first_places_of_each_layer():
    images, many, few = torch.zeros(2, 1, 3, 3), torch.arange(12.0).view(6, 2), torch.ones(2, 3)
    samples = Samples(images, {"many": many, "few": few}, torch.arange(2)).at_most(4)
    assert torch.equal(samples.outputs["many"], many[:4])
    assert torch.equal(samples.outputs["few"], few)
    assert samples.images is images
