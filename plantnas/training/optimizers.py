"""The optimisers by name: one for whole networks, one for planted entries alone."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from plantnas.config import Recipe


def torch_optimizer(parameters: list[nn.Parameter], recipe: Recipe) -> torch.optim.Optimizer:
    """The recipe's optimiser. Its learning rate is set before each step."""
    rate, decay = recipe.learning_rate, recipe.weight_decay
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
    views of another. The optimiser holds a single parameter, the vector of the chosen entries: it
    never sees the others, whatever its momentum or weight decay, and a step costs a few
    operations instead of a few a tensor. Parameters without a chosen entry get no gradient.
    """

    def __init__(self, network: nn.Module, chosen: Mapping[str, Tensor], recipe: Recipe) -> None:
        """Re-binds the parameters of the network.

        Args:
            network: Its parameters are changed in place.
            chosen: For the name of each parameter to train, a bool mask of its shape.
            recipe: Optimiser and its settings.
        """
        trained = []
        for name, parameter in network.named_parameters():
            parameter.requires_grad_(name in chosen and bool(chosen[name].any()))
            if parameter.requires_grad:
                trained.append((name, parameter))
        self._all = torch.cat([parameter.detach().flatten() for _, parameter in trained])
        self._gradients = torch.zeros_like(self._all)
        mask = torch.cat([chosen[name].flatten() for name, _ in trained])
        self._index = mask.nonzero().flatten().to(self._all.device)
        start = 0
        for _, parameter in trained:
            end = start + parameter.numel()
            parameter.data = self._all[start:end].view(parameter.shape)
            parameter.grad = self._gradients[start:end].view(parameter.shape)
            start = end
        self._entries = nn.Parameter(self._all[self._index])
        self._optimizer = torch_optimizer([self._entries], recipe)

    @property
    def trained_entries(self) -> int:
        """How many numbers are trained."""
        return self._entries.numel()

    def zero_grad(self) -> None:
        """Forgets the gradients."""
        self._gradients.zero_()

    def step(self) -> None:
        """Moves the chosen entries."""
        self._entries.grad = self._gradients[self._index]
        self._optimizer.step()
        self._all[self._index] = self._entries.detach()

    def set_learning_rate(self, learning_rate: float) -> None:
        """The rate of the next step."""
        self._optimizer.param_groups[0]["lr"] = learning_rate


def whole_network_optimizer(network: nn.Module, recipe: Recipe) -> EntryOptimizer:
    """Trains every parameter of the network."""
    every = {
        name: torch.ones(parameter.shape, dtype=torch.bool)
        for name, parameter in network.named_parameters()
    }
    return EntryOptimizer(network, every, recipe)
