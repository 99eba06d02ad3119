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

from plantnas.channels import pixel_rules, product_rules, shape_rules, taking_rules, value_rules
from plantnas.channels.layer_rules import (
    convolution,
    group_normalisation,
    linear,
    normalisation,
    per_channel,
    transposed_convolution,
)
from plantnas.channels.tracing import Rule
from plantnas.errors import UnsupportedArchitecture
from plantnas.given import check_given


def register_rule(operator: str | Callable[..., Any], rule: Rule) -> None:
    """Say what an operator does to channels, for every analysis of this process from now on.

    Call it beside the model's definition, so that every process that builds the model knows it.
    A rule replaces the one that was there. docs/architectures.md shows how one is written.

    Args:
        operator: A function as the model calls it, or a name for all functions of that name in
            torch, torch.Tensor, torch.nn.functional, torch.special and torch.linalg.
        rule: Called with the tracer and the call after the operator has run.

    Raises:
        UnsupportedArchitecture: Torch has no function of that name.
    """
    check_given("operator", operator, (str, Callable), "a function, or its name in torch,")
    check_given("rule", rule, Callable, "a function of (tracer, call)")
    functions = list(_named(operator)) if isinstance(operator, str) else [operator]
    if not functions:
        raise UnsupportedArchitecture(
            f"register_rule: {operator!r} is not the name of a function in torch, torch.Tensor, "
            "torch.nn.functional, torch.special or torch.linalg; pass the function itself."
        )
    RULES.update(dict.fromkeys(functions, rule))


NAMESPACES = (torch, Tensor, F, torch.special, torch.linalg)
"""Where functions of a name are looked for."""


def _named(names: str) -> Iterable[Any]:
    """Every function of these names; Python's operators are functions of tensors alone."""
    for name in names.split():
        for namespace in (Tensor,) if name.startswith("__") else NAMESPACES:
            function = getattr(namespace, name, None)
            if callable(function):  # torch.float is a type of numbers
                yield function


