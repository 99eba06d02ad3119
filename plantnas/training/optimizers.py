"""The optimisers by name, for whole networks or for planted entries alone.

Torch's functions do the arithmetic. Its classes around them import its compiler, which takes two
seconds of each process.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate

import torch
from torch import Tensor, nn
from torch.optim.adam import adam
from torch.optim.sgd import sgd

from plantnas.config import Recipe

Move = Callable[[Tensor, float], None]
"""Moves the values of one vector, of which it keeps the moments, by their gradients and a rate."""


def move_of(values: Tensor, recipe: Recipe) -> Move:
    """A step of the recipe's optimiser, as `torch.optim` makes it of one parameter."""
    return _by_momentum(values, recipe) if recipe.optimizer == "sgd" else _by_adam(values, recipe)


def _by_momentum(values: Tensor, recipe: Recipe) -> Move:
    momenta: list[Tensor | None] = [None]

    def move(gradients: Tensor, rate: float) -> None:
        sgd(
            *([values], [gradients], momenta),
            weight_decay=recipe.weight_decay,
            momentum=recipe.betas[0],
            lr=rate,
            dampening=0.0,
            nesterov=recipe.betas[0] > 0,
            maximize=False,
        )

    return move


def _by_adam(values: Tensor, recipe: Recipe) -> Move:
    firsts, seconds = [torch.zeros_like(values)], [torch.zeros_like(values)]
    steps = [torch.zeros((), dtype=torch.float32, device=values.device)]

    def move(gradients: Tensor, rate: float) -> None:
        adam(
            *([values], [gradients], firsts, seconds, [], steps),
            fused=True,
            decoupled_weight_decay=recipe.optimizer == "adamw",
            amsgrad=False,
            beta1=recipe.betas[0],
            beta2=recipe.betas[1],
            lr=rate,
            weight_decay=recipe.weight_decay,
            eps=1e-8,
            maximize=False,
        )

    return move


class EntryOptimizer:
    """Trains chosen entries of a network's parameters and can touch nothing else.

    The parameters that have chosen entries become views of one flat vector, and their gradients
    views of another. The optimiser is given one vector for each learning rate, of the entries
    chosen for it: it never sees the others, whatever its momentum or weight decay, and a step costs
    a few operations instead of a few a tensor. Parameters without a chosen entry get no gradient.

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
        factors = torch.cat([chosen[name].flatten().cpu().double() for name, _ in trained])
        self._factors = [value for value in torch.unique(factors).tolist() if value]
        self._indices = [
            (factors == value).nonzero().flatten().to(self.values.device) for value in self._factors
        ]
        self._entries = [self.values[index] for index in self._indices]
        self._moves = [move_of(entries, recipe) for entries in self._entries]
        self._learning_rate = recipe.peak
        self._l2_sp = l2_sp
        self._origins = [entries.clone() for entries in self._entries] if l2_sp else []

    @property
    def trained_entries(self) -> int:
        """The number of entries that are trained."""
        return sum(entries.numel() for entries in self._entries)

    def zero_grad(self) -> None:
        """Forgets the gradients."""
        self.gradients.zero_()

    def step(self) -> None:
        """Moves the chosen entries, and pulls them back towards their starts."""
        rates = [self._learning_rate * factor for factor in self._factors]
        for index, move, rate in zip(self._indices, self._moves, rates, strict=True):
            move(self.gradients[index], rate)
        for entries, start, rate in zip(self._entries, self._origins, rates, strict=False):
            entries.lerp_(start, min(1.0, rate * self._l2_sp))
        for index, entries in zip(self._indices, self._entries, strict=True):
            self.values[index] = entries

    def set_learning_rate(self, learning_rate: float) -> None:
        """The rate of the next step."""
        self._learning_rate = learning_rate


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
