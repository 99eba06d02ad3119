"""Weight gradients of planted slices: equal to the dense ones there, zero elsewhere."""

import pytest
import torch
from torch import nn

from plantnas.training.sliced import sliced_gradients
from tests.training.conftest import ALL_LAYERS


def masked(rows: list[int], columns: list[int]) -> torch.Tensor:
    mask = torch.zeros(6, 5, 3, 3, dtype=torch.bool)
    mask[rows] = True
    mask[:, columns] = True
    return mask


def gradients(layer: nn.Conv2d, images: torch.Tensor) -> list[torch.Tensor]:
    layer.zero_grad()
    images.grad = None
    layer(images).square().sum().backward()
    assert images.grad is not None
    return [images.grad.clone(), *(parameter.grad.clone() for parameter in layer.parameters())]


@pytest.mark.parametrize(
    ("rows", "columns"), [([4, 5], [4]), ([2], []), ([], [0, 3]), ([1, 4], [2])]
)
@pytest.mark.parametrize(
    "geometry", [{}, {"stride": 2, "padding": 1}, {"dilation": 2, "bias": False}]
)
def test_gradients_are_the_dense_ones_in_planted_slices_and_zero_elsewhere(
    rows: list[int], columns: list[int], geometry: dict[str, int]
) -> None:
    torch.manual_seed(0)
    layer = nn.Conv2d(5, 6, 3, **geometry).double()
    images = torch.randn(4, 5, 8, 8, dtype=torch.double, requires_grad=True)
    mask = masked(rows, columns)
    dense = gradients(layer, images)
    network = nn.Sequential(layer)
    with sliced_gradients(network, {"0.weight": mask}, **ALL_LAYERS):
        partial = gradients(layer, images)
    torch.testing.assert_close(partial[0], dense[0])
    torch.testing.assert_close(partial[1], dense[1] * mask)
    if layer.bias is not None:
        torch.testing.assert_close(partial[2], dense[2])


def test_the_convolution_is_an_ordinary_one_again_afterwards() -> None:
    network = nn.Sequential(nn.Conv2d(5, 6, 3))
    with sliced_gradients(network, {"0.weight": masked([0], [])}, **ALL_LAYERS):
        assert "forward" in vars(network[0])
    assert "forward" not in vars(network[0])


@pytest.mark.parametrize(
    ("rows", "smallest_width", "largest_share"), [([0], 6, 1.0), ([0, 1, 2, 3], 1, 0.5)]
)
def test_narrow_layers_and_mostly_planted_ones_keep_the_dense_gradient(
    rows: list[int], smallest_width: int, largest_share: float
) -> None:
    network = nn.Sequential(nn.Conv2d(5, 6, 3))
    masks = {"0.weight": masked(rows, [])}
    with sliced_gradients(network, masks, smallest_width, largest_share):
        assert "forward" not in vars(network[0])
