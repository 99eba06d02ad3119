"""Planting, cropping and narrowing: what is preserved, what is new, what is refused."""

import copy
import re

import pytest
import torch
from torch import nn

from plantnas.channels.groups import analyse
from plantnas.channels.initialisations import fresh
from plantnas.channels.initialising import Initialisation
from plantnas.channels.planting import crop, narrow, plant, planted_entries, planted_widths
from plantnas.channels.shrinking import shrink
from plantnas.errors import PlantingError, UnsupportedArchitecture
from tests.channels.conftest import difference, output_of, some_without_others

RANDOM_COLUMNS = Initialisation(fresh.fill, column_scale=1.0)


def _everywhere(structure, times=1):
    return {
        name: group.granularity * (1 + i % 2) * times
        for i, (name, group) in enumerate(structure.growable.items())
    }


def _same_state(model: nn.Module, other: nn.Module) -> bool:
    state, other_state = model.state_dict(), other.state_dict()
    return list(state) == list(other_state) and all(
        map(torch.equal, state.values(), other_state.values())
    )


def test_planting_any_group_alone_preserves_the_function(small_network):
    model, images, structure = small_network
    for name, group in structure.growable.items():
        child = plant(model, images, {name: 2 * group.granularity}, structure=structure)
        assert difference(model, child, images) < 1e-9, name


def test_planting_any_group_without_any_other_preserves_the_function(network):
    model, images, structure = network
    for planting in some_without_others(structure):
        child = plant(model, images, planting, structure=structure)
        assert difference(model, child, images) < 1e-9, planting


def test_planting_every_group_at_once_preserves_the_function(network):
    model, images, structure = network
    child = plant(model, images, _everywhere(structure), structure=structure)
    assert difference(model, child, images) < 1e-9


def test_planting_a_planted_network_preserves_the_function(network):
    model, images, structure = network
    child = plant(model, images, _everywhere(structure), structure=structure)
    grandchild = plant(child, images, _everywhere(structure, times=2))
    assert difference(model, grandchild, images) < 1e-9


def test_random_new_columns_of_any_group_would_change_the_function(network):
    model, images, structure = network
    some = 1 + len(structure.growable) // 8  # all of a small network, eight to fifteen of a large
    for name, group in list(structure.growable.items())[::some]:
        planting = {name: 8 * group.granularity}  # a few may be dead behind a ReLU, not all
        child = plant(model, images, planting, initialisation=RANDOM_COLUMNS, structure=structure)
        assert difference(model, child, images) > 1e-5, name


def test_a_fault_in_one_group_shows_beside_all_others(small_network):
    """So plantings of many groups find what plantings of one group find."""
    model, images, structure = small_network
    for name, group in structure.growable.items():
        faulty = plant(
            model,
            images,
            {name: 8 * group.granularity},
            initialisation=RANDOM_COLUMNS,
            structure=structure,
        )
        others = {each: new for each, new in _everywhere(structure).items() if each != name}
        child = plant(faulty, images, others) if others else faulty
        assert difference(model, child, images) > 1e-5, name


def test_new_channels_learn(small_network):
    model, images, structure = small_network
    child = plant(model, images, _everywhere(structure), structure=structure).eval()
    child(images).square().sum().backward()
    columns = [axis.tensor for axis in structure.axes if axis.role == "columns"]
    masks = planted_entries(structure, model, _everywhere(structure))
    assert any(
        child.get_parameter(name).grad[masks[name]].any() for name in columns if name in masks
    )


def test_cropping_a_child_gives_its_parent_bit_for_bit(network):
    model, images, structure = network
    child = plant(
        model, images, _everywhere(structure), initialisation=RANDOM_COLUMNS, structure=structure
    )
    widths = {name: group.width for name, group in structure.growable.items()}
    assert _same_state(crop(child, images, widths), model)


def test_groups_that_a_crop_does_not_name_keep_their_width(small_network):
    model, images, structure = small_network
    assert _same_state(crop(model, images, {}, structure=structure), model)


def test_unplanted_entries_are_the_parents_bit_for_bit(network):
    model, images, structure = network
    planting = _everywhere(structure)
    state = model.state_dict()
    masks = planted_entries(structure, model, planting)
    for name, tensor in plant(model, images, planting, structure=structure).state_dict().items():
        if name in masks:
            tensor = tensor[~masks[name]]
        assert torch.equal(tensor.flatten(), state[name].flatten()), name


