"""A call of every operator that has a rule, and the small network around such a call."""

import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import resolve_name

CHANNELS, SIZE = 4, 8
Arguments = tuple[Any, ...]
Parameters = Callable[..., nn.Parameter]
"""Gives the network's parameter of a name; made with the sizes that follow where there is none."""
Sample = Callable[[Tensor, Parameters], Arguments]
"""The arguments by their places, of an activation: images x channels x height x width."""

SAMPLES: dict[str, Sample] = {
    "linear": lambda x, p: (x.mean((2, 3)), p("weight", 6, CHANNELS), p("bias", 6)),
    "batch_norm": lambda x, p: (x, *(p(each, CHANNELS) for each in ("mean", "variance", "weight"))),
    "torch.batch_norm": lambda x, p: (
        *(x, *(p(each, CHANNELS) for each in ("weight", "bias", "mean", "variance"))),
        *(False, 0.1, 1e-5, False),
    ),
    "torch.instance_norm": lambda x, p: (
        *(x, *(p(each, CHANNELS) for each in ("weight", "bias"))),
        *(None, None, True, 0.1, 1e-5, False),
    ),
    "instance_norm": lambda x, p: (x, None, None, p("weight", CHANNELS), p("bias", CHANNELS)),
    "dropout": lambda x, p: (x, 0.5, False),
    "group_norm": lambda x, p: (x, x.shape[1] // 2, p("weight", CHANNELS), p("bias", CHANNELS)),
    "torch.group_norm": lambda x, p: (
        *(x, x.shape[1] // 2, p("weight", CHANNELS), p("bias", CHANNELS)),
        *(1e-5, False),
    ),
    "prelu": lambda x, p: (x, p("slopes", CHANNELS)),
    "leaky_relu": lambda x, p: (x, 0.2),
    "to": lambda x, p: (x, torch.float64),
    "clamp": lambda x, p: (x, -0.5, 0.5),
    "clamp_": lambda x, p: (x, -0.5, 0.5),
    "div": lambda x, p: (x, 2.0),
    "interpolate": lambda x, p: (x, None, 2),
    "upsample": lambda x, p: (x, None, 2),
    "upsample_nearest": lambda x, p: (x, None, 2),
    "upsample_bilinear": lambda x, p: (x, None, 2),
    "pad": lambda x, p: (x, (1, 2), "constant", 0.0),
    "mean": lambda x, p: (x, (2, 3), True),
    "sum": lambda x, p: (x, (2, 3), True),
    "var": lambda x, p: (x, (2, 3), True, True),
    "amax": lambda x, p: (x, (2, 3), True),
    "amin": lambda x, p: (x, -1, True),
    "softmax": lambda x, p: (x, 3),
    "log_softmax": lambda x, p: (x, 3),
    "softmin": lambda x, p: (x, 3),
    "ravel": lambda x, p: (x[:1],),
    "geometric_": lambda x, p: (x, 0.5),
    "H.__get__": lambda x, p: (x.mean((2, 3)).t(),),
    "flatten": lambda x, p: (x, 2, 3),
    "reshape": lambda x, p: (x, (2, -1, 8, 4, 2)),
    "view": lambda x, p: (x, (2, -1, 8, 4, 2)),
    "squeeze": lambda x, p: (x[..., :1], 3),
    "unsqueeze": lambda x, p: (x, 2),
    "unflatten": lambda x, p: (x, 3, (2, 4)),
    "transpose": lambda x, p: (x, 2, 3),
    "swapaxes": lambda x, p: (x, 2, 3),
    "permute": lambda x, p: (x, (0, 1, 3, 2)),
    "cat": lambda x, p: ([x, x], 1),
    "concat": lambda x, p: ([x, x], 1),
    "concatenate": lambda x, p: ([x, x], 1),
    "chunk": lambda x, p: (x, 2, 1),
    "split": lambda x, p: (x, 4, 3),
    "split_with_sizes": lambda x, p: (x, (3, 5), 3),
    "tensor_split": lambda x, p: (x, 2, 1),
    "stack": lambda x, p: ([x, x], 2),
    "unbind": lambda x, p: (x, 3),
    "expand": lambda x, p: (x, (2, -1, 8, 8)),
    "broadcast_to": lambda x, p: (x, x.shape),
    "roll": lambda x, p: (x, 1, 3),
    "atan2": lambda x, p: (x, x),
    "lerp": lambda x, p: (x, x.relu(), 0.5),
    "addcmul": lambda x, p: (x, x, x),
    "threshold": lambda x, p: (x, 0.1, 20.0),
    "hardshrink": lambda x, p: (x, 0.1),
    "type": lambda x, p: (x, torch.float64),
    "where": lambda x, p: (x > 0, x, 0.1 * x),
    "torch.Tensor.where": lambda x, p: (x, x > 0, 0.1 * x),
    "masked_fill": lambda x, p: (x, x > 0, 0.5),
    **dict.fromkeys(
        ("bitwise_and", "bitwise_or", "bitwise_xor", "and", "or", "xor"),
        lambda x, p: (x > 0, x < 0.1),
    ),
    **dict.fromkeys(("bitwise_not", "invert"), lambda x, p: (x > 0,)),
    **dict.fromkeys(
        (
            "divide",
            "true_divide",
            "truediv",
            "floor_divide",
            "floordiv",
            "remainder",
            "fmod",
            "mod",
        ),
        lambda x, p: (x, 2.0),
    ),
    **dict.fromkeys(("pow", "float_power"), lambda x, p: (x, 2)),
    **dict.fromkeys(("std", "std_mean", "var_mean"), lambda x, p: (x, (2, 3), True, True)),
    **dict.fromkeys(
        ("nanmean", "nansum", "logsumexp", "all", "any"), lambda x, p: (x, (2, 3), True)
    ),
    **dict.fromkeys(
        ("max", "min", "argmax", "argmin", "median", "nanmedian", "mode"),
        lambda x, p: (x, 2, True),
    ),
    "aminmax": lambda x, p: (x,),
    "count_nonzero": lambda x, p: (x, (2, 3)),
    "kthvalue": lambda x, p: (x, 2, 3, True),
    "norm": lambda x, p: (x, 2, (2, 3), True),
    "vector_norm": lambda x, p: (x, 2, (2, 3), True),
    "topk": lambda x, p: (x, 2, 3),
    "diff": lambda x, p: (x, 1, 3),
    **dict.fromkeys(
        ("cumsum", "cummax", "cummin", "logcumsumexp", "sort", "argsort"), lambda x, p: (x, 3)
    ),
    "normalize": lambda x, p: (x, 2.0, 2),
    "matmul": lambda x, p: (x.new_ones(1, 1, 3, 8), x),
    "rmatmul": lambda x, p: (x, x.new_ones(1, 1, 3, 8)),
    "bmm": lambda x, p: (x.new_ones(2, 3, 64), x.flatten(2).transpose(1, 2)),
    **dict.fromkeys(("mm", "spmm"), lambda x, p: (x.mean((2, 3)).t(), x.new_ones(2, 5))),
    "einsum": lambda x, p: ("nchw,hk->nckw", x, x.new_ones(8, 3)),
    "scaled_dot_product_attention": lambda x, p: (
        *(x.new_ones(2, 3, 5), x.new_ones(2, 64, 5), x.flatten(2).transpose(1, 2)),
    ),
    "grid_sample": lambda x, p: (x, x.new_zeros(len(x), 3, 3, 2), "bilinear", "zeros", False),
    "pixel_shuffle": lambda x, p: (x, 2),
    "pixel_unshuffle": lambda x, p: (x, 2),
    "torch.nn.functional.unfold": lambda x, p: (x, 2, 1, 0, 2),
    "unfold": lambda x, p: (x, 3, 2, 2),
    "fold": lambda x, p: (x.flatten(2), (9, 9), (2, 2)),
    "constant_pad_nd": lambda x, p: (x, (1, 2), 0.5),
    "adjoint": lambda x, p: (x,),
    "swapdims": lambda x, p: (x, 2, 3),
    "t": lambda x, p: (x.mean((2, 3)),),
    "movedim": lambda x, p: (x, (2, 3), (3, 2)),
    "moveaxis": lambda x, p: (x, (2, 3), (3, 2)),
    **dict.fromkeys(("vstack", "row_stack", "hstack", "dstack"), lambda x, p: ([x, x],)),
    "unsafe_chunk": lambda x, p: (x, 2, 1),
    "unsafe_split": lambda x, p: (x, 4, 3),
    "unsafe_split_with_sizes": lambda x, p: (x, (3, 5), 3),
    **dict.fromkeys(("hsplit", "dsplit"), lambda x, p: (x, 2)),
    "vsplit": lambda x, p: (x, [1]),
    "glu": lambda x, p: (x, 1),
    **dict.fromkeys(("channel_shuffle", "native_channel_shuffle"), lambda x, p: (x, 2)),
    "repeat": lambda x, p: (x, (1, 2, 1, 1)),
    "tile": lambda x, p: (x, (1, 2, 1, 1)),
    "repeat_interleave": lambda x, p: (x, 2, 1),
    "select": lambda x, p: (x, 3, 1),
    **dict.fromkeys(("narrow", "narrow_copy"), lambda x, p: (x, 3, 1, 2)),
    "index_select": lambda x, p: (x, 3, torch.tensor([1, 0])),
    "gather": lambda x, p: (x, 3, x.argsort(3)),
    "flip": lambda x, p: (x, (2, 3)),
    **dict.fromkeys(("fliplr", "flipud"), lambda x, p: (x.movedim(1, 3),)),
    "rot90": lambda x, p: (x, 1, (2, 3)),
    "msort": lambda x, p: (x,),
    "full_like": lambda x, p: (x, 0.5),
    "randint_like": lambda x, p: (x, 5),
    "__getitem__": lambda x, p: (x, (slice(None), slice(None), 0)),
}
"""Other operators take one or two activations, or an activation and a number."""


def _of_dimensions(number: int, prepare: Callable[[Tensor], Tensor]) -> dict[str, Sample]:
    """The samples of operators on so many dimensions."""
    size, ends, max_pool = (3,) * number, f"{number}d", getattr(F, f"max_pool{number}d")
    samples: dict[str, Sample] = {
        "conv": lambda x, p: (x, p("weight", 6, CHANNELS, *size), p("bias", 6), 1, 1),
        "conv_transpose": lambda x, p: (x, p("weight", CHANNELS, 6, *size), p("bias", 6), 1, 1),
        "lp_pool": lambda x, p: (x, 2.0, 2, 1),
        "dropout": lambda x, p: (x, 0.5, False),
    }
    for kind in ("avg_pool", "max_pool"):
        samples[kind] = lambda x, p: (x, 2, 2)
    samples["fractional_max_pool"] = lambda x, p: (x, 1, 1)
    samples["max_unpool"] = lambda x, p: (*max_pool(x, 2, return_indices=True), 2)
    for kind in ("adaptive_avg_pool", "adaptive_max_pool"):
        samples[kind] = lambda x, p: (x, 2)

    def prepared(sample: Sample) -> Sample:
        return lambda x, p: sample(prepare(x), p)

    return {kind + ends: prepared(sample) for kind, sample in samples.items()}


SAMPLES |= _of_dimensions(1, lambda x: x.flatten(2))
SAMPLES |= _of_dimensions(2, lambda x: x)
SAMPLES |= _of_dimensions(3, lambda x: x.unflatten(3, (2, 4)))

_OTHERS: tuple[Sample, ...] = (
    lambda x, p: (x,),
    lambda x, p: (x, x),
    lambda x, p: (x, 2),
    lambda x, p: (x, 0.5, False),
)

DIMENSIONS = {
    **dict.fromkeys(("bmm", "scaled_dot_product_attention", "T.__get__"), 2),
    **dict.fromkeys(("mm", "spmm", "ravel", "t"), 0),
    **dict.fromkeys(("H.__get__", "mH.__get__", "mT.__get__", "adjoint"), 1),
    **dict.fromkeys(("fliplr", "flipud"), 3),
}
"""Where results have their channels, if not in the second dimension."""


def name_of(function: Callable[..., Any]) -> str:
    """Its name without those of modules and classes."""
    return re.sub(r".*?(\w+(\.__get__)?)$", r"\1", str(resolve_name(function)))


def sample_of(function: Callable[..., Any]) -> Sample | None:
    """How a function can be called, with an activation among the arguments."""
    name = name_of(function).removesuffix("_with_indices")
    plain = name.strip("_")  # of a method in place, or of Python's
    names = [str(resolve_name(function)), name, plain]
    if name.startswith(("__i", "__r")):
        names.append(plain[1:])  # iadd, radd
    for sample in [SAMPLES[each] for each in names if each in SAMPLES][:1] or _OTHERS:
        try:
            network_of(function, sample)
        except (TypeError, RuntimeError, AttributeError):
            continue
        return sample
    return None


class Called(nn.Module):
    """A convolution, a call of an operator on what it computes, and a linear layer on the result.

    Attributes:
        call: Given the network's parameters and the convolution's output, returns tensors.
        dimension: Where the result has its channels.
    """

    def __init__(self, call: Callable[[Parameters, Tensor], Any], dimension: int = 1) -> None:
        super().__init__()
        self.first, self.call, self.dimension = (
            nn.Conv2d(3, CHANNELS, 3, padding=1),
            call,
            dimension,
        )
        self.head: nn.Module = nn.Identity()

    def parameter(self, name: str, *sizes: int) -> nn.Parameter:
        """The parameter of that name; the first time it is made, of positive values."""
        if not hasattr(self, name):
            values = torch.rand(sizes, dtype=torch.float64) + 0.5
            self.register_parameter(name, nn.Parameter(values, requires_grad=False))
        return getattr(self, name)

    def forward(self, images: Tensor) -> Tensor:
        result = self.call(self.parameter, self.first(images))
        pooled = [self._pooled(part) for part in ([result] if torch.is_tensor(result) else result)]
        if isinstance(self.head, nn.Identity):
            self.head = nn.Linear(len(pooled[0]), 3, dtype=torch.float64)
        return sum(self.head(part) for part in pooled)

    def _pooled(self, part: Tensor) -> Tensor:
        """The mean of each channel."""
        others = [each for each in range(part.ndim) if each != self.dimension]
        return part.double().mean(others) if others else part.double()


def network_of(function: Callable[..., Any], sample: Sample) -> Called:
    """The network around a call, in float64, with all layers made."""
    return built(lambda p, x: function(*sample(x, p)), DIMENSIONS.get(name_of(function), 1))


def built(call: Callable[[Parameters, Tensor], Any], dimension: int = 1) -> Called:
    """The same of any call."""
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        network = Called(call, dimension).double()
        network(torch.rand(2, 3, SIZE, SIZE, dtype=torch.float64))
    return network.eval()


def signatures(function: Callable[..., Any]) -> Iterator[list[str]]:
    """The names of a function's parameters, of each way to call it."""
    try:
        yield list(inspect.signature(function).parameters)
    except ValueError:  # it is written in C++
        for schema in torch._C._jit_get_schemas_for_operator(f"aten::{name_of(function)}"):
            names = [argument.name for argument in schema.arguments]
            yield ["input" if name == "self" else name for name in names]


NUMPYS: Mapping[str, str] = {"dim": "axis", "keepdim": "keepdims", "input": "x", "other": "x2"}
"""NumPy's names of arguments that torch takes too: torch/csrc/utils/python_arg_parser.cpp."""


def keyword_forms(function: Callable[..., Any], count: int) -> list[tuple[str, ...]]:
    """The names by which a call may pass all of so many arguments, or all but the first.

    In torch's words and in NumPy's; not every function takes them.
    """
    forms = dict[tuple[str, ...], None]()
    for names in signatures(function):
        for places in range(min(2, count)):
            rest = names[places:count]
            forms[tuple(rest)] = forms[tuple(NUMPYS.get(name, name) for name in rest)] = None
    return [form for form in forms if len(form) >= count - 1]
