"""The plain chains: their known sizes, and the small images that they take."""

import pytest
import torch

from plantnas.networks.plain import Plain, plain, plain_small


def test_the_plain_network_has_its_known_number_of_parameters(parameters) -> None:
    assert parameters(plain(10, in_channels=1)) == 288_170


def test_the_small_plain_network_has_its_known_number_of_parameters(parameters) -> None:
    convolutions = 9 * (1 * 16 + 16 * 32 + 32 * 32 + 32 * 64)
    batch_norms = 2 * (16 + 32 + 32 + 64)
    assert parameters(plain_small(10, in_channels=1)) == convolutions + batch_norms + 65 * 10


@pytest.mark.parametrize("build", [plain, plain_small])
def test_images_of_8_x_8_pixels_are_large_enough(build) -> None:
    assert build(10, in_channels=1)(torch.randn(2, 1, 8, 8)).shape == (2, 10)


def test_a_pooling_halves_the_image_between_stages() -> None:
    network = Plain(10, 3, stages=[(4,), (5, 6), (7,)])
    assert network.features(torch.randn(2, 3, 16, 16)).shape == (2, 7, 4, 4)
