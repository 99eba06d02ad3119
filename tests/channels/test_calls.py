"""How arguments are found, wherever and by whatever name they are passed."""

from typing import Any

import pytest
import torch

from plantnas.channels.calls import Call

X = torch.zeros(2, 3, 4, 5)


def _call(*args: Any, **kwargs: Any) -> Call:
    return Call(torch.sum, args, kwargs, None)


@pytest.mark.parametrize(
    "call",
    [_call(X, 1), _call(X, dim=1), _call(X, axis=1), _call(axis=1, x=X), _call(dim=1, input=X)],
)
def test_an_argument_has_a_place_and_names(call: Call) -> None:
    assert call.argument(1, "dim") == 1
    assert call.input is X
    assert call.dimensions(1, "dim") == {1}


def test_an_argument_that_is_not_given_has_a_default() -> None:
    assert _call(X).argument(1, "dim", 7) == 7


@pytest.mark.parametrize("call", [_call(X), _call(X, None), _call(X, ()), _call(X, False)])
def test_no_dimensions_are_all_of_them(call: Call) -> None:
    """The second argument of `var` may also be whether it is unbiased."""
    assert call.dimensions(1, "dim") == {0, 1, 2, 3}


def test_dimensions_are_counted_from_the_end_too() -> None:
    assert _call(X, dim=(-1, 0)).dimensions(1, "dim") == {3, 0}


@pytest.mark.parametrize("call", [_call(X, 2, 3), _call(X, (2, 3)), _call(X, dims=[2, 3])])
def test_the_last_integers_may_be_given_one_by_one(call: Call) -> None:
    assert tuple(call.listed(1, "dims")) == (2, 3)


def test_others_are_all_tensors_but_the_first_argument() -> None:
    weight = torch.ones(1)
    assert _call(weight=weight, input=X).others == [weight]
