"""What a network should answer, and how far it is from that. Nothing here trains."""

from dataclasses import dataclass
from typing import NamedTuple

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

    def usable(self) -> Tensor:
        """Indices of the images to learn from: without a teacher, those that have a label."""
        if self.teacher_logits is None:
            return (self.labels != UNLABELLED).nonzero().flatten().cpu()
        return torch.arange(len(self.labels))

    def in_order(self) -> tuple[Tensor, Tensor | None]:
        """Labels and the teacher's logits on view 0 of all images."""
        return self.labels, None if self.teacher_logits is None else self.teacher_logits[0]


@dataclass(frozen=True)
class DistillationLoss:
    """Knowledge distillation (Hinton, Vinyals and Dean 2015, arXiv 1503.02531).

    (1 - label_weight) T^2 KL(teacher_T || student_T) + label_weight CE(labels); images without a
    label have the first term alone, and without a teacher there is the second alone.
    """

    temperature: float
    label_weight: float

    def __call__(self, logits: Tensor, labels: Tensor, teacher_logits: Tensor | None) -> Tensor:
        """Mean loss of a batch: logits batch x classes, labels batch; a scalar."""
        if teacher_logits is None:
            return functional.cross_entropy(logits, labels, ignore_index=UNLABELLED)
        divergence = functional.kl_div(
            functional.log_softmax(logits / self.temperature, 1),
            functional.log_softmax(teacher_logits / self.temperature, 1),
            reduction="batchmean",
            log_target=True,
        )
        distilled = (1 - self.label_weight) * self.temperature**2 * divergence
        if self.label_weight == 0:
            return distilled
        by_label = functional.cross_entropy(
            logits, labels, ignore_index=UNLABELLED, reduction="sum"
        )
        return distilled + self.label_weight * by_label / len(labels)
