"""Which groups an analysis finds, what freezes them, and what it leaves alone."""

import copy
import pickle
import re

import pytest
import torch
import torchvision
from torch import nn

from plantnas.channels.groups import analyse, channel_groups, widths
from plantnas.channels.planting import narrow, plant
from plantnas.errors import UnsupportedArchitecture

IMAGE = torch.zeros(1, 3, 16, 16)


def test_groups_are_named_after_the_first_module_that_makes_them():
    model = torchvision.models.resnet18(num_classes=10)
    groups = channel_groups(model, torch.zeros(1, 3, 64, 64))
    assert list(groups)[:4] == ["input", "conv1", "layer1.0.conv1", "layer1.1.conv1"]
    assert "layer1.1.conv2" in groups["conv1"].members
    assert "layer2.0.downsample.0" in groups["conv1"].members
    assert [name for name, group in groups.items() if not group.growable] == ["input", "fc"]


def test_widths_are_those_of_the_groups_that_can_grow():
    model = nn.Sequential(
        nn.Conv2d(3, 5, 1), nn.Conv2d(5, 7, 1), nn.Flatten(), nn.Linear(7 * 256, 2)
    )
    assert widths(model, IMAGE) == {"0": 5, "1": 7}


def test_names_do_not_depend_on_widths(network):
    model, images, structure = network
    planting = {name: 3 * group.granularity for name, group in structure.growable.items()}
    child = analyse(plant(model, images, planting, structure=structure), images)
    for name, group in child.groups.items():
        old = structure.groups[name]
        assert (group.members, group.frozen) == (old.members, old.frozen)
        assert group.width == old.width + planting.get(name, 0)
    assert list(child.groups) == list(structure.groups)
    assert child.axes == structure.axes


def test_a_flattened_channel_is_a_block_of_columns():
    model = nn.Sequential(nn.Conv2d(3, 5, 1), nn.MaxPool2d(4), nn.Flatten(), nn.Linear(80, 2))
    structure = analyse(model, IMAGE)
    columns = next(
        axis for axis in structure.axes if (axis.tensor, axis.dimension) == ("3.weight", 1)
    )
    assert columns.segments == (("0", 16),)


def test_every_dimension_of_every_listed_tensor_has_the_size_of_its_segments(network):
    model, _, structure = network
    state = model.state_dict()
    sizes = {name: group.width for name, group in structure.groups.items()}
    for axis in structure.axes:
        assert axis.size(sizes) == state[axis.tensor].shape[axis.dimension], axis


def test_a_size_written_into_the_code_freezes_its_group(between):
    model = between(lambda m, x: x.reshape(-1, 4, 16, 16))
    reason = channel_groups(model, IMAGE)["first"].frozen
    assert reason is not None
    assert reason.startswith("the model cannot run with more of it")


def test_layers_that_only_run_in_training_mode_are_frozen_but_their_inputs_grow(between):
    class Auxiliary(between):
        def forward(self, images):
            output = super().forward(images)
            if self.training:
                return output, self.outer(self.inner(self.first(images)))
            return output

    model = Auxiliary(lambda m, x: x, inner=nn.Conv2d(4, 5, 1), outer=nn.Conv2d(5, 2, 1))
    groups = channel_groups(model, IMAGE)
    assert groups["inner"].frozen == "it only runs in training mode"
    assert "inner" in groups["first"].members
    assert plant(model, IMAGE, {"first": 2}).train()(IMAGE)[1].shape == (1, 2, 16, 16)


def test_a_model_that_reads_values_is_run_for_real(between):
    model = between(lambda m, x: x * (2.0 if x.detach().new_ones(1).item() > 0 else 1.0))
    assert channel_groups(model, IMAGE)["first"].growable


def test_a_model_without_growable_groups_is_refused_with_the_reasons():
    message = "Sequential: no channel group can grow (input: it is the model's input; 0: it is the"
    with pytest.raises(UnsupportedArchitecture, match=re.escape(message)):
        analyse(nn.Sequential(nn.Conv2d(3, 2, 1)), IMAGE)


