"""The optimisers by name: one for whole networks, one for planted entries alone."""

from collections.abc import Mapping, Sequence
from itertools import accumulate

import torch
from torch import Tensor, nn
from torch.optim.optimizer import ParamsT

from plantnas.config import Recipe


def torch_optimizer(parameters: ParamsT, recipe: Recipe) -> torch.optim.Optimizer:
    """The recipe's optimiser. Its learning rate is set before each step."""
    rate, decay = recipe.peak, recipe.weight_decay
    if recipe.optimizer == "sgd":
        momentum = recipe.betas[0]
        return torch.optim.SGD(
            parameters, lr=rate, momentum=momentum, nesterov=momentum > 0, weight_decay=decay
        )
    adam = torch.optim.AdamW if recipe.optimizer == "adamw" else torch.optim.Adam
    return adam(parameters, lr=rate, betas=recipe.betas, weight_decay=decay, fused=True)


class EntryOptimizer:
    """Trains chosen entries of a network's parameters and can touch nothing else.

    The parameters that have chosen entries become views of one flat vector, and their gradients
    views of another. The optimiser holds one parameter for each learning rate, the vector of the
    entries chosen for it: it never sees the others, whatever its momentum or weight decay, and a
    step costs a few operations instead of a few a tensor. Parameters without a chosen entry get no
    gradient.

    Attributes:
        values: The parameters with chosen entries, one behind the other.
        gradients: Theirs.
        offsets: {name: where in `values` the parameter begins}.
    """

    def __init__(
        self,
        network: nn.Module,
        chosen: Mapping[str, Tensor],
        recipe: Recipe,
        l2_sp: float = 0.0,
    ) -> None:
        """Re-binds the parameters of the network.

        Args:
            network: Its parameters are changed in place.
            chosen: For the name of each parameter to train, a tensor of its shape: for each entry,
                what multiplies the learning rate. Entries at 0, or False, are not trained.
            recipe: Optimiser and its settings.
            l2_sp: After a step, each entry goes its learning rate times this of the way back to
                where it is now: L2-SP (Li, Grandvalet and Davoine 2018, arXiv 1802.01483),
                decoupled from the gradient as AdamW's weight decay is.
        """
        trained = []
        for name, parameter in network.named_parameters():
            parameter.requires_grad_(name in chosen and bool(chosen[name].any()))
            if parameter.requires_grad:
                trained.append((name, parameter))
        self.values, self.gradients = flattened([parameter for _, parameter in trained])
        ends = accumulate(parameter.numel() for _, parameter in trained)
        self.offsets = dict(zip((name for name, _ in trained), (0, *ends), strict=False))
        factors = torch.cat([chosen[name].flatten().double() for name, _ in trained])
        self._factors = [value for value in torch.unique(factors).tolist() if value]
        self._indices = [
            (factors == value).nonzero().flatten().to(self.values.device) for value in self._factors
        ]
        self._entries = [nn.Parameter(self.values[index]) for index in self._indices]
        self._optimizer = torch_optimizer(
            [{"params": [entries]} for entries in self._entries], recipe
        )
        self._l2_sp = l2_sp
        self._origins = [entries.detach().clone() for entries in self._entries] if l2_sp else []

    @property
    def trained_entries(self) -> int:
        """The number of entries that are trained."""
        return sum(entries.numel() for entries in self._entries)

    def zero_grad(self) -> None:
        """Forgets the gradients."""
        self.gradients.zero_()

    def step(self) -> None:
        """Moves the chosen entries, and pulls them back towards their starts."""
        for index, entries in zip(self._indices, self._entries, strict=True):
            entries.grad = self.gradients[index]
        self._optimizer.step()
        for group, start in zip(self._optimizer.param_groups, self._origins, strict=False):
            (entries,) = group["params"]
            entries.detach().lerp_(start, min(1.0, group["lr"] * self._l2_sp))
        for index, entries in zip(self._indices, self._entries, strict=True):
            self.values[index] = entries.detach()

    def set_learning_rate(self, learning_rate: float) -> None:
        """The rate of the next step."""
        for group, factor in zip(self._optimizer.param_groups, self._factors, strict=True):
            group["lr"] = learning_rate * factor


def flattened(members: Sequence[nn.Parameter]) -> tuple[Tensor, Tensor]:
    """Makes the parameters views of one flat vector, and their gradients views of another.

    Returns:
        Both vectors; the gradients are zero.
    """
    values = torch.cat([parameter.detach().flatten() for parameter in members])
    gradients, start = torch.zeros_like(values), 0
    for parameter in members:
        end = start + parameter.numel()
        parameter.data = values[start:end].view(parameter.shape)
        parameter.grad = gradients[start:end].view(parameter.shape)
        start = end
    return values, gradients


def whole_network_optimizer(
    network: nn.Module, recipe: Recipe, l2_sp: float = 0.0
) -> EntryOptimizer:
    """Trains every parameter of the network; arguments as for `EntryOptimizer`."""
    every = {
        name: torch.ones(parameter.shape, dtype=torch.bool)
        for name, parameter in network.named_parameters()
    }
    return EntryOptimizer(network, every, recipe, l2_sp)
