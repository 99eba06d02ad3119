"""Fresh weights: from each module's own distribution, or a sensible one where it has none."""

import torch
from torch import Tensor, nn

from plantnas.channels.initialisations.fresh import draw_anew
from plantnas.channels.planting import plant
from plantnas.channels.resizing import named_tensors


class Scaled(nn.Module):
    """A module of a user's own, without `reset_parameters`."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor([1.0, 3.0]).view(2, 1, 1))
        self.weight = nn.Parameter(torch.ones(4, 2, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.conv2d(self.scale * x, self.weight)


def _planted_scaled() -> Scaled:
    model = nn.Sequential(nn.Conv2d(3, 2, 1), Scaled(), nn.Conv2d(4, 2, 1))
    return plant(model, torch.zeros(1, 3, 2, 2), {"0": 2, "1": 3})[1]


def test_new_entries_of_a_parameter_without_a_layer_are_the_old_ones_mean():
    assert _planted_scaled().scale.flatten().tolist() == [1, 3, 2, 2]


def test_new_rows_of_a_weight_without_a_layer_are_random():
    weight = _planted_scaled().weight
    assert (weight[4:] != 0).all()
    assert not weight[:4, 2:].any()


def test_weights_are_those_of_a_fresh_layer_under_the_same_seed():
    layer = nn.Linear(5, 4)
    generator = torch.Generator().manual_seed(7)
    draw_anew(layer, [layer], named_tensors(layer), generator)
    seed = int(torch.randint(2**62, (), generator=torch.Generator().manual_seed(7)))
    torch.manual_seed(seed)
    assert torch.equal(layer.weight, nn.Linear(5, 4).weight)


def test_only_the_named_modules_are_drawn():
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    first, second = (layer.weight.detach().clone() for layer in model)
    draw_anew(model, [model[0]], named_tensors(model), None)
    assert not torch.equal(model[0].weight, first)
    assert torch.equal(model[1].weight, second)
