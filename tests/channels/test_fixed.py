"""What the code of a model keeps at its width: sizes, arithmetic, and what needs two channels."""

import math
import random
import re
import time

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from plantnas.channels.groups import channel_groups, widths
from plantnas.channels.planting import crop, narrow, plant
from plantnas.errors import PlantingError

IMAGES = torch.zeros(2, 3, 16, 16)

COMPUTED_WITH = {
    "division": lambda m, x: x / math.sqrt(x.shape[1]),
    "product": lambda m, x: (1 / x.size(1)) * x,
    "in place": lambda m, x: x.clone().mul_(x.shape[1] ** -0.5),
    "share": lambda m, x: F.dropout(x, 1 / x.shape[1], m.training),
    "share in training alone": lambda m, x: F.dropout(x, 1 / x.shape[1]) if m.training else x,
    "slope": lambda m, x: F.leaky_relu(x, 1 / x.shape[1]),
    "bound by name": lambda m, x: x.clamp(max=x.shape[1]),
    "epsilon": lambda m, x: F.batch_norm(x, None, None, training=True, eps=1e-3 * x.shape[1]),
    "number of a tensor": lambda m, x: x * torch.tensor(1 / x.shape[1]),
    "filled": lambda m, x: x * x.new_full((1,), x.shape[1]),
    "counted": lambda m, x: x + torch.arange(x.shape[1]).sum(),
    "pixels": lambda m, x: F.adaptive_avg_pool2d(x, x.shape[1]),
    "of a weight": lambda m, x: x * len(m.first.weight),
    "of a module": lambda m, x: x * m.first.out_channels,
    "ones that are summed": lambda m, x: x * x.new_ones(x.shape[1]).sum(),
    "expanded and summed": lambda m, x: x * m.head.bias[0].expand(x.shape[1]).sum(),
    "pixels by slice": lambda m, x: x[:, :, : x.shape[1]],
    "a row by its number": lambda m, x: x[..., x.shape[1] % 3, :].unsqueeze(2),
    "rows from a number on": lambda m, x: x[:, :, x.shape[1] % 3 : x.shape[1] % 3 + 2],
    "rows by narrowing": lambda m, x: x.narrow(2, x.shape[1] % 3, 2),
    "pixels that are resized": lambda m, x: F.interpolate(x, size=(x.shape[1], 4)),
    "rows that are repeated": lambda m, x: x[:, :, :1].expand(-1, -1, x.shape[1], -1).relu(),
    "rounded": lambda m, x: x * (x.shape[1] // 3),
}


@pytest.mark.parametrize("code", COMPUTED_WITH.values(), ids=COMPUTED_WITH)
def test_a_group_whose_width_is_computed_with_is_frozen_with_the_line(between, code):
    reason = channel_groups(between(code), IMAGES)["first"].frozen
    assert re.fullmatch(
        r"the code computes with its width: \S+ in .* \(.*test_fixed.py:\d+\)", reason
    )


def test_other_groups_grow_beside_one_whose_width_is_computed_with(between):
    groups = channel_groups(between(lambda m, x: x / x.shape[1]), IMAGES)
    assert [name for name, group in groups.items() if group.growable] == ["second"]


def test_a_group_whose_width_decides_what_runs_is_frozen(between):
    groups = channel_groups(between(lambda m, x: x.relu() if x.shape[1] > 4 else x), IMAGES)
    assert groups["first"].frozen.startswith(
        "the code decides by its width before torch.Tensor.relu"
    )
    assert groups["second"].growable


def test_the_ratio_of_two_widths_freezes_both(between):
    def code(model, x):
        other = model.other(x)
        return x * (x.shape[1] / other.shape[1]) + other.mean(1, keepdim=True) * 0

    groups = channel_groups(between(code, other=nn.Conv2d(4, 4, 1)), IMAGES)
    assert not groups["first"].growable
    assert not groups["other"].growable


SIZES = {
    "view": lambda m, x: x.view(x.shape[0], x.shape[1], -1).view(x.shape),
    "halves": lambda m, x: torch.cat(x.split(x.shape[1] // 2, 1), 1),
    "whole slice": lambda m, x: x[:, : x.shape[1]],
    "whole slice behind an ellipsis": lambda m, x: x[..., 0 : x.shape[1], None, :, :].squeeze(2),
    "whole part": lambda m, x: x.narrow(1, 0, x.shape[1]),
    "zeros": lambda m, x: x * x.new_full((x.shape[0], 1, 1, 1), 2.0),
    "constant": lambda m, x: F.dropout(x * 2.5, 0.1, m.training),
    "not a number": lambda m, x: torch.clamp(x, max=float("nan")),
    "drawn": lambda m, x: x * random.random(),
    "clock": lambda m, x: x * time.perf_counter(),
}


@pytest.mark.parametrize("code", SIZES.values(), ids=SIZES)
def test_sizes_and_numbers_that_no_width_decides_freeze_nothing(between, code):
    assert channel_groups(between(code), IMAGES)["first"].growable


def test_a_number_that_a_model_counts_up_freezes_nothing(between):
    class Counting(nn.Module):
        runs = 0

        def forward(self, x):
            self.runs += 1
            return x / self.runs

    counting = Counting()
    model = between(lambda m, x: m.counting(x), counting=counting)
    assert channel_groups(model, IMAGES)["first"].growable
    assert counting.runs == 0


def test_a_number_of_a_width_is_found_beside_one_that_is_another_each_time(between):
    groups = channel_groups(between(lambda m, x: x * time.perf_counter() / x.shape[1]), IMAGES)
    assert groups["first"].frozen.startswith("the code computes with its width: torch.Tensor.div")
    assert groups["second"].growable


def test_pythons_random_numbers_are_left_alone(between):
    state = random.getstate()
    channel_groups(between(lambda m, x: x * random.random()), IMAGES)
    assert random.getstate() == state


def test_a_number_that_cannot_be_followed_refuses_the_planting(between):
    message = "first: the channel group cannot change, since the code computes with its width"
    with pytest.raises(PlantingError, match=message):
        plant(between(lambda m, x: x / x.shape[1]), IMAGES, {"first": 2})


class Squeezing(nn.Module):
    """Global pooling and a squeeze of all dimensions, which takes a single channel's along."""

    def __init__(self, in_training_alone: bool = False) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 8, 3), nn.Conv2d(8, 8, 3)
        self.head, self.in_training_alone = nn.Linear(8, 10), in_training_alone

    def forward(self, x):
        x = F.adaptive_avg_pool2d(self.second(self.first(x)).relu(), 1)
        return self.head(
            x.flatten(1) if self.in_training_alone and not self.training else x.squeeze()
        )


@pytest.mark.parametrize("in_training_alone", [False, True])
def test_a_group_of_which_one_channel_is_too_few_has_at_least_two(in_training_alone):
    model = Squeezing(in_training_alone)
    groups = channel_groups(model, IMAGES)
    assert {name: groups[name].minimum for name in ("first", "second")} == {"first": 1, "second": 2}
    seed = narrow(model, IMAGES, 0.125)
    assert widths(seed, IMAGES) == {"first": 1, "second": 2}
    assert seed.train()(IMAGES).shape == (2, 10)


def test_fewer_channels_than_its_code_runs_with_are_refused():
    with pytest.raises(
        PlantingError, match="second: width 1 is not allowed, only multiples of 1 from 2"
    ):
        crop(Squeezing(), IMAGES, {"second": 1})
