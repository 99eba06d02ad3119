"""The regression of every layer kind: its patches times its weight are its outputs."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from plantnas.channels.patches import layer_call

CALLS: dict[str, tuple[Callable[..., Tensor], tuple[int, ...], tuple[int, ...], dict[str, Any]]] = {
    "a linear layer": (F.linear, (5, 6), (4, 6), {}),
    "a linear layer of tokens": (F.linear, (3, 7, 6), (4, 6), {}),
    "a convolution": (torch.conv2d, (3, 6, 9, 8), (4, 6, 3, 3), {}),
    "kernel, stride, padding, dilation": (
        torch.conv2d,
        (3, 6, 9, 8),
        (4, 6, 3, 2),
        {"stride": (2, 1), "padding": (1, 3), "dilation": (2, 3)},
    ),
    "padding 'same'": (
        torch.conv2d, (3, 6, 9, 8), (4, 6, 4, 3), {"padding": "same", "dilation": 2},
    ),
    "padding 'valid'": (torch.conv2d, (3, 6, 9, 8), (4, 6, 3, 3), {"padding": "valid"}),
    "a grouped convolution": (torch.conv2d, (3, 6, 5, 5), (4, 3, 3, 3), {"groups": 2}),
    "a depthwise convolution": (
        torch.conv2d, (3, 6, 5, 5), (6, 1, 3, 3), {"groups": 6, "padding": 1, "stride": 2},
    ),
    "a depthwise convolution of two rows a channel": (
        torch.conv2d, (3, 4, 5, 5), (8, 1, 3, 3), {"groups": 4},
    ),
    "one dimension": (torch.conv1d, (3, 6, 9), (4, 6, 3), {"padding": 1}),
    "three dimensions": (torch.conv3d, (2, 3, 5, 4, 6), (4, 3, 2, 3, 3), {"padding": (0, 1, 1)}),
    "a transposed convolution": (torch.conv_transpose2d, (3, 6, 5, 4), (6, 4, 3, 2), {}),
    "stride, padding, dilation of a transposed one": (
        torch.conv_transpose2d,
        (3, 6, 5, 4),
        (6, 4, 3, 3),
        {"stride": (2, 3), "padding": (1, 0), "dilation": (1, 2), "output_padding": (1, 2)},
    ),
    "a grouped transposed convolution": (
        torch.conv_transpose2d, (3, 6, 5, 4), (6, 2, 3, 3), {"groups": 3, "stride": 2},
    ),
    "a transposed one of one dimension": (torch.conv_transpose1d, (3, 6, 5), (6, 4, 3), {}),
}  # fmt: skip


@pytest.mark.parametrize("case", CALLS)
def test_the_weight_times_the_patches_is_what_the_layer_computes(case: str) -> None:
    function, input_shape, weight_shape, settings = CALLS[case]
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(input_shape, generator=generator, dtype=torch.float64)
    weight = torch.randn(weight_shape, generator=generator, dtype=torch.float64)
    call = layer_call(function, (x, weight), settings)
    assert call is not None
    result, places = function(x, weight, **settings), torch.arange(call.outputs)
    computed = call.inputs_at(places) @ call.by_group(weight).mT  # groups x places x rows
    expected = call.outputs_at(result, places)
    torch.testing.assert_close(computed.transpose(0, 1).flatten(1), expected)


@pytest.mark.parametrize("case", CALLS)
def test_a_weight_that_is_written_by_group_is_the_weight(case: str) -> None:
    function, input_shape, weight_shape, settings = CALLS[case]
    weight = torch.randn(weight_shape, generator=torch.Generator().manual_seed(1))
    call = layer_call(function, (torch.zeros(input_shape), weight.clone()), settings)
    assert call is not None
    call.weight.zero_()
    call.set_weight(call.by_group(weight))
    assert torch.equal(call.weight, weight)


def test_the_places_of_a_call_are_those_of_its_output() -> None:
    x, weight = torch.randn(2, 3, 5, 5), torch.randn(4, 3, 3, 3)
    call = layer_call(torch.conv2d, (), {"input": x, "weight": weight, "padding": 1})
    assert call is not None
    result = torch.conv2d(x, weight, padding=1)
    at = call.outputs_at(result, torch.tensor([0, 6, 25]))
    assert torch.equal(
        at, torch.stack([result[0, :, 0, 0], result[0, :, 1, 1], result[1, :, 0, 0]])
    )


def test_what_is_no_layer_with_a_weight_is_no_call() -> None:
    assert layer_call(F.relu, (torch.zeros(2, 3),), {}) is None


def test_an_image_without_a_batch_is_no_call() -> None:
    assert layer_call(torch.conv2d, (torch.zeros(3, 5, 5), torch.zeros(4, 3, 3, 3)), {}) is None
