"""The old and the new part of a child of triangular wiring, as networks.

What of the child is in them is decided in apart.py.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from plantnas.channels.containers import logits_in


class OldPart(nn.Module):
    """The parent of a child, from images to the inputs of its layers that are seen by new rows.

    Attributes:
        names: Of each feature.
        features_of: Of each layer, the number of the feature that each of its calls takes.
        shapes: Of each layer, the shape of what each of its calls gives.
    """

    def __init__(
        self, network: nn.Module, layers: "Mapping[str, NewRows | NoRows]", example: Tensor
    ) -> None:
        """Runs the network once.

        Args:
            network: The parent.
            layers: Of the new part: what old channels `NewRows` sees is wanted.
            example: A batch of images.
        """
        super().__init__()
        self.network = network.eval().requires_grad_(False)
        self.names: tuple[str, ...] = ()
        self._calls, self._overwritten = list[_Call](), set[int]()
        self.shapes = {name: list[torch.Size]() for name in layers}
        hooks = list[Any]()
        for name, layer in layers.items():
            module = network.get_submodule(name)
            if isinstance(layer, NewRows):
                module.register_forward_pre_hook(self._keeper(name))
            hooks.append(module.register_forward_hook(self._measurer(name)))
        with torch.no_grad():
            network(example)
        for hook in hooks:
            hook.remove()
        self._kept, self.features_of = list[int](), {name: list[int]() for name in layers}
        numbers = dict[int, int]()
        for place, (name, given, as_seen) in enumerate(self._calls):
            if not torch.equal(given, as_seen):
                self._overwritten.add(place)
            if id(given) not in numbers or place in self._overwritten:
                numbers[id(given)] = len(self._kept)
                self._kept.append(place)
            self.features_of[name].append(numbers[id(given)])
        before = [[call.layer for call in self._calls[:place]] for place in self._kept]
        self.names = tuple(
            f"{self._calls[place].layer} {earlier.count(self._calls[place].layer)}"
            for place, earlier in zip(self._kept, before, strict=True)
        )
        self._calls.clear()

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """The features of images, batch x channels x height x width."""
        self._calls.clear()
        self.network(channels_last(images))
        features = tuple(self._calls[place].as_seen for place in self._kept)
        self._calls.clear()
        return features

    def _keeper(self, name: str) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
        def keep(module: nn.Module, given: tuple[Tensor, ...]) -> None:
            # What is computed later must not reach it by an operation that works in place.
            is_copied = not self.names or len(self._calls) in self._overwritten
            as_seen = given[0].clone() if is_copied else given[0]
            self._calls.append(_Call(name, given[0], as_seen))

        return keep

    def _measurer(self, name: str) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]:
        def measure(module: nn.Module, given: tuple[Tensor, ...], result: Tensor) -> None:
            self.shapes[name].append(result.shape)

        return measure


class _Call(NamedTuple):
    """An input of a layer, and a copy of it where it may be written to afterwards."""

    layer: str
    given: Tensor
    as_seen: Tensor


class NewPart(nn.Module):
    """The new channels of a child, from the features of its old part to logits."""

    def __init__(
        self,
        network: nn.Module,
        layers: "Mapping[str, NewRows | NoRows]",
        old_part: OldPart,
        image_shape: torch.Size,
    ) -> None:
        """Connects the layers to the features.

        Args:
            network: The architecture at the new channels' widths, with these layers.
            layers: By their names.
            old_part: Gives the features.
            image_shape: Channels x height x width.
        """
        super().__init__()
        self.network, self._image_shape = network, image_shape
        self._seeing = [
            (layer, old_part.features_of[name])
            for name, layer in layers.items()
            if isinstance(layer, NewRows)
        ]
        self._idle = [
            (layer, old_part.shapes[name])
            for name, layer in layers.items()
            if isinstance(layer, NoRows)
        ]

    def forward(self, *features: Tensor) -> Tensor:
        """Logits, batch x classes."""
        for layer, places in self._seeing:
            layer.given = [features[place] for place in places]
        for idle, shapes in self._idle:
            idle.shapes = list(shapes)
        # What images are is old, and is given where it is seen.
        nothing = torch.zeros((), device=features[0].device)
        return logits_in(self.network(nothing.expand(len(features[0]), *self._image_shape)))


class NewRows(nn.Module):
    """The new rows of a layer: of old channels, which are given, and of new ones.

    Attributes:
        given: The old channels' part of the input of each call to come.
    """

    def __init__(self, of_old: nn.Module, of_new: nn.Module | None, indices: Tensor | None) -> None:
        """Joins two layers.

        Args:
            of_old: Runs on the old channels, and has the bias.
            of_new: Runs on the new ones; None if there are none.
            indices: Which channels of the input are new, if not all are.
        """
        super().__init__()
        self.old, self.new, self._indices = of_old, of_new, indices
        if of_new is not None and indices is not None:
            self._indices = indices.to(next(of_new.parameters()).device)
        self.given = list[Tensor]()

    def forward(self, images: Tensor) -> Tensor:
        """The new rows' outputs of new channels."""
        output: Tensor = self.old(channels_last(self.given.pop(0)))
        if self.new is None:
            return output
        if self._indices is not None:
            dimension = 1 - next(self.new.parameters()).ndim
            images = images.index_select(dimension, self._indices)
        more: Tensor = self.new(channels_last(images))
        return output + more


class NoRows(nn.Module):
    """A layer that has no new rows: what stands for them is zero, and nothing sees it.

    Attributes:
        shapes: What the whole layer gives in each call to come.
    """

    def __init__(self, width: int, dimension: int) -> None:
        """Remembers how many channels stand for none, and their dimension."""
        super().__init__()
        self._width, self._dimension = width, dimension
        self.shapes = list[torch.Size]()

    def forward(self, images: Tensor) -> Tensor:
        """Zeros."""
        shape = list(self.shapes.pop(0))
        shape[0], shape[self._dimension] = len(images), self._width
        return images.new_zeros(shape)


def channels_last(images: Tensor) -> Tensor:
    """The same images; those of one channel with the strides of channels_last.

    Any strides are contiguous in both formats then, and torch would go on in the other one, in
    which the gradient of a narrow convolution takes up to five times as long on a CPU.
    """
    if images.ndim != 4 or images.shape[1] > 1:
        return images
    return images.movedim(1, -1).clone(memory_format=torch.contiguous_format).movedim(-1, 1)
