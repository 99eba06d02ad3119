"""Keeps what the frozen prefix of a parent computes: once for all workers of a machine.

The features lie in files of one folder, which every worker maps into its memory; without a folder,
and on devices that have a memory of their own, in the memory of one process. Where a network is
cut is in prefix.py.
"""

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from math import prod
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from plantnas.files import alone, is_locked, write_atomically
from plantnas.training.evaluation import EVALUATION_BATCH
from plantnas.training.mapped import MappedFile
from plantnas.training.prefix import Cut
from plantnas.training.views import Inputs


class FeatureCache:
    """Boundary features of frozen prefixes, under a limit.

    Where the limit asks for it, the features of other parents are deleted, then those at other
    boundaries, oldest first: the trials of a parent mostly come one after another.
    """

    def __init__(self, limit_bytes: float, folder: Path | None = None, data: str = "") -> None:
        """Begins with what the folder holds.

        Args:
            limit_bytes: The folder holds no more, whoever writes to it. A process that has no
                folder, or cannot write to it, keeps no more in its own memory.
            folder: Shared by the workers of a machine and made if needed. It may be deleted at any
                time.
            data: What images, views and architecture follow from: caches that share the folder
                have the same only if those are the same.
        """
        self._memory = _Memory(limit_bytes)
        self._folder = None if folder is None else _Folder(folder, limit_bytes, data)

    def features(self, cut: Cut, inputs: Inputs, split: str, parent: object) -> Inputs | None:
        """What the prefix computes on all views, or None if that is over the limit.

        Args:
            cut: The network's cut; its prefix is a function of the parent and the boundary alone.
            inputs: The images.
            split: Name of the images, part of the cache's key.
            parent: Identity of the parent network.
        """
        if cut.prefix is None:
            return inputs
        wanted = _Wanted(cut.prefix, cut.boundary, inputs, split, parent)
        kept = self._memory.kept(wanted)
        if kept is not None:
            return kept
        if self._folder is not None and inputs.device.type == "cpu":
            with suppress(OSError):  # full, or not writable: a study does not end for that
                return self._folder.features(wanted)
        return self._memory.features(wanted)


