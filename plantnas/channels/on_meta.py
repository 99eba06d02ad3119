"""Operators whose result on meta tensors, which hold no values, is known without torch.

Torch finds the shapes of batch normalisations, activation functions, sums and the like by all of
their arithmetic, in Python, which was most of an analysis, and imports its compiler for it, which
takes two seconds of a process. What is not plain here is left to torch. What channels do in an
operator is in rules.py.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import wraps
from inspect import signature
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_flatten, tree_unflatten

from plantnas.channels.calls import Call
from plantnas.channels.outsiders import Outsiders


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
    return _like(images)


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
        return images if given.get("inplace") else _like(images)

    return stand_in


def linear(*args: Any, **settings: Any) -> Tensor:
    """What the layer makes of them without its bias, where that fits."""
    if len(args) == 3 and _is_plain(args[0]) and args[2] is not None:
        images, weight, bias = args
        if bias.shape == weight.shape[:1]:
            return functional.linear(images, weight)
    return functional.linear(*args, **settings)


def dropout(images: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """A tensor like the images in training, and the images otherwise, as torch gives them."""
    if training and not inplace and _is_plain(images) and 0 <= p <= 1:
        return _like(images)
    return functional.dropout(images, p, training, inplace)


def layer_norm(
    images: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """A tensor like the images, which have as many entries as the norm."""
    sizes = [tuple(each.shape) for each in (weight, bias) if each is not None]
    if _is_plain(images) and images.is_contiguous() and len(normalized_shape) <= images.ndim:
        last = tuple(images.shape[images.ndim - len(normalized_shape) :])
        if {last, tuple(normalized_shape), *sizes} == {last}:
            return _like(images)
    return functional.layer_norm(images, normalized_shape, weight, bias, eps)


def of_one(function: Callable[..., Any]) -> Callable[..., Any]:
    """A method or function of one floating-point tensor, whose result is like it."""
    is_in_place = function.__name__.endswith("_")

    def stand_in(*args: Any, **settings: Any) -> Any:
        if len(args) != 1 or not _is_plain(args[0]):
            return function(*args, **settings)
        return args[0] if is_in_place else _like(args[0])

    return stand_in


def of_two(function: Callable[..., Any]) -> Callable[..., Any]:
    """Arithmetic with a floating-point tensor: like it, if the other is a number or like it."""
    is_in_place = function.__name__.endswith("_")

    def stand_in(*args: Any, **settings: Any) -> Any:
        if settings or len(args) != 2 or not _is_plain(args[0]):
            return function(*args, **settings)
        one, other = args
        if type(other) not in (int, float) and not (_is_plain(other) and _are_alike(one, other)):
            return function(*args)
        return one if is_in_place else _like(one)

    return stand_in


def mean(function: Callable[..., Any]) -> Callable[..., Any]:
    """The mean has the shape of the sum, which torch finds fast."""

    def stand_in(*args: Any, **settings: Any) -> Any:
        return (torch.sum if args and _is_plain(args[0]) else function)(*args, **settings)

    return stand_in


def adaptive_avg_pool2d(images: Tensor, output_size: Any) -> Tensor:
    """To one place it is a mean, of whose arithmetic nothing is needed."""
    if _is_plain(images) and images.ndim == 4 and output_size in (1, (1, 1), [1, 1]):
        return images.new_empty((*images.shape[:2], 1, 1))
    return functional.adaptive_avg_pool2d(images, output_size)


def cat(function: Callable[..., Any]) -> Callable[..., Any]:
    """Contiguous activations of one type, joined in a dimension."""

    def stand_in(*args: Any, **settings: Any) -> Any:
        if settings or len(args) != 2:
            return function(*args, **settings)
        parts, dimension = args
        if not all(_is_plain(part) and part.is_contiguous() for part in parts):
            return function(*args)
        sizes = [list(part.shape) for part in parts]
        if not -len(sizes[0]) <= dimension < len(sizes[0]):
            return function(*args)
        joined = sizes[0].copy()
        joined[dimension] = sum(size[dimension] for size in sizes if len(size) == len(joined))
        fits = all(
            size[:dimension] == joined[:dimension]
            and size[dimension:][1:] == joined[dimension:][1:]
            and part.dtype == parts[0].dtype
            for size, part in zip(sizes, parts, strict=True)
        )
        return parts[0].new_empty(joined) if fits else function(*args)

    return stand_in


def transposed(function: Callable[..., Any]) -> Callable[..., Any]:
    """A transposed convolution, which checks its input's channels without values too."""

    def stand_in(*args: Any, **settings: Any) -> Any:
        images: Any = args[0] if args else settings.get("input", settings.get("x"))
        weight: Any = args[1] if len(args) > 1 else settings.get("weight")
        if _is_plain(images) and isinstance(weight, Tensor) and images.ndim >= weight.ndim - 1:
            channels = images.shape[1 - weight.ndim]
            if channels != len(weight):
                raise RuntimeError(
                    f"Given transposed=1, weight of size {list(weight.shape)}, expected input"
                    f"{list(images.shape)} to have {len(weight)} channels, but got {channels} "
                    "channels instead"
                )
        return function(*args, **settings)

    return stand_in


