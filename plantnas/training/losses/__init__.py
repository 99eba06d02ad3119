"""The losses of distillation by name: each is a module here. Nothing here imports torch.

A loss is a function `loss(settings)`, of the module that has its name or the user's own:

- `settings` is the section `distillation` of the study's file;
- it returns a function of (logits, labels, teacher_logits) that returns the mean loss of a batch, a
  scalar with a gradient. Both logits are batch x classes, float32; labels are batch, int64, and -1
  for images without one.

Networks that have no teacher, as the teacher itself, learn by cross-entropy (loss.py).
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from plantnas.config import Distillation
from plantnas.named import Guarded, Table, modules_of

if TYPE_CHECKING:
    from plantnas.training.loss import Loss

LOSSES: "Table[Callable[[Distillation], Loss]]" = Table(
    "distillation.loss",
    modules_of(__name__, "loss"),
    "a function of (settings) that returns a function of (logits, labels, teacher_logits), which "
    "returns a scalar",
    result=Callable,
)
"""The functions that make them."""


def loss_of(settings: Distillation) -> "Loss":
    """The loss that a study names; what one of the user's raises, or returns in vain, is one line.

    Raises:
        ConfigurationError: There is none of that name, or the user's own cannot be made.
    """
    made = LOSSES.find(settings.loss)(settings)
    if settings.loss in LOSSES:
        return made
    from torch import Tensor

    return Guarded(made, f"{LOSSES.key}: {settings.loss!r}", Tensor, LOSSES.contract)
