"""What stands in for an operator on meta tensors is as the operator, but for the time it takes."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from plantnas.channels import on_meta, tracing
from plantnas.channels.groups import analyse

BOTH = (functional.batch_norm, on_meta.batch_norm)


def empty(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.empty(shape, device="meta", dtype=dtype)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_normalised_images_have_the_shape_and_type_that_torch_finds(
    training: bool, dtype: torch.dtype
) -> None:
    images, entries = empty(2, 3, 4, 5, dtype=dtype), empty(3, dtype=dtype)
    torchs, ours = (
        each(images, entries, entries, entries, entries, training=training) for each in BOTH
    )
    assert (ours.shape, ours.dtype, ours.device) == (torchs.shape, torchs.dtype, torchs.device)


@pytest.mark.parametrize("name", ["running_mean", "running_var", "weight", "bias"])
def test_a_tensor_of_another_width_is_refused_in_torchs_words(name: str) -> None:
    tensors = {each: empty(3) for each in ("running_mean", "running_var", "weight", "bias")}
    errors = []
    for each in BOTH:
        with pytest.raises(RuntimeError) as error:
            each(empty(2, 3, 4, 5), **tensors | {name: empty(4)})
        errors.append(str(error.value))
    assert errors[0] == errors[1]


def test_one_value_a_channel_is_refused_in_training_as_torch_does() -> None:
    for each in BOTH:
        with pytest.raises(ValueError, match="more than 1 value per channel"):
            each(empty(1, 3, 1, 1), empty(3), empty(3), training=True)


def test_images_with_values_are_normalised() -> None:
    images = torch.randn(2, 3, 4, 5, generator=torch.Generator().manual_seed(0))
    torchs, ours = (each(images, None, None, training=True) for each in BOTH)
    assert torch.equal(torchs, ours)


@pytest.mark.parametrize("function", on_meta.ACTIVATIONS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_an_activation_has_the_shape_and_type_that_torch_finds(function, dtype) -> None:
    images = empty(2, 3, 4, 5, dtype=dtype).to(memory_format=torch.channels_last)
    torchs, ours = (each(images) for each in (function, on_meta.STAND_INS[function]))
    assert (ours.shape, ours.dtype, ours.device) == (torchs.shape, torchs.dtype, torchs.device)
    assert ours.stride() == torchs.stride()


@pytest.mark.parametrize("function", on_meta.ACTIVATIONS)
def test_an_activation_is_in_place_where_torchs_is(function) -> None:
    both = (function, on_meta.STAND_INS[function])
    for images in (empty(2, 3), torch.zeros(2, 3)):
        assert [each(images) is images for each in both] == [False, False]
        assert [each(images, inplace=True) is images for each in both] == [True, True]


def test_an_activation_takes_its_arguments_by_place_too() -> None:
    images, stand_in = empty(2, 3), on_meta.STAND_INS[functional.hardtanh]
    assert stand_in(images, -1.0, 1.0, True) is images
    assert stand_in(images, -1.0, 1.0) is not images


def test_an_activation_of_whole_numbers_has_torchs_type() -> None:
    numbers = empty(2, 3, dtype=torch.int64)
    for function in (functional.relu, functional.hardsigmoid):
        assert on_meta.STAND_INS[function](numbers).dtype == function(numbers).dtype


X = empty(2, 3, 4, 5)
LAST = X.to(memory_format=torch.channels_last)
WHOLE = empty(2, 3, 4, 5, dtype=torch.int64)
CALLS = [
    *((each, (X,)) for each in on_meta.OF_ONE),
    (torch.relu, (LAST,)),
    (torch.relu, (WHOLE,)),
    *((each, (X, other)) for each in on_meta.OF_TWO for other in (X, 2, 0.5)),
    (torch.add, (LAST, LAST)),
    (torch.add, (LAST, X)),
    (torch.add, (X, empty(1, 3, 1, 1))),
    (torch.add, (empty(1, 3, 1, 1), X)),
    (torch.mul, (X, X.double())),
    (torch.mul, (WHOLE, 0.5)),
    (torch.mul, (X, 1j)),
    (torch.mul, (X, torch.tensor(2.0))),
    (torch.mean, (X,)),
    (torch.mean, (X, (2, 3))),
    (Tensor.mean, (X, 1, True)),
    (Tensor.mean, (LAST, (2, 3), True)),
    (functional.adaptive_avg_pool2d, (X, 1)),
    (functional.adaptive_avg_pool2d, (X, (1, 1))),
    (functional.adaptive_avg_pool2d, (X[0], 1)),
    (functional.adaptive_avg_pool2d, (X, (2, None))),
    (torch.cat, ([X, X], 1)),
    (torch.cat, ((X, empty(2, 3, 4, 7)), -1)),
    (torch.cat, ([LAST, LAST], 1)),
    (torch.cat, ([X, WHOLE], 1)),
    (torch.cat, ([X, X],)),
    (functional.linear, (X, empty(7, 5), empty(7))),
    (functional.linear, (X[0, 0], empty(7, 5), empty(7))),
    (functional.linear, (X, empty(7, 5))),
    (functional.layer_norm, (X, (4, 5), empty(4, 5), empty(4, 5))),
    (functional.layer_norm, (LAST, (5,), empty(5))),
    (functional.dropout, (LAST, 0.5)),
    (functional.dropout, (LAST, 0.5, False)),
    (functional.dropout, (X, 0.5, True, True)),
]
"""Where stand-ins know the result, and where they are to ask torch."""


@pytest.mark.parametrize(("function", "args"), CALLS)
def test_a_result_has_the_shape_type_and_strides_that_torch_finds(function, args) -> None:
    torchs, ours = (each(*args) for each in (function, on_meta.STAND_INS[function]))
    assert (ours.shape, ours.dtype, ours.device) == (torchs.shape, torchs.dtype, torchs.device)
    assert ours.stride() == torchs.stride()
    assert (ours is args[0]) == (torchs is args[0])


@pytest.mark.parametrize(
    ("function", "args"),
    [
        (torch.add, (X, empty(2, 4, 4, 5))),
        (torch.cat, ([X, empty(2, 3, 3, 5)], 1)),
        (torch.cat, ([X, X[0]], 1)),
        (torch.cat, ([X, X], 4)),
        (functional.linear, (X, empty(7, 4), empty(7))),
        (functional.linear, (X, empty(7, 5), empty(6))),
        (functional.layer_norm, (X, (5,), empty(4))),
        (functional.layer_norm, (X, (4,), empty(4))),
        (torch.mean, (WHOLE,)),
        (torch.mean, (X, 7)),
    ],
)
def test_what_does_not_fit_is_refused_as_torch_refuses_it(function, args) -> None:
    errors = []
    for each in (function, on_meta.STAND_INS[function]):
        with pytest.raises((RuntimeError, IndexError)) as error:
            each(*args)
        errors.append(type(error.value))
    assert errors[0] == errors[1]


@pytest.mark.parametrize("dimensions", [1, 2, 3])
def test_a_transposed_convolution_refuses_other_channels_as_it_does_with_values(
    dimensions: int,
) -> None:
    function = on_meta.TRANSPOSED[dimensions - 1]
    stand_in, pixels = on_meta.STAND_INS[function], (4,) * dimensions
    images, weight = torch.zeros(2, 3, *pixels), torch.zeros(1, 2, *(2,) * dimensions)
    with pytest.raises(RuntimeError) as torchs:
        function(images, weight)
    for given in ((images.to("meta"), weight.to("meta")), (images[0].to("meta"), weight)):
        with pytest.raises(RuntimeError, match="to have 1 channels, but got 3 channels instead"):
            stand_in(*given)
    with pytest.raises(RuntimeError) as ours:
        stand_in(images.to("meta"), weight=weight.to("meta"))
    assert str(ours.value) == str(torchs.value)
    fitting = torch.zeros(3, 2, *(2,) * dimensions, device="meta")
    assert stand_in(images.to("meta"), fitting).shape == (2, 2, *(5,) * dimensions)


def test_what_is_passed_by_its_name_is_taken() -> None:
    weight, bias = empty(7, 5), empty(7)
    assert on_meta.STAND_INS[functional.linear](input=X, weight=weight, bias=bias).shape[-1] == 7
    assert on_meta.STAND_INS[torch.relu](input=X).shape == X.shape
    assert on_meta.STAND_INS[torch.add](X, other=X).shape == X.shape
    assert on_meta.STAND_INS[torch.mean](input=X, dim=(2, 3)).shape == (2, 3)
    assert on_meta.STAND_INS[torch.cat](tensors=[X, X], dim=1).shape[1] == 6


def test_values_are_computed_by_torch() -> None:
    ones = torch.ones(2, 3)
    for function in (torch.relu, torch.mean):
        assert torch.equal(on_meta.STAND_INS[function](ones), function(ones))
    assert torch.equal(on_meta.STAND_INS[torch.add](ones, ones), ones + ones)
    assert torch.equal(on_meta.STAND_INS[torch.cat]([ones, ones], 1), torch.cat([ones, ones], 1))


@pytest.mark.slow
def test_the_structure_is_what_it_is_without_stand_ins(network, monkeypatch) -> None:
    monkeypatch.setattr(tracing, "STAND_INS", {})
    assert analyse(network.model, network.images) == network.structure


@pytest.mark.parametrize(
    ("function", "args", "position", "is_so"),
    [
        (torch.mul, (empty(2, 1, 4, 4), empty(1, 1, 1)), -3, True),
        (Tensor.add_, (empty(2, 1, 4, 4), empty(2, 1, 1, 1)), -3, True),
        (functional.prelu, (empty(2, 1, 4, 4), empty(1)), -3, True),
        (functional.batch_norm, (empty(2, 1, 4, 4), empty(1), empty(1)), -3, False),
        (functional.conv2d, (empty(2, 1, 4, 4), empty(1, 1, 3, 3), empty(1)), -3, False),
        (functional.linear, (empty(2, 1), empty(3, 1)), -1, False),
    ],
)
def test_a_function_broadcasts_if_one_of_its_tensors_may_have_more_channels_alone(
    function, args, position: int, is_so: bool
) -> None:
    assert on_meta.broadcasts(function, args, {}, position) == is_so
