"""What products of activations do to channels: sums over them freeze, other dimensions do not."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from plantnas.channels.groups import channel_groups

IMAGE = torch.zeros(1, 3, 16, 16)


def _reason(between, code, **modules) -> str:
    return str(channel_groups(between(code, **modules), IMAGE)["first"].frozen)


def _attended(x, weights):
    """Values by weights: images x pixels x channels."""
    return (weights @ x.flatten(2).transpose(1, 2)).transpose(1, 2).unflatten(2, (16, 16))


@pytest.mark.parametrize(
    "code",
    [
        lambda m, x: _attended(x, x.new_ones(1, 256, 256)),
        lambda m, x: x @ x.new_ones(16, 16),
        lambda m, x: x.new_ones(1, 1, 16, 16) @ x,
        lambda m, x: torch.matmul(input=x, other=x),
        lambda m, x: torch.einsum("nchw,ncwv->nchv", x, x),
        lambda m, x: torch.einsum("nchw,hk->nckw", x, x.new_ones(16, 16)),
    ],
)
def test_products_along_pixels_are_followed(between, code):
    assert _reason(between, code) == "None"


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (lambda m, x: _attended(x, x.flatten(2).transpose(1, 2) @ x.flatten(2)), "over channels"),
        (lambda m, x: x * torch.einsum("nchw,nchw->nhw", x, x)[:, None], "einsum over channels"),
        (lambda m, x: x * torch.einsum("nchw,kchw->nk", x, x).sum(), "einsum over channels"),
        (lambda m, x: x * torch.einsum("n...,n...->n", x, x).sum(), "einsum as it is written"),
        (lambda m, x: x * (x @ x.new_ones(16))[..., None], "with a vector"),
        (lambda m, x: x @ x.new_ones(1, 4, 16, 16), "could not be followed"),
    ],
)
def test_sums_over_channels_freeze_them(between, code, reason):
    assert reason in _reason(between, code)


def test_attention_sums_over_the_channels_of_queries_and_keys_but_not_of_values(between):
    def code(model, x):
        query, key = model.query(x).flatten(2).mT, model.key(x).flatten(2).mT
        found = F.scaled_dot_product_attention(query, key, x.flatten(2).mT)
        return found.mT.unflatten(2, (16, 16))

    model = between(code, query=nn.Conv2d(4, 3, 1), key=nn.Conv2d(4, 3, 1))
    groups = channel_groups(model, IMAGE)
    assert groups["first"].growable
    for name in ("query", "key"):
        assert "attention, which sums over them" in str(groups[name].frozen)