def _like(tensor: Tensor) -> Tensor:
    """As `torch.empty_like`, which takes five times as long."""
    if tensor.is_meta and tensor.is_contiguous():
        return tensor.new_empty(tensor.shape)
    return torch.empty_like(tensor)


def _is_plain(tensor: object) -> bool:
    """Whether it has a shape and a floating-point type, and no values."""
    return isinstance(tensor, Tensor) and tensor.is_meta and tensor.is_floating_point()


def _are_alike(one: Tensor, other: Tensor) -> bool:
    return (one.shape, one.stride(), one.dtype) == (other.shape, other.stride(), other.dtype)


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
OF_ONE: tuple[Callable[..., Any], ...] = (
    *(torch.relu, Tensor.relu, Tensor.relu_, functional.gelu),
)
OF_TWO: tuple[Callable[..., Any], ...] = (
    *(torch.add, torch.sub, torch.mul, torch.div),
    *(Tensor.add, Tensor.sub, Tensor.mul, Tensor.div),
    *(Tensor.add_, Tensor.sub_, Tensor.mul_, Tensor.div_),
)
TRANSPOSED: tuple[Callable[..., Any], ...] = (
    *(functional.conv_transpose1d, functional.conv_transpose2d, functional.conv_transpose3d),
)

STAND_INS: dict[Callable[..., Any], Callable[..., Any]] = {
    functional.batch_norm: batch_norm,
    functional.dropout: dropout,
    functional.layer_norm: layer_norm,
    functional.linear: linear,
    functional.adaptive_avg_pool2d: adaptive_avg_pool2d,
    **{function: pointwise(function) for function in ACTIVATIONS},
    **{function: of_one(function) for function in OF_ONE},
    **{function: of_two(function) for function in OF_TWO},
    **{function: mean(function) for function in (torch.mean, Tensor.mean)},
    torch.cat: cat(torch.cat),
    **{function: transposed(function) for function in TRANSPOSED},
}
"""What runs in place of an operator while a model is analysed."""


class StandIns(TorchFunctionMode):
    """What runs under it has the stand-ins.

    Attributes:
        calls: What is called, with the numbers that it is given, but for the sizes among them, and
            with which of the model's tensors.
    """

    def __init__(self, model: nn.Module, images: Tensor) -> None:
        super().__init__()
        self.calls: list[tuple[str, str]] = []
        self._outsiders = Outsiders(model)
        self._outsiders.know(images)

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
        told = (*self._outsiders.names_in(call), *self._outsiders.contents_in(call))
        self.calls.append((call.name, " ".join((call.numbers_beside_sizes, *told))))
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
