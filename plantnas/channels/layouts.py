"""Layouts: which channels a dimension of a tensor holds, and union-find with splitting on them.

While a model is traced, every conv or linear layer makes new channels, and operators find out which
of them must have the same width. Which operator says what is in rules.py.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple


class Channels:
    """Channels that some layer made: a node of the union-find forest.

    A node that was merged into another, or split in two, points to its `parts` and its other
    attributes are out of date. `order` says when it was made, so that the earliest node of a group
    names it.
    """

    def __init__(self, width: int, origin: str, order: tuple[int, ...]) -> None:
        self.width = width
        self.origin = origin
        self.order = order
        self.granularity = 1
        self.minimum = 1
        self.frozen: str | None = None
        self.parts: tuple[Channels, ...] = ()

    def roots(self) -> list[Channels]:
        """The nodes that now stand for these channels, in order."""
        if not self.parts:
            return [self]
        return [root for part in self.parts for root in part.roots()]

    def freeze(self, reason: str) -> None:
        """Say why the channels cannot grow; the first reason stays."""
        self.frozen = self.frozen or reason

    def require(self, granularity: int, minimum: int = 1) -> None:
        """Let the width change only by multiples of `granularity`, and not below `minimum`."""
        self.granularity = math.lcm(self.granularity, granularity)
        self.minimum = max(self.minimum, minimum)
        if self.width % self.granularity:
            self.freeze(f"its {self.width} channels are not a multiple of {self.granularity}")

    def split(self, width: int) -> None:
        """Make two nodes of this one, the first with `width` channels."""
        first = Channels(width, self.origin, (*self.order, 0))
        second = Channels(self.width - width, self.origin, (*self.order, 1))
        self.parts = (first, second)
        for part in self.parts:
            part.frozen = self.frozen
            part.require(self.granularity)


class Piece(NamedTuple):
    """A stretch of a dimension: `block` consecutive entries for each of the channels."""

    channels: Channels
    block: int

    @property
    def size(self) -> int:
        """Entries of the stretch."""
        return self.channels.width * self.block


Layout = tuple[Piece, ...]


def resolve(layout: Layout) -> Layout:
    """The same layout in terms of roots."""
    return tuple(Piece(root, block) for node, block in layout for root in node.roots())


def freeze(layout: Layout, reason: str) -> None:
    """Freeze every channel of the layout."""
    for channels, _ in resolve(layout):
        channels.freeze(reason)


def scale_blocks(layout: Layout, numerator: int, denominator: int = 1) -> Layout:
    """The layout with every block times numerator / denominator (which must divide)."""
    return tuple(
        Piece(channels, block * numerator // denominator) for channels, block in resolve(layout)
    )


def unify(left: Layout, right: Layout) -> None:
    """Make two layouts of the same size the same; freeze both where that cannot be."""
    while (clash := _first_difference(resolve(left), resolve(right))) is not None:
        first, second = clash
        if first.block != second.block:
            for layout in (left, right):
                freeze(layout, "it meets channels that are arranged in another way")
            return
        width = min(first.channels.width, second.channels.width)
        if first.channels.width == second.channels.width:
            _merge(first.channels, second.channels)
        else:
            max(first.channels, second.channels, key=lambda node: node.width).split(width)


def cut(layout: Layout, size: int) -> list[Layout] | None:
    """The layout as consecutive layouts of `size` entries; None if an end is inside a channel."""
    pieces: list[Layout] = []
    current: list[Piece] = []
    pending = list(resolve(layout))
    while pending:
        piece = pending.pop(0)
        room = size - sum(each.size for each in current)
        if piece.size > room:
            if room % piece.block:
                return None
            piece.channels.split(room // piece.block)
            current = list(resolve(tuple(current)))
            pending = [*resolve((piece, *pending))]
            continue
        current.append(piece)
        if piece.size == room:
            pieces.append(tuple(current))
            current = []
    return None if current else pieces


def _first_difference(left: Layout, right: Layout) -> tuple[Piece, Piece] | None:
    for first, second in zip(left, right, strict=False):
        if first != second:
            return first, second
    return None


def _merge(first: Channels, second: Channels) -> None:
    root, other = sorted((first, second), key=lambda node: node.order)
    other.parts = (root,)
    root.require(other.granularity, other.minimum)
    if other.frozen:
        root.freeze(other.frozen)


def all_roots(nodes: Iterable[Channels]) -> list[Channels]:
    """The distinct roots of the nodes, earliest first."""
    roots = {id(root): root for node in nodes for root in node.roots()}
    return sorted(roots.values(), key=lambda root: root.order)
