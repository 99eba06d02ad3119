"""What is recorded that a network costs."""

import torch
from torch import nn

from plantnas.channels.costs import COSTS, COUNTED
from plantnas.channels.groups import analyse
from plantnas.searching.pricing import Pricing


def halves(structure, widths):
    return structure.parameters(widths) / 2


def test_all_costs_are_recorded_and_that_of_the_study() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 2, 1))
    structure = analyse(model, torch.zeros(1, 3, 8, 8))
    recorded = Pricing("mine:halves", halves).recorded(structure)
    assert recorded.keys() == {*COUNTED, "mine:halves"} - {"parameters", "macs"}
    assert recorded["mine:halves"] == structure.parameters() / 2
    assert Pricing("macs", COSTS.find("macs")).of(structure) == structure.macs()
