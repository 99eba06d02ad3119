"""Narrow BatchNorms compute what torch's own do, forward and backward."""

from copy import deepcopy

import pytest
import torch
from torch import Tensor, nn

from plantnas.training.narrow_norms import NarrowBatchNorm, quicken


@pytest.fixture(params=[2, 3, 4])
def norm(request: pytest.FixtureRequest) -> nn.BatchNorm2d:
    norm = nn.BatchNorm2d(request.param)
    nn.init.uniform_(norm.weight, 0.5, 1.5)
    nn.init.uniform_(norm.bias)
    return norm


def images_of(norm: nn.BatchNorm2d) -> Tensor:
    images = 1 + 2 * torch.randn(6, norm.num_features, 5, 8)
    return images.contiguous(memory_format=torch.channels_last).requires_grad_()


def test_a_step_is_that_of_torchs_own(norm: nn.BatchNorm2d) -> None:
    narrow, images = deepcopy(norm), images_of(norm)
    quicken(narrow)
    assert isinstance(narrow, NarrowBatchNorm)
    found = []
    for each in (norm, narrow):
        images.grad = None
        output = each.train()(images)
        (output * torch.arange(8)).square().mean().backward()
        found.append((output, images.grad, each.weight.grad, each.bias.grad, *each.buffers()))
    for own, ours in zip(*found, strict=True):
        assert own is not None
        assert ours is not None
        torch.testing.assert_close(ours, own, rtol=1e-4, atol=1e-5)
    assert found[1][0].is_contiguous(memory_format=torch.channels_last)


def test_in_eval_mode_nothing_is_different(norm: nn.BatchNorm2d) -> None:
    narrow, images = deepcopy(norm).eval(), images_of(norm)
    quicken(narrow)
    assert torch.equal(narrow(images), norm.eval()(images))


def test_wide_ones_stay_as_they_are() -> None:
    network = nn.Sequential(nn.BatchNorm2d(8), nn.BatchNorm2d(1), nn.BatchNorm2d(2))
    quicken(network)
    kinds = [type(module) for module in network]
    assert kinds == [nn.BatchNorm2d, nn.BatchNorm2d, NarrowBatchNorm]
