"""A study's architecture at any widths: the same weights from the same seed, of the right shape."""

import torch

from plantnas.channels.groups import widths
from plantnas.config import SearchSpace
from plantnas.records.building import example_images, network_at
from plantnas.records.record import ImagesRecord

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
