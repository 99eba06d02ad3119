"""What costs are counted of, in terms of channel groups: weights that run, buffers, activations.

The tables that they are part of are in structure.py, the counting is in costs/.
"""

from collections.abc import Mapping
from typing import NamedTuple


class Segment(NamedTuple):
    """A stretch of a tensor's dimension: `block` consecutive entries a channel of `group`."""

    group: str
    block: int


class WeightUse(NamedTuple):
    """A convolution or linear layer ran once with this weight.

    Each entry of the weight takes `positions` multiply-accumulates an image.
    """

    tensor: str
    positions: int


class Buffer(NamedTuple):
    """A tensor of a network's file that is no parameter.

    Attributes:
        tensor: Its name.
        bytes: Of an entry.
        is_floating: Whether it is stored as the parameters are; else it is of integers.
    """

    tensor: str
    bytes: int
    is_floating: bool


class Activation(NamedTuple):
    """What an operation makes of one image, from when to when it is needed.

    Attributes:
        bytes: Of a channel.
        segments: Its channels, in order.
        constant: The number of those that no group sizes.
        made: The number of the operation that makes it.
        used: That of the last one that uses it, or a view of it.
    """

    bytes: int
    segments: tuple[Segment, ...]
    constant: int
    made: int
    used: int

    def size(self, widths: Mapping[str, int]) -> int:
        """Its bytes if the groups have these widths."""
        channels = sum(widths[group] * block for group, block in self.segments)
        return self.bytes * (channels + self.constant)
