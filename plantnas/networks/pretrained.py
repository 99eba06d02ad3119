"""Weights that a network starts from: a library's pretrained ones, or a user's checkpoint.

How a checkpoint is read is in checkpoints.py, and where pretrained ones are from in hubs.py.
"""

from collections.abc import Set
from typing import NamedTuple

from torch import nn

from plantnas.errors import ConfigurationError, one_line
from plantnas.handed import is_handed
from plantnas.networks import WEIGHTS, are_made
from plantnas.networks.checkpoints import Checkpoint, read_checkpoint, unwrapped
from plantnas.networks.handed_models import module_of
from plantnas.networks.hubs import pretrained_state
from plantnas.networks.states import load_state, problem_of
from plantnas.search_space import DEFAULT, HUB, SearchSpace

MOST_NAMED = 4
"""Tensors that a message names."""


class Fit(NamedTuple):
    """What a network took of a checkpoint.

    Attributes:
        source: Where the tensors are from, in words.
        taken: How many it took.
        fresh: The names of those of its own that stay as they were drawn: a classifier's.
        beside: The names of those of the checkpoint that are no part of it.
    """

    source: str
    taken: int
    fresh: list[str]
    beside: list[str]

    def __str__(self) -> str:
        """All of it, in a line."""
        told = f"{self.taken} of {self.taken + len(self.fresh)} tensors from {self.source}"
        if self.fresh:
            told += f"; {len(self.fresh)} left as drawn: {_named(self.fresh)}"
        if self.beside:
            told += f"; {len(self.beside)} of the checkpoint not used: {_named(self.beside)}"
        return told


def load_pretrained(
    network: nn.Module, space: SearchSpace, weights: str, classifier: Set[str]
) -> Fit:
    """Gives a network pretrained weights, in place.

    Args:
        network: At the widths of the weights. Its classifier stays as it is where the weights' has
            another shape, as it has for another number of classes, or is not there.
        space: What the network was built from.
        weights: `DEFAULT` or a name of the hub's, from the disk or downloaded; the name of a module
            that was handed over; of a function that makes them (`WEIGHTS`); or the path of a
            checkpoint, of safetensors or of torch.
        classifier: Names of the tensors of the network's last layers.

    Raises:
        ConfigurationError: The weights cannot be had, or are not of this architecture.
    """
    place = f"search_space.teacher.weights: {weights}"
    if is_handed(weights):
        checkpoint = Checkpoint(dict(module_of(weights).state_dict()), "the model")
    elif weights == DEFAULT or weights.startswith(HUB):
        checkpoint = Checkpoint(pretrained_state(space, weights), f"{weights} weights")
    elif are_made(weights):
        checkpoint = Checkpoint(dict(WEIGHTS.find(weights)()), weights)
    else:
        checkpoint = read_checkpoint(weights, place)
    own = network.state_dict()
    problem = problem_of(checkpoint.state, {})
    if problem is not None:
        raise ConfigurationError(f"{place}: {problem}")
    state, prefix, beside = unwrapped(checkpoint.state, own.keys())
    problem = problem_of(state, own)
    if problem is not None:
        raise ConfigurationError(f"{place}: {problem}")
    fresh = [
        name
        for name in own
        if name in classifier and (name not in state or state[name].shape != own[name].shape)
    ]
    try:
        load_state(network, state | {name: own[name] for name in fresh})
    except Exception as error:  # a module of the user's may have code of its own for it
        first, *more_lines = (line.strip() for line in str(error).splitlines() or [repr(error)])
        reasons = more_lines or [first]
        more = f" And {len(reasons) - 1} more." if len(reasons) > 1 else ""
        raise ConfigurationError(
            f"{place}: does not fit {space.architecture!r}: {_shortened(reasons[0])}{more}"
        ) from error
    source = checkpoint.source + (f", each without its {prefix!r}" if prefix else "")
    taken = len(own.keys() & state.keys() - set(fresh))
    return Fit(source, taken, fresh, beside)


def _named(names: list[str]) -> str:
    """The first few of them."""
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more


def _shortened(message: str) -> str:
    line = one_line(message)
    return line if len(line) <= 200 else f"{line[:200]}..."
