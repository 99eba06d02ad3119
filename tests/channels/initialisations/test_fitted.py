"""Fitted channels begin as the teacher's: what no regression gives is its."""

import torch
from torch import nn

from plantnas.channels.groups import analyse
from plantnas.channels.initialisations import fitted
from plantnas.channels.initialising import Donor, Initialisation
from plantnas.channels.planting import narrow, plant
from plantnas.channels.reconstruction import sampled


class Scaled(nn.Module):
    """One number a channel, which no layer owns."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 2, 3), nn.Conv2d(2, 4, 1)
        self.scale = nn.Parameter(torch.rand(2, 1, 1))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.second(torch.relu(self.first(images) * self.scale))


def test_entries_of_no_layer_are_the_teachers() -> None:
    model, images = Scaled(), torch.randn(20, 3, 6, 6)
    wide = narrow(model, images, {"first": 5}, torch.Generator().manual_seed(0))
    with torch.no_grad():
        wide.scale.copy_(torch.arange(5.0).view(5, 1, 1) + 1)
    donor = Donor(wide, analyse(wide, images), sampled(wide, images))
    given = Initialisation(fitted.fill, donor=donor)
    child = plant(model, images, {"first": 2}, initialisation=given)
    assert child.scale[2:].flatten().tolist() == [3, 4]


def test_a_planted_row_computes_what_the_teachers_row_does() -> None:
    """In the first layer nothing is missing that it needs, so that the fit is the teacher's row."""
    model, images = Scaled(), torch.randn(200, 3, 6, 6)
    wide = narrow(model, images, {"first": 5}, torch.Generator().manual_seed(0))
    donor = Donor(wide, analyse(wide, images), sampled(wide, images))
    given = Initialisation(fitted.fill, donor=donor)
    child = plant(model, images, {"first": 2}, initialisation=given)
    torch.testing.assert_close(child.first.weight[2:], wide.first.weight[2:4], atol=2e-3, rtol=0)
    torch.testing.assert_close(child.first.bias[2:], wide.first.bias[2:4], atol=2e-3, rtol=0)
