"""Fresh weights for modules whose tensors got new shapes. What is kept is in planting.py."""

import copy
import math
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from plantnas.channels.resizing import named_tensors


def initialise(
    child: nn.Module,
    modules: Iterable[nn.Module],
    parents: Mapping[str, Tensor],
    generator: torch.Generator | None,
) -> None:
    """Draw the weights of these modules anew, as their own `reset_parameters` does.

    A tensor whose shape changed and whose module cannot draw it gets the old values' mean if it has
    one value a channel (layer scale), else torch's default for linear layers (He et al. 2015,
    arXiv 1502.01852, uniform).

    Args:
        child: The network whose modules are drawn, in place.
        modules: Modules of the child.
        parents: The tensors of the network that the child was made from, by name.
        generator: Gives the seed of all draws, which are made on the CPU so that every device gets
            the same; torch's default generator if None, which is otherwise left as it was.
    """
    seed = int(torch.randint(2**62, (), generator=generator))
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.default_generator.manual_seed(seed)
        for name, tensor in named_tensors(child).items():
            owner = child.get_submodule(name.rpartition(".")[0])
            if tensor.shape != parents[name].shape and not hasattr(owner, "reset_parameters"):
                tensor.copy_(_default(parents[name], tensor.shape))
        for module in modules:
            _reset(module)


def _default(parent: Tensor, shape: torch.Size) -> Tensor:
    if sum(size > 1 for size in shape) <= 1:
        return parent.mean().expand(shape)
    return nn.init.kaiming_uniform_(parent.new_empty(shape, device="cpu"), a=math.sqrt(5))


def _reset(module: nn.Module) -> None:
    if hasattr(module, "reset_parameters"):
        fresh: Any = copy.deepcopy(module).cpu()
        fresh.reset_parameters()
        module.load_state_dict(fresh.state_dict())
