"""Which rule is for which torch operator, and how to add one. The rules are in *_rules.py.

A rule reads the places of a call's arguments, says which channels must have the same width, and
puts the result's channels. It raises `Unfollowed` where channels cannot be followed; an operator
without a rule does that for all its arguments. Rules hold only for operators that keep channels
apart and finite: then a new channel cannot change an old one, and zero times it is zero.
"""

from collections.abc import Callable, Iterable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from plantnas.channels.layer_rules import convolution, linear, per_channel, transposed_convolution
from plantnas.channels.shape_rules import (
    concatenation,
    creation,
    expand,
    index,
    permute,
    reshape,
    roll,
    split,
    stack,
    transpose,
    unbind,
)
from plantnas.channels.tracing import Rule
from plantnas.channels.value_rules import (
    mixing,
    pad,
    pointwise,
    quotient,
    reduction,
    softmax,
    spatial,
)
from plantnas.errors import UnsupportedArchitecture


def register_rule(operator: str | Callable[..., Any], rule: Rule) -> None:
    """Say what an operator does to channels, for every analysis of this process from now on.

    Call it beside the model's definition, so that every process that builds the model knows it.
    A rule replaces the one that was there. docs/architectures.md shows how one is written.

    Args:
        operator: A function as the model calls it, or a name for all functions of that name in
            torch, torch.Tensor and torch.nn.functional.
        rule: Called with the tracer and the call after the operator has run.

    Raises:
        UnsupportedArchitecture: Torch has no function of that name.
    """
    functions = list(_named(operator)) if isinstance(operator, str) else [operator]
    if not functions:
        raise UnsupportedArchitecture(
            f"register_rule: {operator!r} is not the name of a function in torch, torch.Tensor or "
            "torch.nn.functional; pass the function itself."
        )
    RULES.update(dict.fromkeys(functions, rule))


def _named(names: str) -> Iterable[Any]:
    """Every function of these names in torch, torch.Tensor and torch.nn.functional."""
    for name in names.split():
        for namespace in (torch, Tensor, F):
            if function := getattr(namespace, name, None):
                yield function


_OPERATORS: dict[Rule, str] = {
    convolution: "conv1d conv2d conv3d",
    transposed_convolution: "conv_transpose1d conv_transpose2d conv_transpose3d",
    linear: "linear",
    per_channel: "batch_norm instance_norm prelu",
    pointwise: (
        "relu relu_ relu6 hardtanh hardtanh_ leaky_relu leaky_relu_ elu elu_ celu celu_ selu selu_ "
        "silu gelu mish softplus sigmoid sigmoid_ hardsigmoid hardswish tanh tanh_ clamp clamp_ "
        "abs neg __neg__ square erf sin cos maximum minimum "
        "dropout dropout_ alpha_dropout dropout1d dropout2d dropout3d feature_dropout "
        "clone contiguous detach to type_as float double half bfloat16 "
        "add add_ __add__ __radd__ __iadd__ sub sub_ __sub__ __rsub__ __isub__ "
        "mul mul_ multiply __mul__ __rmul__ __imul__"
    ),
    quotient: "div div_ true_divide __truediv__ __itruediv__",
    spatial: (
        "max_pool1d max_pool2d max_pool3d avg_pool1d avg_pool2d avg_pool3d adaptive_avg_pool1d "
        "adaptive_avg_pool2d adaptive_avg_pool3d adaptive_max_pool1d adaptive_max_pool2d "
        "adaptive_max_pool3d interpolate upsample"
    ),
    pad: "pad",
    reduction: "mean sum var amax amin",
    softmax: "softmax log_softmax softmin",
    mixing: (
        "layer_norm group_norm rms_norm local_response_norm normalize "
        "scaled_dot_product_attention multi_head_attention_forward"
    ),
    reshape: "flatten reshape view squeeze unsqueeze unflatten view_as",
    transpose: "transpose swapaxes",
    permute: "permute",
    concatenation: "cat concat concatenate",
    split: "chunk split split_with_sizes tensor_split",
    stack: "stack",
    unbind: "unbind",
    expand: "expand expand_as broadcast_to",
    roll: "roll",
    index: "__getitem__",
    creation: (
        "new_empty new_full new_ones new_tensor new_zeros "
        "empty_like full_like ones_like rand_like randn_like zeros_like"
    ),
}

RULES: dict[Any, Rule] = {
    function: rule for rule, names in _OPERATORS.items() for function in _named(names)
}
