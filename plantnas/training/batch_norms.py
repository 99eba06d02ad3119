"""BatchNorms whose earlier channels keep their running statistics while a network is trained.

Which recipe asks for it is in planted.py.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm


@contextmanager
def running_statistics(network: nn.Module, planted: Mapping[str, Tensor]) -> Iterator[None]:
    """Normalises the earlier channels of each BatchNorm by their running statistics, as they are.

    Args:
        network: Its BatchNorms are changed while the context lasts.
        planted: For each tensor of the state_dict with planted entries, a bool mask.
    """
    hooks = [
        module.register_forward_hook(
            _RunningStatistics(module, planted.get(f"{name}.running_mean"))
        )
        for name, module in network.named_modules()
        if isinstance(module, _BatchNorm)
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


class _RunningStatistics:
    """A forward hook: in train mode, only planted channels use and update batch statistics."""

    def __init__(self, batch_norm: _BatchNorm, planted: Tensor | None) -> None:
        assert batch_norm.running_mean is not None
        assert batch_norm.running_var is not None
        self._mean = batch_norm.running_mean.clone()
        self._variance = batch_norm.running_var.clone()
        none = torch.zeros(self._mean.shape, dtype=torch.bool)
        self._planted = (none if planted is None else planted).to(self._mean.device)

    def __call__(self, module: Any, args: tuple[Tensor, ...], output: Tensor) -> Tensor:
        if not module.training:
            return output
        # New tensors: the gradient's computation still needs the ones that the module updated.
        module.running_mean = torch.where(self._planted, module.running_mean, self._mean)
        module.running_var = torch.where(self._planted, module.running_var, self._variance)
        by_running = functional.batch_norm(
            args[0], self._mean, self._variance, module.weight, module.bias, eps=module.eps
        )
        shape = (1, -1) + (1,) * (output.ndim - 2)
        return torch.where(self._planted.view(shape), output, by_running)
