"""How the network of a trial is made, and the one that is trained along with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch

from plantnas.searching.children import child_and_ahead, planted_child
from plantnas.searching.prepared import Parent, PreparedStudy
from plantnas.training.nested import normalisations
from plantnas.training.prefix import names_behind

if TYPE_CHECKING:
    from tests.conftest import StudyFolder


@pytest.fixture(scope="module")
def study(looking: StudyFolder) -> PreparedStudy:
    return looking.objective().prepared(looking.open())


@pytest.fixture(scope="module")
def parent(study: PreparedStudy) -> Parent:
    """The seed, and the network that was trained along with it."""
    return study.parent(None)


def last_group(parent: Parent) -> str:
    return list(parent.structure.growable)[-1]


def test_a_child_goes_on_from_what_was_trained_along(study: PreparedStudy, parent: Parent) -> None:
    assert parent.ahead is not None
    widths, own = parent.ahead.structure.growable_widths, parent.structure.growable_widths
    planting = {name: widths[name] - own[name] for name in widths if widths[name] > own[name]}
    child, ahead = planted_child(study, parent, planting), parent.ahead.network.state_dict()
    behind = names_behind(child.network, child.planted.keys())
    assert child.own == normalisations(child.network) & behind
    for name in behind:
        assert torch.equal(child.network.state_dict()[name], ahead[name])


def test_before_the_first_planted_layer_everything_is_the_parents(
    study: PreparedStudy, parent: Parent
) -> None:
    child = planted_child(study, parent, {last_group(parent): 1})
    assert {name.partition(".")[2] for name in child.own} == {"11.weight", "11.bias"}
    parents = parent.network.state_dict()
    for name, tensor in child.network.state_dict().items():
        if name.startswith("features.") and int(name.split(".")[1]) < 10:
            assert torch.equal(tensor, parents[name])


def test_what_is_ahead_contains_the_child(study: PreparedStudy, parent: Parent) -> None:
    planting, coming = {last_group(parent): 1}, {next(iter(parent.structure.growable)): 2}
    child, ahead = child_and_ahead(study, parent, planting, coming)
    assert ahead is not None
    new = ahead.child.planted["features.0.weight"].flatten(1).all(1)
    assert new.tolist() == [False] * (len(new) - 2) + [True] * 2
    widths = parent.structure.growable_widths
    widths[last_group(parent)] += 1
    assert child.structure.growable_widths == widths
    # Its first layer is planted: from there on both have normalisation layers of their own.
    assert child.own == normalisations(child.network) == ahead.child.own


def test_without_a_coming_planting_nothing_is_trained_along(
    study: PreparedStudy, parent: Parent
) -> None:
    assert child_and_ahead(study, parent, {last_group(parent): 1}, {})[1] is None


def test_the_same_network_is_ahead_again(study: PreparedStudy, parent: Parent) -> None:
    made = [
        child_and_ahead(study, parent, {last_group(parent): 1}, {last_group(parent): 2})[1]
        for _ in range(2)
    ]
    first, second = (each.child.network.state_dict() for each in made if each is not None)
    assert all(torch.equal(tensor, second[name]) for name, tensor in first.items())