def test_a_model_that_does_not_fit_the_input_is_refused_with_the_shape():
    with pytest.raises(
        UnsupportedArchitecture, match=r"cannot run in .* on images of shape \[2, 4"
    ):
        analyse(nn.Sequential(nn.Conv2d(3, 2, 1)), torch.zeros(1, 4, 8, 8))


def test_an_analysis_leaves_the_model_and_the_random_numbers_alone(network):
    model, images, _ = network
    state, random = copy.deepcopy(model.state_dict()), torch.get_rng_state()
    analyse(model, images)
    assert all(map(torch.equal, state.values(), model.state_dict().values()))
    assert torch.equal(torch.get_rng_state(), random)
    assert not model.training


def test_frozen_parameters_do_not_matter(small_network):
    model, images, structure = small_network
    assert analyse(copy.deepcopy(model).requires_grad_(False), images) == structure


def test_a_structure_survives_pickling(small_network):
    structure = small_network.structure
    assert pickle.loads(pickle.dumps(structure)) == structure


def test_a_narrow_networks_structure_is_that_of_the_wide_one(network):
    model, images, structure = network
    narrowed = analyse(narrow(model, images, 0.5, minimum=2, structure=structure), images)
    assert narrowed.axes == structure.axes
    assert list(narrowed.growable) == list(structure.growable)


class OneEach(nn.Module):
    """Values of one channel each, or shared by all, behind a convolution of `width`."""

    def __init__(self, kind: str, width: int = 8) -> None:
        super().__init__()
        self.kind, self.conv = kind, nn.Conv2d(3, width, 3, padding=1)
        self.gate, self.scale = nn.Conv2d(width, 1, 1), nn.Parameter(torch.rand(width, 1, 1))
        self.slopes, self.next = nn.PReLU(width), nn.Conv2d(width, 8, 3)
        self.skip, self.head = nn.Conv2d(8, 8, 1), nn.Linear(8, 10)

    def forward(self, x):
        x = self.conv(x)
        x = self.slopes(x) if self.kind == "slopes" else x.relu()
        x = x * self.scale if self.kind == "scale" else x
        x = x * self.gate(x).sigmoid() if self.kind == "gate" else x
        x = self.next(x)
        return self.head((x + self.skip(x) if self.kind == "skip" else x).mean((2, 3)))


KINDS = ("slopes", "scale", "gate", "skip", "none")


@pytest.mark.parametrize("kind", KINDS)
def test_the_structure_at_width_1_is_that_of_any_other(kind):
    model = OneEach(kind)
    structure = analyse(model, IMAGE)
    single = dict.fromkeys(structure.growable, 1)
    assert analyse(narrow(model, IMAGE, single), IMAGE) == structure.with_widths(single)


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_narrowed_to_one_channel_grows_into_the_same_architecture(kind):
    model = OneEach(kind)
    one = copy.deepcopy(narrow(model, IMAGE, {"conv": 1, "next": 1})).eval()
    four, right = plant(one, IMAGE, {"conv": 3}), narrow(model, IMAGE, {"conv": 4, "next": 1})
    shapes = [{name: each.shape for name, each in m.state_dict().items()} for m in (four, right)]
    assert shapes[0] == shapes[1]
    images = torch.randn(2, 3, 16, 16)
    torch.testing.assert_close(four.eval()(images), one(images))


def test_one_channel_of_a_network_that_was_never_wider_is_frozen_where_it_may_be_shared():
    for kind in KINDS[:-1]:
        model = OneEach(kind, width=1)
        model.next, model.skip = nn.Conv2d(1, 1, 3), nn.Conv2d(1, 1, 1)
        model.head = nn.Sequential(nn.Linear(1, 3), nn.Linear(3, 10))
        reason = channel_groups(model, IMAGE)["next" if kind == "skip" else "conv"].frozen
        assert re.fullmatch(
            r"it has one channel, so that \S+ in .*test_groups.py:\d+\) does not show what "
            "would grow with it; begin with two",
            reason,
        )


