"""The losses of distillation by name: each is a module here. Nothing here imports torch.

A loss is a function `loss(settings)`, of the module that has its name or the user's own:

- `settings` is the section `distillation` of the study's file; one that has a second parameter,
  `label_loss`, gets the task's loss by labels there (`LabelLoss` of loss.py);
- it returns a function of (logits, labels, teacher_logits) that returns the mean loss of a batch, a
  scalar with a gradient. Both logits are batch x classes, float32; labels are batch, int64, and -1
  for images without one, or batch x outputs, float32, and NaN for images without them; so are those
  of classes where `data.augment` mixes images, as the share of each class.

Networks that have no teacher, as the teacher itself, learn by labels alone (loss.py).
"""

from collections.abc import Callable
from inspect import signature
from typing import TYPE_CHECKING

from plantnas.errors import ConfigurationError
from plantnas.named import Guarded, Table, modules_of
from plantnas.tasks import Distillation, Task

if TYPE_CHECKING:
    from plantnas.training.loss import LabelLoss, Loss

LOSSES: "Table[Callable[..., Loss]]" = Table(
    "distillation.loss",
    modules_of(__name__, "loss"),
    "a function of (settings) that returns a function of (logits, labels, teacher_logits), which "
    "returns a scalar",
    result=Callable,
)
"""The functions that make them."""


OF_CLASSES = ("kd", "dkd", "dist")
"""Those that compare distributions over classes, of which one is right."""
BY_DEFAULT: dict[Task, str] = {
    "classification": "kd",
    "multilabel": "sigmoid-kd",
    "regression": "mse",
}
"""What a study has that names none."""


def loss_of(
    settings: Distillation, task: Task = "classification", by_labels: "LabelLoss | None" = None
) -> "Loss":
    """The loss that a study names; what one of the user's raises, or returns in vain, is one line.

    Args:
        settings: The study's.
        task: What its data is.
        by_labels: The loss by labels; the task's first one, if not given.

    Raises:
        ConfigurationError: There is none of that name, or the user's own cannot be made.
    """
    from torch import Tensor

    from plantnas.training.loss import label_loss

    name = settings.loss or BY_DEFAULT[task]
    if name in OF_CLASSES and task != "classification":
        others = [each for each in LOSSES if each not in OF_CLASSES]
        raise ConfigurationError(
            f"{LOSSES.key}: {name!r}: compares classes, of which one is right, but the data is "
            f"{task}. Allowed: {', '.join(others)} or one of yours."
        )
    make, given = LOSSES.find(name), by_labels or label_loss(task)
    takes_it = "label_loss" in signature(make).parameters
    made = make(settings, label_loss=given) if takes_it else make(settings)
    if name in LOSSES:
        return made
    return Guarded(made, f"{LOSSES.key}: {name!r}", Tensor, LOSSES.contract)
