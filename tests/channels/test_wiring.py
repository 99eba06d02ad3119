"""Triangular wiring: what old channels compute stays, and what is counted is what there is."""

from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn

from plantnas.channels.groups import analyse
from plantnas.channels.initialisations import fresh
from plantnas.channels.initialising import Initialisation
from plantnas.channels.planting import crop, plant, planted_entries
from plantnas.channels.structure import Structure, classifier_tensors
from plantnas.channels.wiring import left_out, seen, triangular, whole, wired, wired_as
from plantnas.errors import UnsupportedArchitecture
from tests.channels.conftest import SMALL, SqueezeExcitation, difference
from tests.channels.costs.test_macs import _counted_macs

COLUMNS = Initialisation(fresh.fill, column_scale=1.0)
"""So that old rows would see new channels if they had columns of them."""


class Lineage(NamedTuple):
    """A network, and what two plantings of all of its groups made of it."""

    networks: list[nn.Module]
    structures: list[Structure]
    images: Tensor


@pytest.fixture(scope="module")
def lineage(small_network: Any) -> Lineage:
    model, images, structure = small_network
    networks, structures = [model], [triangular(structure, model, [])]
    for number in (1, 2):
        planting = {
            name: group.granularity * (1 + place % 2) * number
            for place, (name, group) in enumerate(structure.growable.items())
        }
        parent = structures[-1]
        child = plant(networks[-1], images, planting, initialisation=COLUMNS, structure=parent)
        with torch.no_grad():
            for name, mask in planted_entries(parent, networks[-1], planting).items():
                child.state_dict()[name][mask] += 0.1  # as if it was trained
            for name in classifier_tensors(structure):
                child.get_parameter(name).add_(0.1)
        widths = {name: parent.groups[name].width + new for name, new in planting.items()}
        networks.append(child.eval())
        structures.append(parent.with_widths(widths))
    return Lineage(networks, structures, images)


def test_a_wired_network_computes_what_the_ordinary_one_does(lineage: Lineage) -> None:
    network = lineage.networks[-1]
    child = wired_as(network, lineage.structures[-1])
    assert difference(network, child, lineage.images) < 1e-9


def test_parameters_and_macs_are_those_of_the_network_that_runs(lineage: Lineage) -> None:
    for network, structure in zip(lineage.networks, lineage.structures, strict=True):
        child = wired_as(network, structure)
        assert structure.parameters() == sum(each.numel() for each in child.parameters())
        assert structure.macs() == _counted_macs(child, lineage.images)
    assert structure.parameters() < sum(each.numel() for each in network.parameters())


def test_costs_before_planting_are_those_after_it(lineage: Lineage) -> None:
    parent, child = lineage.structures[1:]
    assert parent.parameters(child.growable_widths) == child.parameters()
    assert parent.macs(child.growable_widths) == child.macs()
    assert child.parameters(parent.growable_widths) == parent.parameters()


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_old_activations_are_those_of_the_parent_bit_for_bit(
    lineage: Lineage, layout: torch.memory_format
) -> None:
    """Of all layers but the last, in float32, as networks are trained and used.

    Behind a squeeze-excitation's pooled channels the last bit depends on the kernel that torch
    takes, by the layout of images of one position and, in channels_last, the number of channels.
    """
    is_exact = not isinstance(lineage.networks[0], SqueezeExcitation)
    equal = torch.equal if is_exact else torch.allclose
    images = lineage.images.float().contiguous(memory_format=layout)
    networks = [
        wired_as(network, structure).float()
        for network, structure in zip(lineage.networks, lineage.structures, strict=True)
    ]
    made = [_activations(network, images) for network in networks]
    narrow, classifier = lineage.structures[0], classifier_tensors(lineage.structures[0])
    for axis in narrow.axes:
        layer = axis.tensor.rpartition(".")[0]
        if axis.role == "columns" or axis.tensor in classifier or not layer:
            continue
        for step in (1, 2):
            older, wider = (lineage.structures[place].widths for place in (step - 1, step))
            places = [new for _, new in axis.stretches(older, wider)]
            inner = torch.cat([made[step][layer][:, place] for place in places], 1)
            assert equal(inner, made[step - 1][layer]), (layer, step)


def _activations(network: nn.Module, images: Tensor) -> dict[str, Tensor]:
    """What each module makes, the last time that it runs."""
    found: dict[str, Tensor] = {}
    hooks = [
        module.register_forward_hook(
            lambda module, inputs, output, name=name: found.update({name: output})
        )
        for name, module in network.named_modules()
    ]
    with torch.no_grad():
        network(images)
    for hook in hooks:
        hook.remove()
    return found


