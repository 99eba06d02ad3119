"""MixUp and CutMix: views that are mixed of two images, and so are their labels.

Which images are mixed, and how, is a function of (seed, view, image), as every view is
(augmenting.py). View 0 is the image itself.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from plantnas.training.images import UNLABELLED
from plantnas.training.seeds import derived_seed

DRAWS = 2**16
"""Shares that are drawn once; each view has one of them."""


@dataclass(frozen=True)
class Mix:
    """A way to mix two images.

    Attributes:
        alpha: The share that an image keeps is of Beta(alpha, alpha): at 1 any share alike, below
            1 mostly nearly all or nothing.
    """

    alpha: float = 1.0

    def __post_init__(self) -> None:
        is_number = isinstance(self.alpha, int | float) and not isinstance(self.alpha, bool)
        if not is_number or not 0 < self.alpha <= 1000:
            raise ValueError("alpha must be a number above 0, at most 1000")


@dataclass(frozen=True)
class MixUp(Mix):
    """The weighted mean of both images (Zhang et al. 2018, arXiv 1710.09412)."""


@dataclass(frozen=True)
class CutMix(Mix):
    """A rectangle of the other image in this one (Yun et al. 2019, arXiv 1905.04899)."""


class Pairs(NamedTuple):
    """How the images of a batch are mixed."""

    partners: Tensor
    """int64, batch: the other image of each."""
    shares: Tensor
    """float32, batch: how much each image keeps of itself; 1 of view 0."""
    kept: Tensor
    """float32, batch x height x width: how much each pixel keeps of itself."""


class Mixing:
    """Mixes images and their labels."""

    def __init__(
        self, mixes: Sequence[Mix], count: int, size: tuple[int, int], classes: int, seed: int
    ) -> None:
        """Draws the shares.

        Args:
            mixes: Each view of an image is mixed in one of these ways.
            count: How many images there are.
            size: Their height and width.
            classes: How many, if the labels are classes.
            seed: Of all that is drawn.
        """
        self._mixes, self._count, self._size, self._classes = mixes, count, size, classes
        self._seed = derived_seed(seed, "mixing")
        generator = np.random.default_rng(self._seed)
        self._shares = [generator.beta(mix.alpha, mix.alpha, DRAWS) for mix in mixes]

    def pairs(self, views: Tensor, indices: Tensor) -> Pairs:
        """How one view of each indexed image is mixed."""
        drawn = [self._drawn(purpose, views, indices) for purpose in range(5)]
        partners = torch.from_numpy((drawn[0] * self._count).astype(np.int64))
        way, place = drawn[1] * len(self._mixes), (drawn[2] * DRAWS).astype(np.int64)
        shares = np.choose(way.astype(np.int64), [each[place] for each in self._shares])
        shares = np.where(views.cpu().numpy() == 0, 1.0, shares)
        is_cut = np.array([isinstance(mix, CutMix) for mix in self._mixes])[way.astype(np.int64)]
        height, width = self._size
        rows = _within(drawn[3], np.sqrt(1 - shares), height)
        columns = _within(drawn[4], np.sqrt(1 - shares), width)
        outside = 1.0 - rows[:, :, None] * columns[:, None, :]
        kept = torch.from_numpy(np.where(is_cut[:, None, None], outside, shares[:, None, None]))
        kept = kept.float()
        return Pairs(partners, kept.mean((1, 2)), kept)

    def labels(self, labels: Tensor, views: Tensor, indices: Tensor) -> Tensor:
        """The mixed labels, batch x outputs, float32; NaN where one of the two has none.

        Of classes: the share of each.

        Args:
            labels: Of all images, as those of `Images`.
            views: Which view of each indexed image.
            indices: Of the images.
        """
        partners, shares, _ = self.pairs(views, indices)
        weights = shares.to(labels.device).unsqueeze(1)
        own, other = (self._shared_out(labels[each]) for each in (indices, partners))
        # What is not mixed has its own label, whatever the other image has.
        return own.where(weights == 1, weights * own + (1 - weights) * other)

    def _shared_out(self, labels: Tensor) -> Tensor:
        if labels.is_floating_point():
            return labels
        known = (labels != UNLABELLED).unsqueeze(1)
        return functional.one_hot(labels.clamp_min(0), self._classes).float().where(known, math.nan)

    def _drawn(self, purpose: int, views: Tensor, indices: Tensor) -> np.ndarray:
        """Numbers in [0, 1) that look random, by splitmix64 (Steele, Lea and Flood 2014)."""
        counter = np.stack([views.cpu().numpy(), indices.cpu().numpy()]).astype(np.uint64)
        bits = np.full(len(views), self._seed * 8 + purpose, np.uint64)
        for number in counter:
            bits = _scrambled(bits ^ (number + np.uint64(1)))
        return (bits >> np.uint64(11)) / 2.0**53


def mixed(images: Tensor, others: Tensor, shares: Tensor) -> Tensor:
    """Images of which each pixel keeps its share, the rest being of the others.

    Args:
        images: batch x channels x height x width.
        others: The same of their partners.
        shares: batch x height x width.
    """
    share = shares.unsqueeze(1)
    mean = share * images + (1 - share) * others
    return mean.to(images.dtype) if images.is_floating_point() else mean.round().to(images.dtype)


def _scrambled(bits: np.ndarray) -> np.ndarray:
    bits = bits + np.uint64(0x9E3779B97F4A7C15)
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    scrambled: np.ndarray = bits ^ (bits >> np.uint64(31))
    return scrambled


def _within(centre: np.ndarray, part: np.ndarray, size: int) -> np.ndarray:
    """Which of so many places are within a part of them around a centre: batch x size, 0 or 1."""
    middle, reach = np.floor(centre * size), np.floor(size * part) / 2
    first, last = np.floor(middle - reach), np.floor(middle + reach)
    places = np.arange(size)
    within: np.ndarray = (places >= first[:, None]) & (places < last[:, None])
    return within.astype(float)
