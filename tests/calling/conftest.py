"""A search of a few images and a small network, which takes a second, and what it was given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from pathlib import Path

    from plantnas.calling.result import SearchResult

QUICK: dict[str, Any] = {
    "steps": 1,
    "trials_per_step": 1,
    "teacher": {"epochs": 1},
    "config": {
        "seed": {"epochs": 1},
        "planting": {"screen_epochs": 1, "epochs": 1},
        "search": {"probes": 0, "maximum_growth": 9},
    },
    "say": lambda line: None,
}
"""The arguments of a search of a second."""


class Net(nn.Sequential):
    """Two convolutions, as a user writes them."""

    def __init__(self, width: int = 8) -> None:
        super().__init__(
            nn.Conv2d(1, width, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(width, 4),
        )


def net(seed: int = 0) -> Net:
    """One with weights of its own."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return Net()


def pair(count: int, first: int = 0) -> tuple[Tensor, Tensor]:
    """So many images of 6 x 6, of four classes that differ in brightness."""
    generator = torch.Generator().manual_seed(first)
    targets = torch.arange(first, first + count) % 4
    return torch.rand(count, 1, 6, 6, generator=generator) * 0.3 + targets.view(
        -1, 1, 1, 1
    ) / 5, targets


def _search(folder: Path) -> SearchResult:
    import plantnas

    return plantnas.search(
        net(), pair(64), pair(32, 64), pair(32, 96), name="small", directory=folder, **QUICK
    )


@pytest.fixture(scope="session")
def searched(tmp_path_factory: pytest.TempPathFactory) -> SearchResult:
    """A search after its end, with a test split; not to be changed."""
    return _search(tmp_path_factory.mktemp("searched"))


@pytest.fixture(scope="session")
def compared(tmp_path_factory: pytest.TempPathFactory) -> SearchResult:
    """The same with baselines; networks may be finished in it."""
    result = _search(tmp_path_factory.mktemp("compared"))
    result.baselines(["scratch"], learning_rates=[0.01], say=lambda line: None)
    return result
