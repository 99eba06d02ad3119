"""What a network should answer, and what tells how far it is from that. Nothing here trains.

The losses of distillation, which a study names, are in losses/.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from plantnas.training.images import UNLABELLED


class Targets(NamedTuple):
    """What a network should answer."""

    labels: Tensor
    """int64, images; `UNLABELLED` where unknown."""
    teacher_logits: Tensor | None = None
    """float32, views x images x classes, or None without a teacher."""

    def batch(self, views: Tensor, indices: Tensor) -> tuple[Tensor, Tensor | None]:
        """Labels and teacher's logits for one view of each indexed image."""
        if self.teacher_logits is None:
            return self.labels[indices], None
        return self.labels[indices], self.teacher_logits[views, indices]

    def chosen(self, indices: Tensor) -> "Targets":
        """Those of view 0 of the indexed images alone."""
        logits = None if self.teacher_logits is None else self.teacher_logits[:1, indices]
        return Targets(self.labels[indices], logits)

    def usable(self) -> Tensor:
        """Indices of the images to learn from: without a teacher, those that have a label."""
        if self.teacher_logits is None:
            return (self.labels != UNLABELLED).nonzero().flatten().cpu()
        return torch.arange(len(self.labels))

    def in_order(self) -> tuple[Tensor, Tensor | None]:
        """Labels and the teacher's logits on view 0 of all images."""
        return self.labels, None if self.teacher_logits is None else self.teacher_logits[0]


Loss = Callable[[Tensor, Tensor, Any], Tensor]
"""Gives the mean loss of a batch, a scalar, from logits (batch x classes), labels (batch) and the
teacher's logits (batch x classes), which are None without a teacher."""


def cross_entropy(logits: Tensor, labels: Tensor, teacher_logits: Tensor | None = None) -> Tensor:
    """The loss by labels alone, whatever a teacher says; images without a label don't count."""
    return functional.cross_entropy(logits, labels, ignore_index=UNLABELLED)
