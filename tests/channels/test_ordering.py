"""A reordered network computes the same, with its most important channels first."""

import pytest
import torch
from torch import nn

from plantnas.channels.groups import analyse
from plantnas.channels.ordering import channel_scores, most_important_first, reordered
from plantnas.channels.planting import crop
from plantnas.networks.loader import build_network


def two_layers() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, bias=False), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 4, 2)
    )


EXAMPLE = torch.randn(2, 1, 4, 4, generator=torch.Generator().manual_seed(0))


def test_scores_are_the_sizes_of_a_channels_own_weights() -> None:
    network = two_layers()
    with torch.no_grad():
        for channel, size in enumerate((1.0, 4.0, 2.0, 1.0)):
            network[0].weight[channel] = size
    (scores,) = channel_scores(network, analyse(network, EXAMPLE)).values()
    torch.testing.assert_close(scores, torch.tensor([0.5, 2.0, 1.0, 0.5]))


def test_a_flattened_channel_takes_its_block_of_columns_along() -> None:
    network = two_layers()
    structure = analyse(network, EXAMPLE)
    other = reordered(network, structure, {"0": torch.tensor([3, 1, 0, 2])})
    assert torch.equal(other[0].weight[0], network[0].weight[3])
    assert torch.equal(other[3].weight[:, :4], network[3].weight[:, 12:])
    torch.testing.assert_close(other(EXAMPLE), network(EXAMPLE))


def test_the_crop_of_an_ordered_network_has_the_most_important_channels() -> None:
    network = two_layers()
    with torch.no_grad():
        network[0].weight[2] *= 10
    small = crop(most_important_first(network, EXAMPLE), EXAMPLE, {"0": 1})
    assert torch.equal(small[0].weight[0], network[0].weight[2])


def test_the_network_itself_is_left_as_it_was() -> None:
    network = two_layers().train()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    most_important_first(network, EXAMPLE)
    assert network.training
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())


@pytest.mark.parametrize(
    ("architecture", "size"),
    [
        ("plain", 28),
        ("resnet20", 32),
        ("vgg-cifar", 32),
        ("torchvision/mobilenet_v2", 64),
        ("torchvision/resnext50_32x4d", 64),
        ("torchvision/squeezenet1_1", 64),
        ("torchvision/shufflenet_v2_x0_5", 64),
    ],
)
def test_every_family_computes_the_same_in_another_order(architecture: str, size: int) -> None:
    network = build_network(architecture, 10, 3, {}, 0)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for tensor in network.state_dict().values():
            if tensor.is_floating_point():  # also the statistics and affines of BatchNorms
                tensor.mul_(1 + 0.3 * torch.rand(tensor.shape, generator=generator))
    images = torch.randn(2, 3, size, size, generator=generator)
    ordered, network = most_important_first(network, images).eval(), network.eval()
    with torch.no_grad():
        expected, found = network(images), ordered(images)
    assert (found - expected).abs().max() <= 1e-3 * expected.abs().max()


@pytest.mark.parametrize("architecture", ["plain", "resnet20", "torchvision/mobilenet_v2"])
def test_channels_do_change_places(architecture: str) -> None:
    network, images = build_network(architecture, 10, 3, {}, 0), torch.randn(2, 3, 32, 32)
    ordered = most_important_first(network, images)
    changed = [
        not torch.equal(tensor, network.state_dict()[name])
        for name, tensor in ordered.state_dict().items()
        if tensor.ndim > 1
    ]
    assert sum(changed) > len(changed) / 2
