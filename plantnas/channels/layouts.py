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

    A node that was merged into another, split in two or regrouped points to its `parts` and its
    other attributes are out of date. `order` says when it was made, so that the earliest node of a
    group names it. `frozen` and `mixed` are as a `ChannelGroup` has them. `unfollowed` channels are
    of a constant number and come from nowhere.
    """

    def __init__(
        self, width: int, origin: str, order: tuple[int, ...], unfollowed: bool = False
    ) -> None:
        self.width = width
        self.origin = origin
        self.order = order
        self.unfollowed = unfollowed
        self.granularity = 1
        self.minimum = 1
        self.frozen: str | None = None
        self.mixed: str | None = None
        self.parts: Layout = ()

    def pieces(self) -> Layout:
        """The nodes that now stand for these channels, in order."""
        if not self.parts:
            return (Piece(self, 1),)
        return resolve(self.parts)

    def freeze(self, reason: str) -> None:
        """Say why the channels cannot grow; the first reason stays."""
        self.frozen = self.frozen or reason

    def mix(self, reason: str) -> None:
        """Say why new channels change what the old ones make; the first reason stays."""
        self.mixed = self.mixed or reason

    def require(self, granularity: int, minimum: int = 1) -> None:
        """Let the width change only by multiples of `granularity`, and not below `minimum`."""
        self.granularity = math.lcm(self.granularity, granularity)
        self.minimum = max(self.minimum, minimum)
        if self.width % self.granularity:
            self.freeze(f"its {self.width} channels are not a multiple of {self.granularity}")

    def split(self, width: int) -> None:
        """Make two nodes of this one, the first with `width` channels."""
        for number, size in enumerate((width, self.width - width)):
            part = Channels(size, self.origin, (*self.order, number), self.unfollowed)
            part.frozen, part.mixed = self.frozen, self.mixed
            part.require(self.granularity)
            self.parts = (*self.parts, Piece(part, 1))

    def regroup(self, size: int) -> None:
        """Let every `size` consecutive channels (which must divide the width) be one."""
        whole = Channels(self.width // size, self.origin, (*self.order, 0), self.unfollowed)
        whole.frozen, whole.mixed = self.frozen, self.mixed
        granularity = self.granularity // math.gcd(self.granularity, size)
        whole.require(granularity, minimum=math.ceil(self.minimum / size))
        self.parts = (Piece(whole, size),)


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
    return tuple(
        Piece(root, inner * block) for node, block in layout for root, inner in node.pieces()
    )


def freeze(layout: Layout, reason: str) -> None:
    """Freeze every channel of the layout."""
    for channels, _ in resolve(layout):
        channels.freeze(reason)


def scale_blocks(layout: Layout, numerator: int, denominator: int = 1) -> Layout:
    """The layout with every block times numerator / denominator (which must divide)."""
    return tuple(
        Piece(channels, block * numerator // denominator) for channels, block in resolve(layout)
    )


def join_channels(layout: Layout, size: int) -> Layout | None:
    """The layout in which every `size` consecutive entries are one; None if that cannot be."""
    for channels, block in resolve(layout):
        together = size // math.gcd(block, size)
        if channels.width % together:
            return None
        if together > 1:
            channels.regroup(together)
    return scale_blocks(layout, 1, size)


def unify(left: Layout, right: Layout) -> None:
    """Make two layouts of the same size the same; freeze both where that cannot be."""
    while True:
        pairs = zip(resolve(left), resolve(right), strict=False)
        clash = next(((first, second) for first, second in pairs if first != second), None)
        if clash is None:
            return
        first, second = clash
        if first.block != second.block:
            if _equalise_blocks(*sorted(clash, key=lambda piece: piece.block)):
                continue
            for layout in (left, right):
                freeze(layout, "it meets channels that are arranged in another way")
            return
        narrow, wide = sorted((first.channels, second.channels), key=lambda node: node.width)
        if narrow.width < wide.width:
            wide.split(narrow.width)
            continue
        root, other = sorted((narrow, wide), key=lambda node: (node.unfollowed, node.order))
        other.parts = (Piece(root, 1),)
        root.require(other.granularity, other.minimum)
        if other.frozen:
            root.freeze(other.frozen)
        if other.mixed:
            root.mix(other.mixed)


def _equalise_blocks(fine: Piece, coarse: Piece) -> bool:
    """Regroup the channels with the smaller blocks to the larger ones; whether that can be."""
    size, remainder = divmod(coarse.block, fine.block)
    if remainder or fine.channels is coarse.channels:
        return False
    if fine.channels.width > coarse.channels.width * size:
        fine.channels.split(coarse.channels.width * size)
    elif fine.channels.width % size:
        return False
    else:
        fine.channels.regroup(size)
    return True


def cut(layout: Layout, parts: int) -> list[Layout] | None:
    """The layout as equally large layouts; None if an end would be inside a channel."""
    size = sum(piece.size for piece in resolve(layout)) // parts
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


def all_roots(nodes: Iterable[Channels]) -> list[Channels]:
    """The distinct roots of the nodes, earliest first."""
    roots = {id(root): root for node in nodes for root, _ in node.pieces()}
    return sorted(roots.values(), key=lambda root: root.order)