def test_the_ordinary_network_of_a_wired_one_is_what_it_was_made_of(lineage: Lineage) -> None:
    network, structure = lineage.networks[-1], lineage.structures[-1]
    again = whole(wired_as(network, structure)).state_dict()
    assert again.keys() == network.state_dict().keys()
    assert all(torch.equal(again[name], each) for name, each in network.state_dict().items())


def test_a_crop_computes_what_its_ancestor_does_but_for_the_classifier(lineage: Lineage) -> None:
    last, structure = lineage.networks[-1], lineage.structures[-1]
    for network, narrow in zip(lineage.networks[:-1], lineage.structures[:-1], strict=True):
        cropped = crop(last, lineage.images, narrow.growable_widths, structure=structure)
        cropped.load_state_dict(
            cropped.state_dict()
            | {name: network.state_dict()[name] for name in classifier_tensors(narrow)}
        )
        assert difference(network, cropped, lineage.images) < 1e-9


def test_what_is_left_out_is_zero_and_not_planted(lineage: Lineage) -> None:
    structure = lineage.structures[-1]
    state, masks = lineage.networks[-1].state_dict(), left_out(structure)
    assert masks
    assert not any(state[name][mask].any() for name, mask in masks.items())


@pytest.fixture
def plain(make_network: Any) -> Any:
    return make_network(SMALL["Plain"], 16)


def test_the_public_function_wires_by_the_ancestors_widths_alone(plain: Any) -> None:
    planting = {"0.0": 2, "2.0": 2, "4": 1}
    structure = triangular(plain.structure, plain.model, [])
    child = plant(plain.model, plain.images, planting, structure=structure)
    found = wired(child, plain.images, [plain.structure.growable_widths])
    assert difference(plain.model, found, plain.images) < 1e-9
    assert sum(each.numel() for each in found.parameters()) == structure.parameters(
        {"0.0": 8, "2.0": 10, "4": 6}
    )


def test_a_seed_runs_as_it_is(plain: Any) -> None:
    found = wired(plain.model, plain.images, [])
    assert [type(each) for each in found.modules()] == [
        type(each) for each in plain.model.modules()
    ]


def test_layers_that_share_a_weight_still_do() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Conv2d(4, 4, 1), nn.Conv2d(4, 4, 1))
    model[2].weight = model[1].weight
    model = nn.Sequential(*model, nn.Conv2d(4, 2, 1))
    images = torch.randn(2, 3, 4, 4)
    structure = triangular(analyse(model, images), model, [])
    child = plant(model, images, {"0": 2}, structure=structure)
    grown = structure.with_widths({"0": 6})
    found = wired_as(child, grown)
    assert sum(each.numel() for each in found.parameters()) == grown.parameters()


def test_new_channels_reach_the_outputs_through_new_ones_alone(plain: Any) -> None:
    structure = triangular(plain.structure, plain.model, [])
    assert seen(structure, {"0.0", "2.0", "4"}) == {"0.0", "2.0", "4"}
    assert seen(structure, {"0.0", "4"}) == {"4"}
    assert seen(structure, {"0.0", "2.0"}) == set()
    assert seen(plain.structure, {"0.0"}) == {"0.0"}


class _Scaled(nn.Conv2d):
    """A convolution that does something else with its weight than others do."""

    def forward(self, images: Tensor) -> Tensor:
        return 2 * super().forward(images)


def test_channels_that_go_into_a_layer_of_another_kind_cannot_grow() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 1), _Scaled(4, 4, 1), nn.Conv2d(4, 2, 1))
    images = torch.zeros(1, 3, 4, 4)
    structure = triangular(analyse(model, images), model, [])
    assert list(structure.growable) == ["1"]
    assert structure.groups["0"].frozen == (
        "its channels go into 1, a _Scaled, which cannot run a step at a time"
    )


def test_an_architecture_in_which_no_new_channel_would_be_seen_is_refused(between: Any) -> None:
    model = between(
        lambda self, x: x + self.outer(self.inner(self.norm(x)).relu()),
        norm=nn.GroupNorm(1, 4),
        inner=nn.Conv2d(4, 4, 1),
        outer=nn.Conv2d(4, 4, 1),
    )
    model.second, model.head = nn.Identity(), nn.Conv2d(4, 2, 1)
    images = torch.zeros(1, 3, 4, 4)
    structure = analyse(model, images)
    assert list(structure.growable) == ["inner"]
    with pytest.raises(UnsupportedArchitecture, match=r"first: its channels reach .*group_norm"):
        triangular(structure, model, [])
