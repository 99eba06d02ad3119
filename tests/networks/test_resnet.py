"""ResNet-20: the paper's size, its depth, and its shortcuts."""

import torch
from torch import nn

from plantnas.networks.resnet import BasicBlock, resnet20


def test_at_width_16_it_is_the_papers_but_for_its_two_shortcuts(parameters) -> None:
    # He et al. 2016, table 6: 0.27 M. Each shortcut is a 1x1 convolution and a BatchNorm.
    shortcuts = 16 * 32 + 2 * 32 + 32 * 64 + 2 * 64
    assert parameters(resnet20(10, width=16)) == 269_722 + shortcuts


def test_it_has_twenty_layers(weighted_layers) -> None:
    assert weighted_layers(resnet20(10, width=4)) == 20


def test_its_three_stages_halve_the_image_twice() -> None:
    network = resnet20(10, in_channels=1, width=4)
    features = network.layers(network.conv1(torch.randn(2, 1, 32, 32)))
    assert features.shape == (2, 16, 8, 8)


def test_a_block_whose_convolutions_are_zero_passes_its_input_on() -> None:
    block = BasicBlock(3, 3, stride=1).eval()
    nn.init.zeros_(block.conv2.weight)
    features = torch.rand(2, 3, 4, 4)
    assert torch.equal(block(features), features)


def test_a_block_has_a_convolution_as_shortcut_where_the_shape_changes() -> None:
    assert isinstance(BasicBlock(3, 3, stride=1).shortcut, nn.Identity)
    for block in (BasicBlock(3, 4, stride=1), BasicBlock(3, 3, stride=2)):
        assert isinstance(block.shortcut, nn.Sequential)
