"""The baselines by name: each file here makes some and says their names in its `METHODS`.

What a network costs is counted by its trainer (budget.py), and what becomes of it is in making.py.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

from torch import nn

from plantnas.baselines.budget import Member, Trainer
from plantnas.config import Recipe
from plantnas.errors import ConfigurationError
from plantnas.named import Table, imported, modules_of
from plantnas.records.record import NetworkRecord
from plantnas.searching.prepared import PreparedStudy

Kind = Literal["baseline", "finish"]


@dataclass(frozen=True)
class Order:
    """A network that a method is asked for.

    Attributes:
        prepared: The study, with its teacher's record, two example images and the device.
        networks: All that the study has recorded.
        target: The planted network whose cost, as the study counts, the baseline must have.
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
    """A way to make a network of a given cost.

    Attributes:
        name: As users and the database have it.
        make: Returns the trained network of an order, which is of the study's architecture. It
            may raise SizeNotReachable, TrainingDiverged or UnsupportedArchitecture.
        distilled: Trained by distillation from the teacher, otherwise by the labels alone.
        from_teacher: Starts from the teacher's weights.
        by_default: Made unless the user names others.
        kind: Of the records of its networks: "baseline", or "finish" where users take them.
    """

    name: str
    make: Callable[[Order], nn.Module]
    distilled: bool = True
    from_teacher: bool = False
    by_default: bool = False
    kind: Kind = "baseline"

    @property
    def uses_teacher(self) -> bool:
        """Whether the teacher must be trained for it."""
        return self.distilled or self.from_teacher


@dataclass(frozen=True)
class FamilyOrder:
    """Networks of several sizes that a method is asked for at once.

    Attributes:
        prepared: The study, with its teacher's record, two example images and the device.
        targets: The planted networks, or seed, whose costs they must have, cheapest first.
        recipe: Optimiser, peak learning rate, batch size and schedule; `recipe_for` has its epochs.
        seed: Of what the method draws, its batches included.
        macs: What the training may cost: multiply-accumulates for an image, times epochs, of all
            networks together.
        epochs: Of the training, whatever that costs; None: as many as it may cost.
    """

    prepared: PreparedStudy
    targets: tuple[NetworkRecord, ...]
    recipe: Recipe
    seed: int
    macs: int
    epochs: int | None = None

    def recipe_for(self, macs: float) -> Recipe:
        """The recipe of a training whose epochs cost so much; it has at least one."""
        epochs = self.epochs or max(1, int(self.macs / macs))
        return self.recipe.model_copy(update={"epochs": epochs})


@dataclass(frozen=True)
class FamilyMethod:
    """A way to make networks of several sizes in one training, as users have them.

    Attributes:
        name: As users and the database have it.
        make: Returns the trained networks of an order, one a target. It may raise
            SizeNotReachable, TrainingDiverged or UnsupportedArchitecture.
        by_default: Made unless the user names others.
        kind: As a method's. Each network of a "finish" is a crop of the next one, its child.
    """

    name: str
    make: Callable[[FamilyOrder], Sequence[Member]]
    by_default: bool = False
    kind: Kind = "baseline"


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


AnyMethod = Method | FamilyMethod | SearchMethod


def takes_channels(making: AnyMethod) -> bool:
    """Whether a method starts from the teacher's channels, as families do."""
    return isinstance(making, FamilyMethod) or (isinstance(making, Method) and making.from_teacher)


@cache
def methods() -> Table[AnyMethod]:
    """All baselines by name. Their files are imported."""
    files = modules_of(__name__, "METHODS").values()
    shipped = {method.name: method for file in files for method in imported(file, "methods")}
    return Table("methods", shipped, f"a {__name__}.Method", kind=AnyMethod)


def method_named(name: str) -> AnyMethod:
    """The method of that name, or the user's own.

    Raises:
        ConfigurationError: There is none, or it has the name of another.
    """
    method = methods().find(name)
    taken = (*methods(), "planting", "seed", "teacher")
    if name not in methods() and method.name in taken:
        raise ConfigurationError(f"methods: {name!r} calls itself {method.name!r}, which is taken.")
    return method


def default_methods() -> tuple[str, ...]:
    """The names of the methods that are made unless the user names others."""
    return tuple(name for name in methods() if methods().find(name).by_default)
