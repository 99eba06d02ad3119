"""The baselines by name: each file here makes some and says their names in its `METHODS`.

What a network costs is counted by its trainer (budget.py), and what becomes of it is in making.py.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from torch import nn

from plantnas.baselines.budget import Trainer
from plantnas.errors import ConfigurationError
from plantnas.named import Table, imported, modules_of
from plantnas.records.record import NetworkRecord
from plantnas.search.prepared import PreparedStudy


@dataclass(frozen=True)
class Order:
    """A network that a method is asked for.

    Attributes:
        prepared: The study, with its teacher's record, two example images and the device.
        networks: All that the study has recorded.
        target: The planted network whose number of parameters the baseline must have.
        trainer: Trains within the target's budget of epochs, all of which are to be spent.
        seed: Of what the method draws; its batches are the trainer's.
    """

    prepared: PreparedStudy
    networks: Sequence[NetworkRecord]
    target: NetworkRecord
    trainer: Trainer
    seed: int

    def fresh(self, widths: Mapping[str, int]) -> nn.Module:
        """The study's architecture at some widths, with weights that the seed draws."""
        return self.prepared.records.build(widths, self.seed).to(self.prepared.device)

    def teacher(self) -> nn.Module:
        """The study's trained teacher, a copy of its own."""
        return self.prepared.records.load(self.prepared.teacher).to(self.prepared.device)


@dataclass(frozen=True)
class Method:
    """A way to make a network of a given size.

    Attributes:
        name: As users and the database have it.
        make: Returns the trained network of an order, which is of the study's architecture. It
            may raise SizeNotReachable, TrainingDiverged or UnsupportedArchitecture.
        distilled: Trained by distillation from the teacher, otherwise by the labels alone.
        from_teacher: Starts from the teacher's weights.
        by_default: Made unless the user names others.
    """

    name: str
    make: Callable[[Order], nn.Module]
    distilled: bool = True
    from_teacher: bool = False
    by_default: bool = False

    @property
    def uses_teacher(self) -> bool:
        """Whether the teacher must be trained for it."""
        return self.distilled or self.from_teacher


@dataclass(frozen=True)
class SearchMethod:
    """A search of its own: it is run once, then a network of each size is picked from it.

    Attributes:
        name: As users and the database have it.
        run: Searches with (study, database URL, targets, epochs of a trial, seconds in all).
        is_over: Whether the search of a study (name, database URL) has spent its seconds.
        pick: The record of its network of (all networks, the target, the learning rate).
        by_default: Made unless the user names others.
    """

    name: str
    run: Callable[[PreparedStudy, str, Sequence[NetworkRecord], int, float], None]
    is_over: Callable[[str, str], bool]
    pick: Callable[[Sequence[NetworkRecord], NetworkRecord, float], NetworkRecord]
    by_default: bool = False


AnyMethod = Method | SearchMethod


@cache
def methods() -> Table[AnyMethod]:
    """All baselines by name. Their files are imported, and with them torch-pruning."""
    files = modules_of(__name__, "METHODS").values()
    shipped = {method.name: method for file in files for method in imported(file, "methods")}
    return Table("methods", shipped, f"a {__name__}.Method", kind=AnyMethod)


def method_named(name: str) -> AnyMethod:
    """The method of that name, or the user's own.

    Raises:
        ConfigurationError: There is none, or it has the name of another.
    """
    method = methods().find(name)
    taken = (*methods(), "planting", "seed", "teacher", "finish")
    if name not in methods() and method.name in taken:
        raise ConfigurationError(f"methods: {name!r} calls itself {method.name!r}, which is taken.")
    return method


def default_methods() -> tuple[str, ...]:
    """The names of the methods that are made unless the user names others."""
    return tuple(name for name in methods() if methods().find(name).by_default)