_OPERATORS: dict[Rule, str] = {
    convolution: "conv1d conv2d conv3d",
    transposed_convolution: "conv_transpose1d conv_transpose2d conv_transpose3d",
    linear: "linear",
    per_channel: "batch_norm instance_norm prelu",
    normalisation: "layer_norm rms_norm",
    group_normalisation: "group_norm",
    value_rules.pointwise: (
        # activation functions
        "relu relu_ relu6 hardtanh hardtanh_ leaky_relu leaky_relu_ rrelu rrelu_ elu elu_ celu "
        "celu_ selu selu_ silu gelu mish softplus softsign softshrink hardshrink tanhshrink "
        "sigmoid sigmoid_ expit logsigmoid hardsigmoid hardswish tanh tanh_ threshold threshold_ "
        "clamp clamp_ clamp_min clamp_min_ clamp_max clamp_max_ clip clip_ "
        "dropout dropout_ alpha_dropout dropout1d dropout2d dropout3d feature_dropout "
        "feature_alpha_dropout "
        # arithmetic
        "abs abs_ __abs__ absolute absolute_ neg neg_ __neg__ negative negative_ positive __pos__ "
        "square square_ erf erf_ erfc erfc_ sin sin_ cos cos_ sinc sinc_ "
        "atan atan_ arctan arctan_ atan2 atan2_ arctan2 arctan2_ asinh asinh_ arcsinh arcsinh_ "
        "deg2rad deg2rad_ rad2deg rad2deg_ ceil ceil_ floor floor_ round round_ trunc trunc_ fix "
        "fix_ frac frac_ sign sign_ sgn sgn_ signbit heaviside heaviside_ copysign copysign_ "
        "add add_ __add__ __radd__ __iadd__ sub sub_ subtract subtract_ rsub __sub__ __rsub__ "
        "__isub__ mul mul_ multiply multiply_ __mul__ __rmul__ __imul__ addcmul addcmul_ "
        "logaddexp logaddexp2 lerp lerp_ hypot hypot_ maximum minimum fmax fmin "
        # truth
        "eq eq_ __eq__ ne ne_ not_equal not_equal_ __ne__ lt lt_ less less_ __lt__ le le_ "
        "less_equal less_equal_ __le__ gt gt_ greater greater_ __gt__ ge ge_ greater_equal "
        "greater_equal_ __ge__ isclose isfinite isinf isnan isneginf isposinf isreal "
        "logical_and logical_and_ logical_not logical_not_ logical_or logical_or_ logical_xor "
        "logical_xor_ bitwise_and bitwise_and_ bitwise_not bitwise_not_ bitwise_or bitwise_or_ "
        "bitwise_xor bitwise_xor_ __and__ __iand__ __rand__ __or__ __ior__ __ror__ __xor__ "
        "__ixor__ __rxor__ __invert__"
    ),
    value_rules.alike: (
        "clone contiguous detach detach_ to type type_as float double half bfloat16 bool byte char "
        "short int long cpu cuda xpu pin_memory resolve_conj resolve_neg real "
        "fill_ zero_ bernoulli_ cauchy_ exponential_ geometric_ log_normal_ normal_ random_ "
        "uniform_"
    ),
    value_rules.choice: "where masked_fill masked_fill_ nan_to_num nan_to_num_",
    value_rules.quotient: (
        "div div_ divide divide_ true_divide true_divide_ __truediv__ __itruediv__ floor_divide "
        "floor_divide_ __floordiv__ __ifloordiv__ remainder remainder_ fmod fmod_ __mod__ __imod__"
    ),
    value_rules.power: "pow pow_ __pow__ __ipow__ float_power float_power_",
    value_rules.reduction: (
        "mean nanmean sum nansum var std var_mean std_mean amax amin aminmax argmax argmin all any "
        "count_nonzero logsumexp median nanmedian"
    ),
    value_rules.extremum: "max min",
    value_rules.mode: "mode",
    value_rules.rank: "kthvalue",
    value_rules.norm: "norm vector_norm",
    value_rules.along: "cumsum cumsum_ cummax cummin logcumsumexp sort argsort",
    value_rules.along_second: "topk diff",
    value_rules.along_first: "msort",
    value_rules.softmax: "softmax log_softmax softmin",
    value_rules.normalised: "normalize",
    value_rules.broadcast: "broadcast_tensors",
    value_rules.watched: "__format__ __repr__ numpy register_hook retain_grad",
    value_rules.mixing: (
        "local_response_norm multi_head_attention_forward "
        "native_layer_norm native_group_norm renorm renorm_"
    ),
    product_rules.matrix_product: "matmul __matmul__ __rmatmul__ bmm mm",
    product_rules.einstein_sum: "einsum",
    product_rules.attention: "scaled_dot_product_attention",
    pixel_rules.pooling: (
        "avg_pool1d avg_pool2d avg_pool3d "
        "adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d "
        "max_pool1d max_pool2d max_pool3d "
        "max_pool1d_with_indices max_pool2d_with_indices max_pool3d_with_indices "
        "adaptive_max_pool1d adaptive_max_pool2d adaptive_max_pool3d "
        "adaptive_max_pool1d_with_indices adaptive_max_pool2d_with_indices "
        "adaptive_max_pool3d_with_indices fractional_max_pool2d fractional_max_pool3d "
        "fractional_max_pool2d_with_indices fractional_max_pool3d_with_indices"
    ),
    pixel_rules.power_pooling: "lp_pool1d lp_pool2d lp_pool3d",
    pixel_rules.unpooling: "max_unpool1d max_unpool2d max_unpool3d",
    pixel_rules.spatial: "interpolate upsample upsample_bilinear upsample_nearest",
    pixel_rules.sampling: "grid_sample",
    pixel_rules.pad: "pad constant_pad_nd",
    pixel_rules.to_pixels: "pixel_shuffle",
    pixel_rules.from_pixels: "pixel_unshuffle",
    pixel_rules.from_patches: "fold",
    shape_rules.reshape: (
        "flatten ravel reshape reshape_as view view_as squeeze unsqueeze unflatten"
    ),
    shape_rules.transpose: "transpose swapaxes swapdims adjoint",
    shape_rules.reverse: "t",
    shape_rules.permute: "permute",
    shape_rules.move: "movedim moveaxis",
    shape_rules.concatenation: "cat concat concatenate",
    shape_rules.stack_of_dimension: "vstack row_stack hstack dstack",
    shape_rules.split: (
        "chunk split split_with_sizes tensor_split unsafe_chunk unsafe_split "
        "unsafe_split_with_sizes"
    ),
    shape_rules.split_of_dimension: "vsplit hsplit dsplit",
    shape_rules.halves: "glu",
    shape_rules.shuffle: "channel_shuffle native_channel_shuffle",
    shape_rules.stack: "stack",
    shape_rules.unbind: "unbind",
    shape_rules.expand: "expand expand_as broadcast_to",
    shape_rules.repeat: "repeat tile",
    shape_rules.repeat_each: "repeat_interleave",
    taking_rules.select: "select",
    taking_rules.narrow: "narrow narrow_copy",
    taking_rules.choose: "index_select",
    taking_rules.gather: "gather",
    shape_rules.roll: "roll",
    shape_rules.flip: "flip",
    shape_rules.mirror: "fliplr flipud",
    shape_rules.rotation: "rot90",
    shape_rules.triangle: "tril tril_ triu triu_",
    taking_rules.index: "__getitem__",
    shape_rules.creation: (
        "new_empty new_full new_ones new_tensor new_zeros "
        "empty_like full_like ones_like rand_like randn_like randint_like zeros_like"
    ),
}

_FUNCTIONS: dict[Any, Rule] = {
    F.unfold: pixel_rules.patches,
    Tensor.unfold: taking_rules.windows,
    **{
        getattr(Tensor, name).__get__: rule
        for rule, names in {
            value_rules.alike: "data real",
            shape_rules.reverse: "T",
            shape_rules.transpose: "H mT mH",
        }.items()
        for name in names.split()
    },
}
"""Functions whose name is that of another one, or is in none of these places."""

RULES: dict[Any, Rule] = {
    function: rule for rule, names in _OPERATORS.items() for function in _named(names)
} | _FUNCTIONS
