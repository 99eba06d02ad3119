"""The baselines by name. How each is made is in the other modules of this room."""

from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal, get_args

from plantnas.errors import ConfigurationError

Kind = Literal["channel pruning", "found widths", "uniform widths", "lineage", "search"]
Criterion = Literal["l1", "bn-scale", "fpgm", "taylor", "group-norm", "random"]
CRITERIA: tuple[Criterion, ...] = get_args(Criterion)

DEFAULT_METHODS = (
    *(f"{criterion}-kd" for criterion in CRITERIA),
    "l1",
    "bn-scale-global-kd",
    "group-norm-global-kd",
    "group-norm-global-iterative-kd",
    "taylor-iterative-kd",
    "scratch",
    "scratch-kd",
    "uniform-kd",
    "unfrozen-kd",
    "search-kd",
)
"""What `plantnas baselines` makes unless told."""


@dataclass(frozen=True)
class Method:
    """A way to make a network of a given size.

    Attributes:
        name: As users and the database have it.
        kind: Where its network comes from: the teacher by channel pruning, fresh weights at the
            widths that planting found, fresh weights at evenly narrowed widths, the planted
            network's own lineage, or a search.
        criterion: By which channels are ranked; None without channel pruning.
        ranked_globally: Channels are ranked in all layers together, so that the criterion decides
            about the widths; otherwise every group loses the same share of its channels.
        iterative: Channels go in several rounds, with training between them.
        distilled: Trained by distillation from the teacher, otherwise by the labels alone.
    """

    name: str
    kind: Kind
    criterion: Criterion | None = None
    ranked_globally: bool = False
    iterative: bool = False
    distilled: bool = False

    @property
    def uses_teacher(self) -> bool:
        """Whether the teacher must be trained for it."""
        return self.distilled or self.kind == "channel pruning"


def _all_methods() -> dict[str, Method]:
    methods = [
        Method(
            f"{criterion}{'-global' * whole}{'-iterative' * iterative}{'-kd' * distilled}",
            "channel pruning",
            criterion,
            whole,
            iterative,
            distilled,
        )
        for criterion in CRITERIA
        for whole in (False, True)
        for iterative in (False, True)
        for distilled in (False, True)
    ]
    methods += [
        Method("scratch", "found widths"),
        Method("scratch-kd", "found widths", distilled=True),
        Method("uniform", "uniform widths"),
        Method("uniform-kd", "uniform widths", distilled=True),
        Method("unfrozen-kd", "lineage", distilled=True),
        Method("search-kd", "search", distilled=True),
    ]
    return {method.name: method for method in methods}


METHODS = _all_methods()
"""By name: CRITERION[-global][-iterative][-kd], scratch[-kd], uniform[-kd], unfrozen-kd, search-kd.
"""


def method_named(name: str) -> Method:
    """The method of that name.

    Raises:
        ConfigurationError: There is none.
    """
    if name not in METHODS:
        close = get_close_matches(name, METHODS, n=1)
        raise ConfigurationError(
            f"methods: {name!r} is no baseline. {f'Did you mean {close[0]!r}? ' if close else ''}"
            f"Allowed are CRITERION[-global][-iterative][-kd] with {', '.join(CRITERIA)}, and "
            "scratch, scratch-kd, uniform, uniform-kd, unfrozen-kd, search-kd."
        )
    return METHODS[name]