def test_masks_have_the_childs_shapes_and_name_every_tensor_that_grows(network):
    model, images, structure = network
    planting = _everywhere(structure)
    state, masks = model.state_dict(), planted_entries(structure, model, planting)
    for name, tensor in plant(model, images, planting, structure=structure).state_dict().items():
        assert (name in masks) == (tensor.shape != state[name].shape), name
        if name in masks:
            assert masks[name].shape == tensor.shape
            assert masks[name].sum() == tensor.numel() - state[name].numel()


def test_new_columns_of_old_rows_are_zero_and_new_rows_are_as_a_fresh_layers():
    model = nn.Sequential(nn.Conv2d(3, 40, 1), nn.Conv2d(40, 40, 1), nn.Flatten(), nn.Linear(40, 2))
    child = plant(model, torch.zeros(2, 3, 1, 1), {"0": 60, "1": 60})
    fresh, weight = nn.Conv2d(100, 100, 1).weight.detach(), child[1].weight.detach()
    assert not weight[:40, 40:].any()
    for part in (weight[40:, :40], weight[40:, 40:]):
        assert part.std().item() == pytest.approx(fresh.std().item(), rel=0.1)
        assert part.abs().max() <= 0.1  # torch's bound, 1 / sqrt(fan in)


def test_new_batch_norm_entries_are_neutral(small_network):
    model, images, structure = small_network
    planting = _everywhere(structure)
    child = plant(model, images, planting, structure=structure)
    masks = planted_entries(structure, model, planting)
    for name, module in child.named_modules():
        if isinstance(module, nn.BatchNorm2d) and f"{name}.weight" in masks:
            mask = masks[f"{name}.weight"]
            for tensor, value in zip(module.state_dict().values(), (1, 0, 0, 1), strict=False):
                assert (tensor[mask] == value).all()


def test_the_same_generator_state_gives_the_same_child(small_network):
    model, images, structure = small_network
    children = [
        plant(model, images, _everywhere(structure), torch.Generator().manual_seed(seed))
        for seed in (3, 3, 4)
    ]
    assert _same_state(children[0], children[1])
    assert not _same_state(children[0], children[2])


def test_torchs_own_generator_is_left_alone_when_one_is_passed(small_network):
    model, images, _ = small_network
    before = torch.get_rng_state()
    structure = analyse(model, images)
    plant(model, images, _everywhere(structure), torch.Generator().manual_seed(0))
    assert torch.equal(torch.get_rng_state(), before)


def test_the_argument_is_left_untouched(small_network):
    model, images, _ = small_network
    model.train()
    next(model.parameters()).requires_grad_(False)
    before = copy.deepcopy(model)
    child = plant(model, images, _everywhere(analyse(model, images)))
    crop(model, images, {})
    narrow(model, images, 0.5)
    flags = [
        (each.training, [p.requires_grad for p in each.parameters()]) for each in (model, child)
    ]
    assert _same_state(model, before)
    assert flags == [(True, [p.requires_grad for p in before.parameters()])] * 2
    next(model.parameters()).requires_grad_(True)
    model.eval()


def test_narrowing_to_a_fraction_rounds_to_granularities_and_keeps_the_minimum(network):
    model, images, structure = network
    child = narrow(model, images, 0.5, minimum=3, structure=structure)
    groups = analyse(child, images).groups
    for name, group in structure.growable.items():
        assert groups[name].width % group.granularity == 0
        assert groups[name].width >= 3
        assert abs(groups[name].width - group.width / 2) <= max(
            group.granularity / 2, group.minimum, 3
        )
    with torch.no_grad():
        assert child.eval()(images).shape == output_of(model, images).shape


def test_narrowing_draws_every_layer_anew(small_network):
    model, images, structure = small_network
    child = narrow(model, images, {}, structure=structure)
    for name, tensor in child.state_dict().items():
        if name.endswith("weight") and tensor.ndim > 1:
            assert not (tensor == model.state_dict()[name]).any(), name


def test_narrowing_also_widens(small_network):
    model, images, structure = small_network
    widths = {name: 3 * group.width for name, group in structure.growable.items()}
    wide = narrow(model, images, widths, structure=structure)
    assert {n: g.width for n, g in analyse(wide, images).growable.items()} == widths


