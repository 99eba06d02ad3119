"""What runs a network when it is timed."""

import pytest
import torch
from torch import Tensor, nn

from plantnas.errors import ConfigurationError, UnsupportedArchitecture
from plantnas.report.backends import BACKENDS, run_of


def tiny() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.Flatten())


@pytest.mark.parametrize("backend", BACKENDS)
def test_every_backend_computes_what_the_network_does(backend: str) -> None:
    network = tiny()
    with torch.no_grad():
        answers = run_of(network, torch.zeros(1, 3, 5, 5), 4, backend)()
        batch = torch.randn(4, 3, 5, 5, generator=torch.Generator().manual_seed(0))
        expected = network(batch)
    (first,) = answers if isinstance(answers, list) else (answers,)
    torch.testing.assert_close(torch.as_tensor(first), expected, rtol=1e-4, atol=1e-4)


def test_a_backend_that_there_is_not_is_refused_with_the_nearest() -> None:
    with pytest.raises(ConfigurationError, match=r"backend 'onnxruntim': unknown\. Did you mean"):
        run_of(tiny(), torch.zeros(1, 3, 5, 5), backend="onnxruntim")


def test_onnxruntime_runs_on_the_cpu_alone() -> None:
    with pytest.raises(ConfigurationError, match="runs on the device cpu alone, not on meta"):
        run_of(tiny(), torch.zeros(1, 3, 5, 5), backend="onnxruntime", device="meta")


def test_a_network_that_cannot_be_exported_is_told_in_a_line() -> None:
    class Decides(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            return images if images.sum() > 0 else -images

    with pytest.raises(UnsupportedArchitecture, match=r"Decides: torch\.export cannot export it"):
        run_of(Decides(), torch.zeros(1, 3, 5, 5), backend="torch.export")
