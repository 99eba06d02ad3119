"""The four exactness properties on random small networks of every kind of block."""

from collections.abc import Callable

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from plantnas.channels.groups import analyse
from plantnas.channels.planting import crop, plant, planted_entries

SIZE = 8


class Block(nn.Module):
    """Some layers, and what is done with them and the block's input."""

    def __init__(self, code: Callable[..., Tensor], *layers: nn.Module) -> None:
        super().__init__()
        self.code, self.layers = code, nn.ModuleList(layers)

    def forward(self, x: Tensor) -> Tensor:
        return self.code(x, *self.layers)


def _convolution(columns: int, rows: int, groups: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(columns, rows, 3, padding=1, groups=groups), nn.BatchNorm2d(rows), nn.ReLU()
    )


def _gate(x: Tensor, squeeze: nn.Module, excite: nn.Module) -> Tensor:
    return x * excite(squeeze(x.mean((2, 3), keepdim=True)).relu()).sigmoid()


@st.composite
def networks(draw: st.DrawFn) -> nn.Module:
    """A stem, up to five blocks, and a head behind a flatten or a global mean; in float64."""
    width, blocks = draw(st.integers(2, 5)), list[nn.Module]()
    blocks.append(_convolution(3, width))
    kinds = ["plain", "add", "cat", "depthwise", "grouped", "gate"]
    for kind in draw(st.lists(st.sampled_from(kinds), max_size=5)):
        new = draw(st.integers(1, 4))
        if kind == "plain":
            blocks.append(_convolution(width, new))
            width = new
        elif kind == "add":
            inner, outer = _convolution(width, new), _convolution(new, width)
            blocks.append(Block(lambda x, one, two: x + two(one(x)), inner, outer))
        elif kind == "cat":
            layer = _convolution(width, new)
            blocks.append(Block(lambda x, layer: torch.cat([layer(x), x], 1), layer))
            width += new
        elif kind == "depthwise" and width > 1:
            blocks.append(_convolution(width, 2 * width, groups=width))
            width *= 2
        elif kind == "grouped":
            blocks += [_convolution(width, 2 * new), _convolution(2 * new, 2 * new, groups=2)]
            width = 2 * new
        elif kind == "gate":
            blocks.append(Block(_gate, nn.Conv2d(width, new, 1), nn.Conv2d(new, width, 1)))
    if draw(st.booleans()):
        head = [nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(4 * width, 6), nn.ReLU()]
        blocks += [*head, nn.Linear(6, 3)]
    else:
        blocks += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, 3)]
    return nn.Sequential(*blocks).double()


@pytest.mark.slow
@settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(data=st.data())
def test_planting_cropping_and_costs_are_exact(data):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(data.draw(st.integers(0, 99), label="seed"))
        model = data.draw(networks())
        images = torch.randn(4, 3, SIZE, SIZE, dtype=torch.float64)
        model.train()(images)
    model.eval().requires_grad_(False)
    structure = analyse(model, images)
    granules = st.lists(
        st.integers(0, 2), min_size=len(structure.growable), max_size=len(structure.growable)
    )
    numbers = data.draw(granules.filter(any), label="granules")
    planting = {
        name: number * group.granularity
        for (name, group), number in zip(structure.growable.items(), numbers, strict=True)
    }
    child = plant(model, images, planting, structure=structure)
    child_structure = analyse(child, images)
    grown = {name: structure.groups[name].width + number for name, number in planting.items()}

    torch.testing.assert_close(child(images), model(images), rtol=1e-9, atol=1e-9)
    masks = planted_entries(structure, model, planting)
    for name, tensor in child.state_dict().items():
        kept = tensor[~masks[name]] if name in masks else tensor
        assert torch.equal(kept.flatten(), model.state_dict()[name].flatten()), name
    old = {name: structure.groups[name].width for name in planting}
    cropped = crop(child, images, old, structure=child_structure).state_dict()
    assert all(torch.equal(cropped[name], each) for name, each in model.state_dict().items())
    assert structure.parameters(grown) == sum(p.numel() for p in child.parameters())
    assert structure.macs(grown) == child_structure.macs()
