"""Operators whose result on meta tensors, which hold no values, is known without torch.

Torch finds the shapes of batch normalisations and activation functions by all of their arithmetic,
in Python, which was most of an analysis. What channels do in an operator is in rules.py.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from inspect import signature
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_flatten, tree_unflatten

from plantnas.channels.calls import Call


def batch_norm(
    images: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    **settings: float,
) -> Tensor:
    """A tensor like the images.

    Raises:
        RuntimeError: A tensor has not as many entries as there are channels, as torch says it.
        ValueError: There is one value a channel in training, as torch says it.
    """
    if not images.is_meta:
        return functional.batch_norm(
            images, running_mean, running_var, weight, bias, training, **settings
        )
    if training and images.numel() == images.shape[1]:
        raise ValueError(
            f"Expected more than 1 value per channel when training, got input size {images.size()}"
        )
    named = (("running_mean", running_mean), ("running_var", running_var))
    for name, tensor in (*named, ("weight", weight), ("bias", bias)):
        if tensor is not None and len(tensor) != images.shape[1]:
            raise RuntimeError(
                f"{name} should contain {images.shape[1]} elements not {len(tensor)}"
            )
    return torch.empty_like(images)


def pointwise(function: Callable[..., Any]) -> Callable[..., Any]:
    """An activation function that makes of floating-point meta tensors others like them.

    Args:
        function: Takes the input, and may take `inplace`.
    """
    parameters = signature(function)

    @wraps(function)
    def stand_in(images: Tensor, *args: Any, **settings: Any) -> Any:
        if not images.is_meta or not images.is_floating_point():
            return function(images, *args, **settings)
        given = parameters.bind(images, *args, **settings).arguments
        return images if given.get("inplace") else torch.empty_like(images)

    return stand_in


ACTIVATIONS: tuple[Callable[..., Any], ...] = (
    functional.relu,
    functional.relu6,
    functional.hardtanh,
    functional.hardswish,
    functional.hardsigmoid,
    functional.leaky_relu,
    functional.elu,
    functional.mish,
)

STAND_INS: dict[Callable[..., Any], Callable[..., Any]] = {
    functional.batch_norm: batch_norm,
    **{function: pointwise(function) for function in ACTIVATIONS},
}
"""What runs in place of an operator while a model is analysed."""


class StandIns(TorchFunctionMode):
    """What runs under it has the stand-ins.

    Attributes:
        calls: What is called, with the numbers that it is given, but for the sizes among them.
    """

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[str, str]] = []

    def __torch_function__(
        self,
        function: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Run the function, or what stands in for it."""
        result = STAND_INS.get(function, function)(*args, **(kwargs or {}))
        call = Call(function, args, kwargs or {}, result)
        self.calls.append((call.name, call.numbers_beside_sizes))
        return result


def broadcasts(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any], position: int
) -> bool:
    """Whether a function takes several entries of one tensor where it has one of all the others.

    Args:
        function: As a model calls it.
        args: What it is given, on any device.
        kwargs: The same by name.
        position: Of the dimension in the function's result, from the right, such as -3.
    """
    leaves, tree = tree_flatten((args, dict(kwargs)))
    on_meta = [
        torch.empty_like(leaf, device="meta") if isinstance(leaf, Tensor) else leaf
        for leaf in leaves
    ]
    for number, leaf in enumerate(on_meta):
        if isinstance(leaf, Tensor) and leaf.ndim >= -position and leaf.shape[position] == 1:
            several = leaf.repeat_interleave(2, position)
            changed = [*on_meta[:number], several, *on_meta[number + 1 :]]
            wider_args, wider_kwargs = tree_unflatten(changed, tree)
            try:
                result = STAND_INS.get(function, function)(*wider_args, **wider_kwargs)
            except (RuntimeError, ValueError, TypeError):
                continue  # as a convolution, whose weight fits one channel alone
            if isinstance(result, Tensor) and result.shape[position:][:1] == (2,):
                return True
    return False
