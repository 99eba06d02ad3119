"""What the families are counted by."""

from collections.abc import Callable

import pytest
from torch import nn


@pytest.fixture
def parameters() -> Callable[[nn.Module], int]:
    """Number of a network's parameters."""
    return lambda network: sum(parameter.numel() for parameter in network.parameters())


@pytest.fixture
def weighted_layers() -> Callable[[nn.Module], int]:
    """Number of its convolutions and linear layers, shortcuts left out."""

    def count(network: nn.Module) -> int:
        return sum(
            isinstance(module, nn.Conv2d | nn.Linear) and "shortcut" not in name
            for name, module in network.named_modules()
        )

    return count