def test_one_channel_that_nothing_else_can_share_grows():
    model = nn.Sequential(nn.Conv2d(3, 1, 1), nn.BatchNorm2d(1), nn.ReLU(), nn.Conv2d(1, 2, 1))
    assert channel_groups(model, IMAGE)["0"].growable


class Threshold(nn.Module):
    """Computes otherwise from a number of joined channels on."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self.limit = limit
        self.first, self.second = nn.Conv2d(3, 4, 1), nn.Conv2d(3, 4, 1)
        self.head = nn.Linear(8, 10)

    def forward(self, x):
        x = torch.cat([self.first(x), self.second(x)], 1)
        return self.head((2 * x if x.shape[1] >= self.limit else x).mean((2, 3)))


def test_a_threshold_that_an_analysis_does_not_meet_is_met_by_no_analysis_of_a_child():
    model = Threshold(limit=12)
    structure = analyse(model, IMAGE)
    assert list(structure.growable) == ["first", "second"]  # one more, and two more: not twelve
    child = plant(model, IMAGE, {"second": 3})  # with two more of second, it would be
    assert analyse(child, IMAGE) == structure.after({"second": 3})
    with pytest.raises(UnsupportedArchitecture, match="its code decides or computes by the width"):
        plant(child, IMAGE, {"second": 1})


def test_a_child_is_read_as_its_parent_where_the_function_may_change():
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.GroupNorm(1, 4), nn.ReLU(), nn.Conv2d(4, 2, 1))
    model = nn.Sequential(nn.Conv2d(3, 3, 1), *model)
    structure = analyse(model, IMAGE)
    child = narrow(model, IMAGE, {"1": 1})
    assert analyse(child, IMAGE).opened == structure.opened.with_widths({"1": 1})


def test_a_narrowed_network_that_was_changed_afterwards_is_read_as_it_is():
    one = narrow(OneEach("slopes"), IMAGE, {"conv": 1})
    one.conv, one.slopes, one.gate = nn.Conv2d(3, 2, 3), nn.PReLU(2), nn.Conv2d(2, 1, 1)
    one.next = nn.Conv2d(2, 3, 3)
    one.head, one.skip = nn.Linear(3, 10), nn.Conv2d(3, 3, 1)
    assert widths(one, IMAGE) == {"conv": 2, "next": 3}


def test_a_refusal_lists_five_groups_and_counts_the_others():
    layers = [nn.Conv2d(3, 3, 1), *(nn.Softmax(1) for _ in range(2))]
    model = nn.Sequential(*[each for _ in range(8) for each in copy.deepcopy(layers)])
    with pytest.raises(UnsupportedArchitecture, match=r"; and \d+ more[;)]") as refusal:
        analyse(model, torch.zeros(1, 3, 4, 4))
    assert str(refusal.value).count("its channels reach") <= 5


def test_groups_that_a_line_of_code_fixes_are_frozen_together_and_all_others_grow():
    class Halves(nn.Module):
        def __init__(self, width: int) -> None:
            super().__init__()
            self.width, self.one = width, nn.Conv2d(2 * width, 2 * width, 1)
            self.inner = nn.Conv2d(width, 3, 1)
            self.outer = nn.Conv2d(3, width, 1)

        def forward(self, x):
            left, right = self.one(x).split(self.width, dim=1)
            return torch.cat([left, self.outer(self.inner(right))], 1)

    model = nn.Sequential(nn.Conv2d(3, 8, 1), Halves(4), Halves(4), nn.Conv2d(8, 2, 1))
    groups = channel_groups(model, IMAGE)
    frozen = {name for name, group in groups.items() if "cannot run" in (group.frozen or "")}
    assert {"1.one", "2.one"} <= {name.partition("[")[0] for name in frozen}
    assert {"0", "1.inner", "2.inner", "2.outer"} <= set(groups) - frozen
