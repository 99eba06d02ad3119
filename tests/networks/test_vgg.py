"""VGG-16 for small images: its known size and depth."""

import pytest
import torch

from plantnas.networks.vgg import vgg_cifar


def test_it_has_thirteen_convolutions_and_a_classifier(weighted_layers) -> None:
    assert weighted_layers(vgg_cifar(10)) == 14


def test_it_has_the_parameters_of_configuration_d(parameters) -> None:
    # Simonyan and Zisserman 2015: 14 710 464 in the convolutions without biases.
    batch_norms = 2 * (2 * 64 + 2 * 128 + 3 * 256 + 6 * 512)
    assert parameters(vgg_cifar(10)) == 14_710_464 + batch_norms + 513 * 10


@pytest.mark.parametrize("size", [16, 32])
def test_it_takes_images_from_16_x_16_pixels(size: int) -> None:
    assert vgg_cifar(7, in_channels=1).eval()(torch.randn(2, 1, size, size)).shape == (2, 7)
