"""What a study maximises, and what else is measured of its networks, by name.

How they are computed is in scores.py. Nothing here imports torch.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING, Any, SupportsFloat

from plantnas.errors import ConfigurationError, first_line
from plantnas.named import Table
from plantnas.tasks import Task

if TYPE_CHECKING:
    from torch import Tensor

METRICS_OF: dict[Task, tuple[str, ...]] = {
    "classification": ("accuracy", "balanced_accuracy", "f1", "map", "auroc"),
    "multilabel": ("map", "f1", "accuracy", "auroc"),
    "regression": ("r2",),
}
"""The metrics of each task, the default first."""

_SHIPPED = dict.fromkeys(name for names in METRICS_OF.values() for name in names)

METRICS: "Table[Callable[[Any, Any], SupportsFloat]]" = Table(
    "search.metric",
    {name: f"plantnas.training.scores:{name}" for name in _SHIPPED},
    "a function of (outputs, targets) that returns a number, of which the largest is best: outputs "
    "are images x outputs, targets as the data set has them",
    result=SupportsFloat,
)
"""The functions that compute them."""


@dataclass(frozen=True)
class Metrics:
    """What is measured of a network on a split.

    Attributes:
        chosen: The name of what the study maximises.
        others: The names of what is recorded beside it.
    """

    chosen: str
    others: tuple[str, ...] = ()

    @property
    def alone(self) -> "Metrics":
        """The same without the others."""
        return Metrics(self.chosen)

    def measured(self, outputs: "Tensor", labels: "Tensor") -> dict[str, float]:
        """Each metric's value by its name, the chosen one first; of the others what is a number.

        Args:
            outputs: images x outputs, finite.
            labels: As those of `Images`.

        Raises:
            ConfigurationError: The chosen one is no finite number.
        """
        values = {name: _measured(name, outputs, labels) for name in self._names}
        if not isfinite(values[self.chosen]):
            raise ConfigurationError(
                f"{METRICS.key}: {self.chosen!r}: is {values[self.chosen]} on {len(labels)} "
                "images, where a finite number is needed."
            )
        return {name: value for name, value in values.items() if isfinite(value)}

    @property
    def _names(self) -> dict[str, None]:
        return dict.fromkeys((self.chosen, *self.others))


def _measured(name: str, outputs: "Tensor", labels: "Tensor") -> float:
    found = METRICS.find(name)(outputs, labels)
    try:
        return float(found)
    except (TypeError, ValueError, RuntimeError) as error:  # of a tensor with several numbers
        raise ConfigurationError(
            f"{METRICS.key}: {name!r}: returned no single number: {first_line(error)}."
        ) from error


ACCURACY = Metrics("accuracy")


def metrics_of(name: str | None, task: Task) -> Metrics:
    """What a study of a task measures: what it names, or the task's first metric, and the others.

    Raises:
        ConfigurationError: It names one of another task.
    """
    others = METRICS_OF[task]
    name = name or others[0]
    if name in METRICS and name not in others:
        raise ConfigurationError(
            f"{METRICS.key}: {name!r}: is not of {task}, which the data is. Allowed: "
            f"{', '.join(others)} or one of yours."
        )
    return Metrics(name, others)
