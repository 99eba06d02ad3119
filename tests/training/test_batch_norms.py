"""Earlier channels are normalised by running statistics while the context lasts, and no longer."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from plantnas.training.batch_norms import running_statistics

PLANTED = torch.tensor([False, True, False])


@pytest.fixture
def norm() -> nn.BatchNorm2d:
    torch.manual_seed(0)
    norm = nn.BatchNorm2d(3).train()
    norm(1 + torch.randn(8, 3, 4, 4))
    return norm


def test_in_training_planted_channels_alone_use_the_statistics_of_the_batch(
    norm: nn.BatchNorm2d,
) -> None:
    images = 2 + torch.randn(8, 3, 4, 4)
    by_running = functional.batch_norm(images, norm.running_mean, norm.running_var)
    by_batch = functional.batch_norm(images, None, None, training=True)
    with running_statistics(nn.Sequential(norm), {"0.running_mean": PLANTED}):
        normalised = norm(images)
    torch.testing.assert_close(normalised[:, ~PLANTED], by_running[:, ~PLANTED])
    torch.testing.assert_close(normalised[:, PLANTED], by_batch[:, PLANTED])


def test_earlier_running_statistics_stay_bit_for_bit(norm: nn.BatchNorm2d) -> None:
    before = norm.state_dict()["running_mean"].clone()
    with running_statistics(nn.Sequential(norm), {"0.running_mean": PLANTED}):
        norm(2 + torch.randn(8, 3, 4, 4))
    changed = norm.state_dict()["running_mean"] != before
    assert torch.equal(changed, PLANTED)


def test_the_network_is_an_ordinary_one_again_after_an_error(norm: nn.BatchNorm2d) -> None:
    with pytest.raises(ZeroDivisionError), running_statistics(nn.Sequential(norm), {}):
        _ = 1 / 0
    assert not norm._forward_hooks
