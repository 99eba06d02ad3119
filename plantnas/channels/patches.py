"""What a layer with weights sees: the inputs of each of its outputs, as columns of a regression.

Such a layer is linear in its weight: an output is the weight times the stretch of the input that
the kernel covers there. What is fitted with them is in reconstruction.py.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

_LAYER = ("input", "weight", "bias")
_ARGUMENTS: dict[Callable[..., Any], tuple[str, ...]] = {
    F.linear: _LAYER,
    **dict.fromkeys(
        (torch.conv1d, torch.conv2d, torch.conv3d),
        (*_LAYER, "stride", "padding", "dilation", "groups"),
    ),
    **dict.fromkeys(
        (torch.conv_transpose1d, torch.conv_transpose2d, torch.conv_transpose3d),
        (*_LAYER, "stride", "padding", "output_padding", "groups", "dilation"),
    ),
}
"""The layers that are linear in their weights, and the names of their arguments in order."""


@dataclass(frozen=True)
class LayerCall:
    """One call of a convolution or linear layer by a network.

    Attributes:
        input: images x columns x spatial; leading x columns of a linear layer.
        weight: rows x columns of a group x kernel; columns x rows of a group x kernel if
            transposed; rows x columns of a linear layer.
        bias: One value a row, if the layer has them.
        sizes: The output's sizes without its rows.
        transposed: Whether it is a transposed convolution.
        groups: The blocks of channels that do not see each other.
        stride: The kernel's step in each spatial dimension; none of a linear layer.
        padding: Zeros before the input in each spatial dimension.
        dilation: Distance between the kernel's entries in each spatial dimension.
    """

    input: Tensor
    weight: Tensor
    bias: Tensor | None
    sizes: tuple[int, ...]
    transposed: bool = False
    groups: int = 1
    stride: Sequence[int] = ()
    padding: Sequence[int] = ()
    dilation: Sequence[int] = ()

    @property
    def outputs(self) -> int:
        """The number of outputs of each row, over all images."""
        return math.prod(self.sizes)

    @property
    def inputs(self) -> int:
        """The number of inputs of each output: columns of a group times the kernel's entries."""
        rows = self.weight.shape[1] if self.transposed else len(self.weight) // self.groups
        return self.weight.numel() // (rows * self.groups)

    def outputs_at(self, result: Tensor, places: Tensor) -> Tensor:
        """The call's results at places, numbers below `outputs`: places x rows."""
        rows_last = result.movedim(1, -1) if self.stride else result
        return rows_last[torch.unravel_index(places, self.sizes)]

    def inputs_at(self, places: Tensor) -> Tensor:
        """What the weight is multiplied by there: groups x places x (columns of a group, kernel).

        Args:
            places: Numbers below `outputs`.
        """
        image, *at = torch.unravel_index(places, self.sizes)
        if not self.stride:
            return self.input[(image, *at)].unsqueeze(0)
        columns_last, spatial = self.input.movedim(1, -1), [1] * len(self.stride)
        inside = torch.ones((), dtype=torch.bool, device=places.device)
        indices = [image.view(-1, *spatial)]
        for dimension, position in enumerate(at):
            size = columns_last.shape[1 + dimension]
            index, covered = self._covered(dimension, position)
            shape = [len(places), *spatial]
            shape[1 + dimension] = -1
            inside = inside & (covered & (index >= 0) & (index < size)).view(shape)
            indices.append(index.clamp(0, size - 1).view(shape))
        seen = columns_last[tuple(indices)] * inside.unsqueeze(-1)  # padding is zero
        columns = seen.flatten(1, -2).transpose(1, 2)
        return columns.reshape(len(places), self.groups, -1).transpose(0, 1)

    def _covered(self, dimension: int, position: Tensor) -> tuple[Tensor, Tensor]:
        """Which input each entry of the kernel meets, places x kernel, and whether it meets one."""
        stride, padding = self.stride[dimension], self.padding[dimension]
        offsets = torch.arange(self.weight.shape[2 + dimension], device=position.device)
        offsets = offsets * self.dilation[dimension]
        if not self.transposed:
            index = position[:, None] * stride - padding + offsets
            return index, torch.ones_like(index, dtype=torch.bool)
        reached = position[:, None] + padding - offsets
        return reached // stride, reached % stride == 0

    def by_group(self, entries: Tensor) -> Tensor:
        """A tensor of the weight's shape as groups x rows of a group x (columns, kernel)."""
        by_group = entries.reshape(self.groups, -1, *entries.shape[1:])
        return (by_group.transpose(1, 2) if self.transposed else by_group).flatten(2)

    def set_weight(self, values: Tensor) -> None:
        """Writes the weight, which is given as `by_group` gives it."""
        by_group = values.reshape(*values.shape[:2], -1, *self.weight.shape[2:])
        by_group = by_group.transpose(1, 2) if self.transposed else by_group
        self.weight.copy_(by_group.flatten(0, 1))


def layer_call(
    function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> LayerCall | None:
    """What a call of a torch function is; None if it is no convolution or linear layer.

    A convolution of one image without a batch is None too.
    """
    if function not in _ARGUMENTS:
        return None
    given = {**dict(zip(_ARGUMENTS[function], args, strict=False)), **kwargs}
    x, weight, bias = given["input"], given["weight"], given.get("bias")
    if function is F.linear and weight.ndim == 2:  # on meta tensors it imports torch's compiler
        return LayerCall(x, weight, bias, tuple(x.shape[:-1]))
    # On meta tensors, where the call computes nothing, it shows the output's shape.
    shape = function(*map(_on_meta, args), **{key: _on_meta(kwargs[key]) for key in kwargs}).shape
    if function is F.linear:
        return LayerCall(x, weight, bias, tuple(shape[:-1]))
    if x.ndim != weight.ndim:
        return None
    kernel = weight.shape[2:]
    stride, dilation = (_each(given.get(key, 1), kernel) for key in ("stride", "dilation"))
    padding = given.get("padding", 0)
    if padding == "same":
        padding = [step * (size - 1) // 2 for step, size in zip(dilation, kernel, strict=True)]
    elif padding == "valid":
        padding = 0
    return LayerCall(
        input=x,
        weight=weight,
        bias=bias,
        sizes=(shape[0], *shape[2:]),
        transposed="output_padding" in _ARGUMENTS[function],
        groups=given.get("groups", 1),
        stride=stride,
        padding=_each(padding, kernel),
        dilation=dilation,
    )


def _each(setting: int | Sequence[int], kernel: Sequence[int]) -> list[int]:
    """A setting of a convolution for each dimension of its kernel."""
    given = [setting] if isinstance(setting, int) else list(setting)
    return given * len(kernel) if len(given) == 1 else given


def _on_meta(argument: Any) -> Any:
    return argument.to("meta") if isinstance(argument, Tensor) else argument