@pytest.mark.parametrize(
    ("planting", "message"),
    [
        ({"grouped": 3}, "grouped: unknown channel group"),
        ({"mixx.0": 1}, "Did you mean 'mix.0'?"),
        ({"head": 1}, "head: the channel group cannot change, since it is the model's output."),
        ({"input": 1}, "since it is the model's input"),
        ({"stem.0": 2}, "stem.0: 2 new channels are not allowed, only positive multiples of 3"),
        ({"mix.0": -1}, "only positive multiples of 1"),
        ({"mix.0": 0}, "plants nothing"),
        ({}, "plants nothing"),
    ],
)
def test_a_planting_that_cannot_be_is_refused_with_the_reason(grouped, planting, message):
    model, images, structure = grouped
    with pytest.raises(PlantingError, match=message.replace("?", r"\?")):
        plant(model, images, planting, structure=structure)


@pytest.mark.parametrize(
    ("widths", "message"),
    [
        ({"mix.0": 5}, "mix.0: cannot crop to width 5, the model has 4"),
        ({"stem.0": 4}, "stem.0: width 4 is not allowed, only multiples of 3 from 6 are"),
        ({"stem.0": 3}, "stem.0: width 3 is not allowed, only multiples of 3 from 6 are"),
        ({"mix.0": 0}, "mix.0: width 0 is not allowed, only multiples of 1 from 1 are"),
        ({"head": 3}, "cannot change, since it is the model's output"),
        ({"mix": 3}, "Did you mean 'mix.0'"),
    ],
)
def test_a_crop_that_cannot_be_is_refused_with_the_reason(grouped, widths, message):
    model, images, structure = grouped
    with pytest.raises(PlantingError, match=message):
        crop(model, images, widths, structure=structure)


def test_narrowing_to_no_width_is_refused(grouped):
    with pytest.raises(PlantingError, match="must be positive"):
        narrow(grouped.model, grouped.images, 0.0)


def test_a_planting_may_name_groups_with_zero_channels(grouped):
    planting = {"stem.0": 0, "mix.0": 2, "head": 0}
    assert planted_widths(grouped.structure, planting)["mix.0"] == 6


def test_a_minimum_widens_no_group(network):
    model, images, structure = network
    child = narrow(model, images, 0.5, minimum=10_000, structure=structure)
    widths = {name: group.width for name, group in analyse(child, images).growable.items()}
    assert widths == {name: group.width for name, group in structure.growable.items()}


def not_with_six(model: nn.Module, x: torch.Tensor) -> torch.Tensor:
    if x.shape[1] == 6:
        raise ValueError("six channels\nare too many")
    return x


@pytest.mark.parametrize(
    ("make", "width"),
    [
        (lambda model, images: plant(model, images, {"first": 2}), 4),
        (lambda model, images: crop(model, images, {"first": 6}), 8),
        (lambda model, images: narrow(model, images, {"first": 6}), 4),
        (lambda model, images: shrink(model, images, {"first": 6}), 8),
    ],
    ids=["plant", "crop", "narrow", "shrink"],
)
def test_a_network_that_cannot_run_at_its_widths_is_refused_in_one_line(between, make, width):
    model, images = between(not_with_six), torch.randn(8, 3, 4, 4)
    model.first, model.second = nn.Conv2d(3, width, 1), nn.Conv2d(width, 6, 1)
    with pytest.raises(UnsupportedArchitecture) as refusal:
        make(model, images)
    assert re.fullmatch(
        r"Between: cannot run at the widths that it would have: six channels in the model "
        r"\(.*test_planting.py:\d+\)\.",
        str(refusal.value),
    )


def test_a_network_that_reads_values_is_run_for_real_before_it_is_given_away(between):
    model = between(lambda m, x: x * (2.0 if x.detach().new_ones(1).item() > 0 else 1.0))
    images = torch.randn(2, 3, 4, 4)
    torch.testing.assert_close(plant(model, images, {"first": 2})(images), model(images))


@pytest.mark.parametrize(
    "code",
    [lambda m, x: 2 * x if x.shape[1] > 40 else x, lambda m, x: x.clamp(max=max(x.shape[1], 40))],
)
def test_a_threshold_far_from_a_networks_widths_refuses_the_planting_that_crosses_it(between, code):
    model, images = between(code), torch.zeros(2, 3, 4, 4)
    plant(model, images, {"first": 3})
    with pytest.raises(UnsupportedArchitecture, match="decides or computes by the widths"):
        plant(model, images, {"first": 60})