class _Layout(NamedTuple):
    """One boundary feature of all views and images."""

    shape: tuple[int, ...]
    dtype: torch.dtype

    @property
    def bytes_per_image(self) -> int:
        return prod(self.shape[2:]) * self.dtype.itemsize

    @property
    def bytes(self) -> int:
        """Its size in whole words, so that behind it any other type is aligned."""
        return -(-prod(self.shape) * self.dtype.itemsize // 8) * 8


@dataclass(frozen=True)
class _Wanted:
    """Features that a trial asks for."""

    prefix: nn.Module
    boundary: tuple[str, ...]
    inputs: Inputs
    split: str
    parent: object

    @cached_property
    def layouts(self) -> tuple[_Layout, ...]:
        """The layout of each value at the boundary, from those of one image."""
        with torch.inference_mode():
            features = self.prefix(*next(self.inputs.in_order(0, 1)))
        count = (self.inputs.views, self.inputs.images)
        return tuple(
            _Layout((*count, *feature.movedim(1, -1).shape[1:]), feature.dtype)
            for feature in features
        )

    @property
    def bytes(self) -> int:
        return sum(layout.bytes for layout in self.layouts)

    def computed(self) -> Iterator[tuple[int, int, tuple[Tensor, ...]]]:
        """View, first image and features, images x (height x width x) channels, of each batch."""
        for view in range(self.inputs.views):
            batches = self.inputs.in_order(view, EVALUATION_BATCH)
            for number, batch in enumerate(batches):
                with torch.no_grad():
                    features = self.prefix(*batch)
                yield view, number * EVALUATION_BATCH, tuple(f.movedim(1, -1) for f in features)


class _Memory:
    """The features in the memory of this process."""

    def __init__(self, limit_bytes: float) -> None:
        self._limit = limit_bytes
        self._parent: object = None
        self._features: dict[tuple[str, tuple[str, ...]], Inputs] = {}

    def kept(self, wanted: _Wanted) -> Inputs | None:
        """The features if they are here; those of another parent are dropped."""
        if wanted.parent != self._parent:
            self._parent, self._features = wanted.parent, {}
        return self._features.get((wanted.split, wanted.boundary))

    def features(self, wanted: _Wanted) -> Inputs | None:
        """The features computed now, or None if they are over the limit."""
        if not self._makes_room(wanted.bytes, wanted.boundary):
            return None
        device = wanted.inputs.device
        tensors = tuple(
            torch.empty(layout.shape, dtype=layout.dtype, device=device)
            for layout in wanted.layouts
        )
        for view, start, features in wanted.computed():
            for tensor, feature in zip(tensors, features, strict=True):
                tensor[view, start : start + len(feature)] = feature
        self._features[wanted.split, wanted.boundary] = Inputs(tensors)
        return self._features[wanted.split, wanted.boundary]

    def _makes_room(self, size: int, boundary: tuple[str, ...]) -> bool:
        """Drops the features at other boundaries, oldest first, until the size fits."""
        for key in list(self._features):
            if self._used() + size > self._limit and key[1] != boundary:
                del self._features[key]
        return self._used() + size <= self._limit

    def _used(self) -> int:
        return sum(each.nbytes for inputs in self._features.values() for each in inputs.tensors)


class _OverLimit(Exception):
    """Nothing more can be deleted to make room."""


class _Folder:
    """The features in files PARENT-BOUNDARY-SPLIT.features, mapped by all workers of a machine.

    A file is written by the worker that holds the lock of its name; a worker that needs it too
    waits for it. Who deletes, or begins a file, holds the lock of the whole folder for a moment.
    """

    def __init__(self, folder: Path, limit_bytes: float, data: str) -> None:
        self._folder, self._limit, self._data = folder, limit_bytes, data
        self._mapped: dict[Path, Inputs] = {}

    def features(self, wanted: _Wanted) -> Inputs | None:
        """The features, computed now if no worker has yet, or None if they are over the limit.

        Raises:
            OSError: They can be neither read nor written.
        """
        path = self._path(wanted)
        if path not in self._mapped:
            self._let_go_of_deleted()
            try:
                self._mapped[path] = _mapped(path, wanted) or self._written(path, wanted)
            except _OverLimit:
                return None
        return self._mapped[path]

    def _path(self, wanted: _Wanted) -> Path:
        """Its name says what the features depend on, so that none of another study are taken.

        A study that was deleted and begun anew in the folder has a parent of the same id, but not
        of the same weights.
        """
        parent = _digest(self._data, repr(wanted.parent))
        weights = [each for pair in wanted.prefix.state_dict().items() for each in pair]
        boundary = _digest(self._data, *wanted.boundary, *weights)
        return self._folder / f"{parent}-{boundary}-{wanted.split}.features"

    def _let_go_of_deleted(self) -> None:
        """The disk has room for others only when the last worker has let go of a deleted file."""
        self._mapped = {path: inputs for path, inputs in self._mapped.items() if path.exists()}

    def _written(self, path: Path, wanted: _Wanted) -> Inputs:
        self._folder.mkdir(parents=True, exist_ok=True)
        with alone(_lock_of(path)):
            found = _mapped(path, wanted)  # by the worker that had the lock before
            if found is not None:
                return found
            for partial in self._folder.glob(f"{path.name}.*.partial"):
                partial.unlink(missing_ok=True)  # of a worker that died with this lock
            write_atomically(path, lambda file: self._write(file, path, wanted))
            found = _mapped(path, wanted)
        if found is None:
            raise FileNotFoundError(path)  # deleted within that moment
        return found

    def _write(self, file: BinaryIO, path: Path, wanted: _Wanted) -> None:
        with alone(self._folder / "folder.lock"):
            if not self._makes_room(wanted.bytes, path):
                raise _OverLimit
            file.truncate(wanted.bytes)  # as large at once as it will be, for whoever counts now
        for view, start, features in wanted.computed():
            begin = 0
            for layout, feature in zip(wanted.layouts, features, strict=True):
                image = view * wanted.inputs.images + start
                file.seek(begin + image * layout.bytes_per_image)
                file.write(_bytes_of(feature).data)
                begin += layout.bytes

    def _makes_room(self, size: int, path: Path) -> bool:
        """Deletes files of other parents, then of other boundaries, oldest first, as needed.

        Workers that have mapped a deleted file read on: it lives until the last of them lets go.
        """
        parent, boundary, _ = path.name.split("-", 2)
        for partial in self._folder.glob("*.partial"):
            name = partial.name.rsplit(".", 2)[0]  # without the process
            if not is_locked(_lock_of(self._folder / name)):
                partial.unlink(missing_ok=True)  # its worker died, with the lock
        files = sorted(
            self._folder.glob("*.features"),
            key=lambda other: (other.name.startswith(parent), _written_at(other)),
        )
        for other in files:
            siblings = other.name.startswith(f"{parent}-{boundary}-")
            if not siblings and self._used() + size > self._limit:
                other.unlink(missing_ok=True)
        self._let_go_of_deleted()
        return self._used() + size <= self._limit

    def _used(self) -> int:
        # In this order: a file that gets its final name meanwhile is not missed.
        partial = sum(_size(path) for path in self._folder.glob("*.partial"))
        return partial + sum(_size(path) for path in self._folder.glob("*.features"))


def _lock_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.lock")


def _mapped(path: Path, wanted: _Wanted) -> Inputs | None:
    """The features in a file, mapped and not copied, or None if there is no such file."""
    if _size(path) != wanted.bytes:  # also a file that something else has cut short
        return None
    try:
        file = MappedFile(path, (wanted.bytes,))
    except (FileNotFoundError, ValueError):  # deleted or cut short within that moment
        return None
    parts = torch.split(file.tensor, [layout.bytes for layout in wanted.layouts])
    layouts = zip(parts, wanted.layouts, strict=True)
    return Inputs(
        tuple(
            part.view(layout.dtype)[: prod(layout.shape)].view(layout.shape)
            for part, layout in layouts
        ),
        mapped=file,
    )


def _bytes_of(tensor: Tensor) -> np.ndarray:
    return tensor.contiguous().view(-1).view(torch.uint8).numpy()


def _digest(*parts: str | Tensor) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(repr(part).encode() if isinstance(part, str) else _bytes_of(part).data)
    return digest.hexdigest()[:20]


def _size(path: Path) -> int:
    """The bytes of a file; 0 of one that is not there any more."""
    with suppress(FileNotFoundError):
        return path.stat().st_size
    return 0


def _written_at(path: Path) -> float:
    """The moment of a file's last change, in seconds; 0 of one that is not there any more."""
    with suppress(FileNotFoundError):
        return path.stat().st_mtime
    return 0.0
