"""Two nested steps of planting and training in every group: what is bit for bit as it was.

Every architecture is planted and trained twice; the crops are taken out of the last network.
"""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from plantnas.channels.groups import analyse
from plantnas.channels.planting import crop, plant, planted_entries
from plantnas.channels.structure import Structure, classifier_tensors
from plantnas.training.features import FeatureCache
from plantnas.training.nested import normalisations
from plantnas.training.planted import Ahead, Child, train_planted
from tests.training.conftest import SETTINGS, child_of


@pytest.fixture(scope="session")
def lineage(architecture: str, seed_of: Callable, planted_step) -> list:
    """Two nested steps of planting and training in all groups."""
    seed, data = seed_of(architecture)
    first = planted_step(seed, data)
    return [first, planted_step(first.child, data)]


@pytest.fixture(scope="session")
def cropped_to(lineage: list, seed_of: Callable, architecture: str) -> Callable:
    """Crops the last network of the lineage to the widths of a structure."""
    (example,) = next(seed_of(architecture)[1].validation_inputs.in_order(0, 2))
    last = lineage[-1].child
    whole = analyse(last, example)

    def cropped(structure: Structure) -> nn.Module:
        return crop(last, example, structure.growable_widths, structure=whole)

    return cropped


def restored(cropped: nn.Module, ancestor: nn.Module, structure: Structure) -> nn.Module:
    """An ancestor out of its descendant, with the ancestor's own BatchNorms and classifier."""
    norms = [name for name, each in ancestor.named_modules() if isinstance(each, _BatchNorm)]
    kept = {
        name: tensor
        for name, tensor in ancestor.state_dict().items()
        if name.rpartition(".")[0] in norms or name in classifier_tensors(structure)
    }
    cropped.load_state_dict({**cropped.state_dict(), **kept})
    return cropped


@pytest.mark.parametrize("step", [0, 1])
def test_earlier_entries_stay_bit_identical_but_for_classifier_and_statistics(
    lineage, step: int
) -> None:
    changed = lineage[step].changed
    classifier = lineage[step].classifier
    assert changed - lineage[step].statistics <= classifier
    assert changed & classifier, "nothing was trained"


@pytest.mark.parametrize("step", [0, 1])
def test_planted_entries_are_trained_all_over_the_network(lineage, step: int) -> None:
    before, after = lineage[step].untrained.state_dict(), lineage[step].child.state_dict()
    planted, parameters = lineage[step].planted, dict(lineage[step].child.named_parameters())
    moved = [
        not torch.equal(before[name][mask], after[name][mask])
        for name, mask in planted.items()
        if name in parameters
    ]
    # A planted channel that is dead from the start has no gradient.
    assert sum(moved) >= 0.9 * len(moved)


@pytest.mark.parametrize("step", [0, 1])
def test_a_crop_computes_bit_for_bit_what_the_parent_computes(
    lineage, cropped_to: Callable, seed_of: Callable, architecture: str, step: int
) -> None:
    _, data = seed_of(architecture)
    (images,) = next(data.validation_inputs.in_order(0, 50))
    parent, structure = lineage[step].parent, lineage[step].structure
    cropped = restored(cropped_to(structure), parent, structure).eval()
    with torch.no_grad():
        assert torch.equal(cropped(images), parent(images))


@pytest.mark.parametrize("step", [0, 1])
def test_the_convolutions_of_a_crop_are_the_ancestors_own(
    lineage, cropped_to: Callable, step: int
) -> None:
    parent = lineage[step].parent
    state = cropped_to(lineage[step].structure).state_dict()
    own = set(state) - lineage[step].statistics - lineage[step].classifier
    assert all(torch.equal(state[name], parent.state_dict()[name]) for name in own)
    assert own


def test_the_parent_is_left_as_it_was(lineage, seed_of: Callable, architecture: str) -> None:
    seed, data = seed_of(architecture)
    (images,) = next(data.validation_inputs.in_order(0, 2))
    with torch.no_grad():
        # At zero columns the untrained child computes what its parent computes.
        torch.testing.assert_close(lineage[0].untrained(images), seed(images))


# With the network of the next size, which is trained along


@pytest.fixture(scope="session")
def trained_along(architecture: str, seed_of: Callable) -> tuple[nn.Module, Child, Ahead]:
    """A parent, its child, and the one ahead of it after an epoch together, planted everywhere."""
    parent, data = seed_of(architecture)
    structure, names = analyse(parent, data.example), normalisations(parent)
    planting = {name: group.granularity for name, group in structure.growable.items()}
    child = replace(child_of(parent, data.example, planting), own=names)
    wide = child.structure.after(planting)
    doubled = {name: 2 * new for name, new in planting.items()}
    wider = replace(
        child,
        network=plant(child.network, data.example, planting, structure=child.structure),
        structure=wide,
        planted=planted_entries(structure, parent, doubled),
    )
    ahead = Ahead(wider, weight=1.0)
    recipe = SETTINGS.model_copy(update={"epochs": 1})
    generator = torch.Generator().manual_seed(0)
    train_planted(child, data, recipe, FeatureCache(0), generator, ahead=ahead)
    return parent, child, ahead


def shared_names(network: nn.Module, structure: Structure) -> set[str]:
    """All but what each size has for itself: normalisation layers, with buffers, and classifier."""
    norms = {name.rpartition(".")[0] for name in normalisations(network)}
    own = {name for name in network.state_dict() if name.rpartition(".")[0] in norms}
    return network.state_dict().keys() - own - classifier_tensors(structure)


def test_earlier_entries_stay_bit_identical_when_two_sizes_are_trained(
    trained_along: tuple[nn.Module, Child, Ahead],
) -> None:
    parent, child, ahead = trained_along
    parents = parent.state_dict()
    for each in (child, ahead.child):
        tensors = each.network.state_dict()
        for name in shared_names(parent, ahead.child.structure):
            mask = each.planted.get(name, torch.tensor(False)).expand(tensors[name].shape)
            assert torch.equal(tensors[name][~mask], parents[name].flatten())


def test_a_child_is_a_crop_of_what_was_trained_along_with_it(
    trained_along: tuple[nn.Module, Child, Ahead], architecture: str, seed_of: Callable
) -> None:
    _, child, ahead = trained_along
    example = seed_of(architecture)[1].example
    cropped = crop(
        ahead.child.network,
        example,
        child.structure.growable_widths,
        structure=ahead.child.structure,
    )
    tensors = cropped.state_dict()
    for name in shared_names(child.network, ahead.child.structure):
        assert torch.equal(tensors[name], child.network.state_dict()[name])


def test_both_sizes_have_learnt(trained_along: tuple[nn.Module, Child, Ahead]) -> None:
    """Their planted channels, and each its own classifier."""
    _, child, ahead = trained_along
    crops, wide = child.network.state_dict(), ahead.child.network.state_dict()
    for name in classifier_tensors(ahead.child.structure):
        narrow = crops[name]
        assert not torch.equal(wide[name][tuple(map(slice, narrow.shape))], narrow)
