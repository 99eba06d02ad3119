"""New channels as each layer draws its own at the new width."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from plantnas.channels.initialising import Grown
from plantnas.channels.resizing import named_tensors
from plantnas.modules import copied


def fill(grown: Grown) -> None:
    """Draws all modules that own a tensor of another shape anew, as `draw_anew` says.

    New BatchNorm entries are weight 1, bias 0, mean 0, variance 1, then.
    """
    owners = dict.fromkeys(name.rpartition(".")[0] for name in grown.changed)
    modules = map(grown.network.get_submodule, owners)
    draw_anew(grown.network, modules, named_tensors(grown.parent), grown.generator)


def draw_anew(
    network: nn.Module,
    modules: Iterable[nn.Module],
    parents: Mapping[str, Tensor],
    generator: torch.Generator | None,
) -> None:
    """Draws the weights of these modules anew, in place, as their own `reset_parameters` does.

    A tensor whose shape changed and whose module cannot draw it gets the old values' mean if it has
    one value a channel (layer scale), else torch's default for linear layers (He et al. 2015,
    arXiv 1502.01852, uniform).

    Args:
        network: The network that has the modules.
        modules: Those of it that are drawn.
        parents: The tensors of the network that it was made from, by name.
        generator: Gives the seed of all draws, which are made on the CPU so that every device gets
            the same; torch's default generator if None, which is otherwise left as it was.
    """
    seed = int(torch.randint(2**62, (), generator=generator))
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.default_generator.manual_seed(seed)
        for name, tensor in named_tensors(network).items():
            owner, old = network.get_submodule(name.rpartition(".")[0]), parents[name]
            if tensor.shape == old.shape or hasattr(owner, "reset_parameters"):
                continue
            if sum(size > 1 for size in tensor.shape) <= 1:
                tensor.copy_(old.mean())
            else:
                drawn = old.new_empty(tensor.shape, device="cpu")
                tensor.copy_(nn.init.kaiming_uniform_(drawn, a=math.sqrt(5)))
        for module in modules:
            if hasattr(module, "reset_parameters"):
                on_cpu = all(tensor.is_cpu for tensor in module.state_dict().values())
                fresh: Any = module if on_cpu else copied(module).cpu()
                fresh.reset_parameters()
                if fresh is not module:
                    module.load_state_dict(fresh.state_dict())
