"""Which activations of a model are in memory when: from the calls of one run.

What is made of them for a cost is in costs/activation_memory.py.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from torch import Tensor
from torch.multiprocessing.reductions import StorageWeakRef


@dataclass
class Life:
    """The memory of an activation, and of all its views.

    Attributes:
        tensor: The first that was seen of it.
        made: The number of the call that made it.
        used: That of the last one that used it.
    """

    tensor: Tensor
    made: int
    used: int


@dataclass
class Liveness:
    """The activations of a run by their memory: what an operation changes in place is one with it.

    The tensors are kept, so that no two of them are ever at one place.
    """

    _lives: dict[StorageWeakRef | int, Life] = field(default_factory=dict)
    _calls: int = 0

    @property
    def lives(self) -> list[Life]:
        """All of them, in the order in which they were made."""
        return list(self._lives.values())

    def note(self, used: Iterable[Tensor], results: Sequence[Tensor]) -> None:
        """Takes note of a call.

        Args:
            used: What it uses; what is no activation does not count.
            results: The activations that it returns.
        """
        self._calls += 1
        for tensor in results:
            self._lives.setdefault(_memory(tensor), Life(tensor, self._calls, self._calls))
        for tensor in (*used, *results):
            if (life := self._lives.get(_memory(tensor))) is not None:
                life.used = self._calls


def _memory(tensor: Tensor) -> StorageWeakRef | int:
    """What all views of a tensor have in common; itself where it has no storage, as in a vmap."""
    try:
        # Meta tensors have no address, but storages like all others.
        return StorageWeakRef(tensor.untyped_storage())  # type: ignore[no-untyped-call]
    except (RuntimeError, NotImplementedError):
        return id(tensor)
