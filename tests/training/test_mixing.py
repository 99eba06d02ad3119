"""MixUp and CutMix: which images are mixed, how, and what becomes of their labels."""

import math

import pytest
import torch
from torch import Tensor

from plantnas.training.images import UNLABELLED
from plantnas.training.mixing import CutMix, Mix, Mixing, MixUp, mixed

IMAGES = 50
EVERY = torch.arange(IMAGES).repeat(20)
VIEWS = torch.arange(1, 21).repeat_interleave(IMAGES)
LABELS = torch.arange(IMAGES) % 5


def mixing(*mixes: Mix, seed: int = 0) -> Mixing:
    return Mixing(mixes or (MixUp(),), IMAGES, (8, 6), 5, seed)


def test_how_a_view_is_mixed_is_a_function_of_seed_view_and_image() -> None:
    whole, order = mixing(MixUp(), CutMix()).pairs(VIEWS, EVERY), torch.randperm(len(EVERY))
    again = mixing(MixUp(), CutMix()).pairs(VIEWS[order], EVERY[order])
    assert all(torch.equal(a[order], b) for a, b in zip(whole, again, strict=True))
    other = mixing(MixUp(), CutMix(), seed=1).pairs(VIEWS, EVERY)
    assert (other.partners != whole.partners).float().mean() > 0.9


@pytest.mark.parametrize("alpha", [0.2, 1.0, 4.0])
def test_shares_are_of_the_beta_distribution_and_partners_of_all_images(alpha: float) -> None:
    pairs = mixing(MixUp(alpha)).pairs(VIEWS, EVERY)
    assert pairs.shares.mean() == pytest.approx(0.5, abs=0.05)
    assert pairs.shares.var() == pytest.approx(1 / (4 * (2 * alpha + 1)), rel=0.1)
    assert len(pairs.partners.unique()) == IMAGES


def test_the_first_view_is_the_image_itself() -> None:
    for mix in (MixUp(), CutMix()):
        pairs = mixing(mix).pairs(torch.zeros(IMAGES, dtype=torch.long), torch.arange(IMAGES))
        assert (pairs.kept == 1).all()
        assert (pairs.shares == 1).all()


def test_cutmix_keeps_all_but_a_rectangle_whose_size_is_the_others_share() -> None:
    pairs = mixing(CutMix()).pairs(VIEWS, EVERY)
    for kept, share in zip(pairs.kept[:100], pairs.shares[:100], strict=True):
        rows, columns = (kept == 0).any(1), (kept == 0).any(0)
        assert torch.equal(kept == 0, rows[:, None] & columns[None, :])
        assert share == kept.mean()
    assert pairs.shares.mean() == pytest.approx(0.68, abs=0.06)  # the edge cuts some off


def test_several_ways_have_their_turns() -> None:
    kept = mixing(MixUp(), CutMix()).pairs(VIEWS, EVERY).kept
    is_cut = ((kept == 0) | (kept == 1)).all(2).all(1)
    assert is_cut.float().mean() == pytest.approx(0.5, abs=0.05)


def test_classes_become_the_share_of_each() -> None:
    mix = mixing()
    views, indices = torch.tensor([0, 1, 2]), torch.tensor([7, 8, 9])
    labels, pairs = mix.labels(LABELS, views, indices), mix.pairs(views, indices)
    expected = torch.zeros(3, 5)
    for row, (index, partner, share, _) in enumerate(zip(indices, *pairs, strict=True)):
        expected[row, LABELS[index]] += share
        expected[row, LABELS[partner]] += 1 - share
    torch.testing.assert_close(labels, expected)
    assert labels[0].tolist() == [0, 0, 1, 0, 0]


@pytest.mark.parametrize(
    "labels", [torch.full((IMAGES,), UNLABELLED), torch.full((IMAGES, 2), math.nan)]
)
def test_a_label_that_is_mixed_with_none_is_none(labels: Tensor) -> None:
    known = labels.clone()
    known[7] = 1
    made = mixing().labels(known, torch.tensor([0, 1]), torch.tensor([7, 7]))
    assert not made[0].isnan().any()
    assert made[1].isnan().all()


def test_pixels_are_rounded_and_numbers_are_not() -> None:
    kept = torch.full((1, 1, 1), 0.25)
    black, white = (torch.full((1, 3, 1, 1), value, dtype=torch.uint8) for value in (0, 255))
    assert mixed(black, white, kept).flatten().tolist() == [191, 191, 191]
    assert mixed(black.float(), white.float(), kept).flatten().tolist() == [191.25] * 3


@pytest.mark.parametrize("alpha", [0, -1, True, "1", float("nan")])
def test_an_alpha_that_is_none_is_refused(alpha: float) -> None:
    with pytest.raises(ValueError, match="alpha must be a number above 0"):
        MixUp(alpha)
