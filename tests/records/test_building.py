"""A study's architecture at any widths: the same weights from the same seed, of the right shape."""

import importlib
import sys
from pathlib import Path

import pytest
import torch

from plantnas.channels.groups import widths
from plantnas.errors import ConfigurationError, UnsupportedArchitecture
from plantnas.records.building import (
    example_images,
    network_at,
    other_teacher,
    structure_to_plant,
)
from plantnas.records.record import ImagesRecord
from plantnas.search_space import SearchSpace

SPACE = SearchSpace(architecture="plain-small")
IMAGES = ImagesRecord(7, 2, 8, 12, mean=[0.0, 0.0], std=[1.0, 1.0], fingerprint="")


def test_blank_images_have_the_recorded_shape() -> None:
    images = example_images(IMAGES)
    assert images.shape == (2, 2, 8, 12)
    assert not images.any()


def test_a_network_has_the_widths_that_are_asked_for_and_the_architectures_elsewhere() -> None:
    whole, example = network_at(SPACE, IMAGES, {}), example_images(IMAGES)
    first, *_ = widths(whole, example)
    network = network_at(SPACE, IMAGES, {first: 3})
    assert widths(network, example) == widths(whole, example) | {first: 3}
    assert network(example).shape == (2, 7)


def test_the_same_seed_draws_the_same_weights() -> None:
    weights = [
        torch.cat([each.flatten() for each in network_at(SPACE, IMAGES, {}, seed).parameters()])
        for seed in (0, 0, 1)
    ]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


MADE = """
from torch import nn

def network(num_classes, in_channels):
    return nn.Sequential(
        nn.Conv2d(in_channels, 4, 1), *{layers}, nn.Flatten(), nn.Linear(4 * 96, num_classes)
    )
"""


def test_an_architecture_that_only_grows_where_the_function_may_change_is_refused_elsewhere(
    folder: Path,
) -> None:
    (folder / "only_mixed.py").write_text(MADE.format(layers="[nn.GroupNorm(1, 4)]"))
    importlib.invalidate_caches()
    space = SearchSpace(architecture="only_mixed:network")
    assert structure_to_plant(space, IMAGES, column_init=0.1).growable_widths == {"0": 4}
    with pytest.raises(UnsupportedArchitecture, match=r"needs planting\.column_init above 0"):
        structure_to_plant(space, IMAGES, column_init=0)


def test_another_function_of_the_same_name_is_another_architecture(folder: Path) -> None:
    space = SearchSpace(architecture="made_here:network")
    for layers, count in (("[]", 1), ("[nn.Conv2d(4, 4, 1)]", 2)):
        (folder / "made_here.py").write_text(MADE.format(layers=layers))
        sys.modules.pop("made_here", None)
        importlib.invalidate_caches()
        network = network_at(space, IMAGES, {"0": 3})
        assert widths(network, example_images(IMAGES))["0"] == 3
        assert sum(isinstance(each, torch.nn.Conv2d) for each in network.modules()) == count


def test_a_teachers_own_architecture_is_told_where_it_cannot_be_built() -> None:
    said = {"architecture": "resnet20", "arguments": {"depth": 3}}
    space = SearchSpace.model_validate({"architecture": "plain", "teacher": said})
    with pytest.raises(ConfigurationError, match=r"^search_space\.teacher\.architecture"):
        other_teacher(space, IMAGES)
