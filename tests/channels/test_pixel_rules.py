"""What operators on pixels do to channels where torch reads their dimensions in several ways."""

import re

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from plantnas.channels.groups import analyse, channel_groups
from plantnas.errors import UnsupportedArchitecture

IMAGE = torch.zeros(1, 3, 16, 16)


def _reason(between, code, **modules) -> str:
    return str(channel_groups(between(code, **modules), IMAGE)["first"].frozen)


POOLS = [
    lambda x, k: getattr(F, f"avg_pool{k}d")(x, 3, 1, 1),
    lambda x, k: getattr(F, f"max_pool{k}d")(x, 3, 1, 1),
    lambda x, k: getattr(F, f"max_pool{k}d")(x, 3, 1, 1, return_indices=True)[0],
    lambda x, k: getattr(F, f"lp_pool{k}d")(x, 2, 1),
    lambda x, k: getattr(F, f"adaptive_avg_pool{k}d")(x, x.shape[-k:]),
    lambda x, k: getattr(F, f"adaptive_max_pool{k}d")(x, x.shape[-k:]),
    lambda x, k: getattr(nn, f"AvgPool{k}d")(3, 1, 1)(x),
    lambda x, k: getattr(nn, f"MaxPool{k}d")(3, 1, 1)(x),
]


@pytest.mark.parametrize("pool", POOLS)
@pytest.mark.parametrize("dimensions", [1, 2, 3])
def test_a_pool_takes_images_without_a_batch_too_and_then_pools_channels(between, pool, dimensions):
    """Images x channels x ... with one dimension of pixels too few."""
    shape = [4] * (dimensions - 1)

    def code(model, x):
        pooled = pool(x[:, :, :4, :4].flatten(2).unflatten(2, [*shape, -1]).mean(-1), dimensions)
        return x * pooled.sum((0, *range(2, dimensions + 1)))[:, None, None]

    assert re.search(rf"pool{dimensions}d\w* over channels", _reason(between, code))


@pytest.mark.parametrize("pool", POOLS)
@pytest.mark.parametrize("dimensions", [1, 2, 3])
def test_a_pool_of_an_image_without_a_batch_leaves_its_channels(between, pool, dimensions):
    def code(model, x):
        image = x.mean(0).flatten(1).unflatten(1, [4] * dimensions + [-1]).mean(-1)
        return x + pool(image, dimensions).flatten(1).mean(1)[:, None, None]

    assert _reason(between, code) == "None"


def test_a_fractional_pool_of_features_freezes_them(between):
    def code(model, x):
        return x * F.fractional_max_pool2d(x.flatten(2), 1, (4, 9)).mean()

    assert "fractional_max_pool2d_with_indices over channels" in _reason(
        between, lambda m, x: x * F.fractional_max_pool2d_with_indices(x.flatten(2), 1, 3)[0].mean()
    )
    assert "fractional_max_pool2d" in _reason(between, code)


def test_an_odd_power_in_a_pool_may_have_no_root(between):
    assert "lp_pool2d of an odd power" in _reason(between, lambda m, x: F.lp_pool2d(x, 3, 2))
    assert _reason(between, lambda m, x: F.lp_pool2d(x, norm_type=2, kernel_size=2)) == "None"


def test_padding_that_shifts_channels_freezes_them(between):
    """As many are added at one end as are taken away at the other."""
    assert "pad of channels" in _reason(between, lambda m, x: F.pad(x, (0, 0, 0, 0, 1, -1)))


def test_resizing_reads_its_second_dimension_as_channels(between):
    def code(model, x):
        return x * F.interpolate(x.transpose(1, 2), scale_factor=2.0).mean()

    assert "interpolate" in _reason(between, code)


def test_indices_of_other_channels_freeze_what_is_unpooled_by_them(between):
    def code(model, x):
        pooled, where = F.max_pool2d(x, 2, return_indices=True)
        return F.max_unpool2d(pooled, where.new_zeros(2, 4, 8, 8), 2)

    assert "max_unpool2d with indices that could not be followed" in _reason(between, code)


def test_points_that_pixels_are_taken_at_are_no_channels_to_grow(between):
    code = lambda m, x: F.grid_sample(x, m.points(x).movedim(1, 3), align_corners=False)  # noqa: E731
    groups = channel_groups(between(code, points=nn.Conv2d(4, 2, 1)), IMAGE)
    assert groups["first"].growable
    assert "coordinates in torch.nn.functional.grid_sample" in str(groups["points"].frozen)


def test_channels_that_become_pixels_grow_by_all_pixels_of_one(between):
    model = between(lambda m, x: F.pixel_shuffle(x, 2).repeat(1, 4, 1, 1))
    structure = analyse(model, IMAGE)
    rows = next(
        axis for axis in structure.axes if (axis.tensor, axis.role) == ("first.weight", "rows")
    )
    assert [(structure.groups[name].width, block) for name, block in rows.segments] == [(1, 4)]


def test_channels_that_are_not_consecutive_in_a_pixel_freeze(between):
    """Of 4 channels in one image the first 2 are another group's."""

    class Joined(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.two = nn.Conv2d(3, 3, 1), nn.Conv2d(3, 5, 1)
            self.head = nn.Conv2d(2, 2, 1)

        def forward(self, images):
            return self.head(F.pixel_shuffle(torch.cat([self.one(images), self.two(images)], 1), 2))

    with pytest.raises(UnsupportedArchitecture, match="pixel_shuffle of parts of channels"):
        analyse(Joined(), IMAGE)
