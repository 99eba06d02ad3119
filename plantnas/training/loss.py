"""What a network should answer, and what tells how far it is from that. Nothing here trains.

The losses of distillation, which a study names, are in losses/.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from plantnas.errors import ConfigurationError
from plantnas.tasks import LabelLossName, Task
from plantnas.training.images import UNLABELLED, are_known, with_label
from plantnas.training.mixing import Mixing


class Targets(NamedTuple):
    """What a network should answer."""

    labels: Tensor
    """As those of `Images`: int64, images, or float32, images x outputs."""
    teacher_logits: Tensor | None = None
    """float32, views x images x classes, or None without a teacher."""
    answering: Callable[[Tensor, Tensor], Tensor] | None = None
    """Gives those of one view of each indexed image, where only those of view 0 are kept."""
    mixing: Mixing | None = None
    """How labels of views are mixed, if the views are."""

    def batch(self, views: Tensor, indices: Tensor) -> tuple[Tensor, Tensor | None]:
        """Labels and teacher's logits for one view of each indexed image.

        Labels that are mixed are batch x outputs, float32: of classes, the share of each.
        """
        labels = self.labels[indices]
        if self.mixing is not None:
            labels = self.mixing.labels(self.labels, views, indices)
        if self.teacher_logits is None:
            return labels, None
        if self.answering is not None:
            return labels, self.answering(views, indices)
        return labels, self.teacher_logits[views, indices]

    def chosen(self, indices: Tensor) -> "Targets":
        """Those of view 0 of the indexed images alone."""
        logits = None if self.teacher_logits is None else self.teacher_logits[:1, indices]
        return Targets(self.labels[indices], logits)

    def usable(self) -> Tensor:
        """Indices of the images to learn from: without a teacher, those that have a label."""
        if self.teacher_logits is None:
            return with_label(self.labels).cpu()
        return torch.arange(len(self.labels))

    def in_order(self) -> tuple[Tensor, Tensor | None]:
        """Labels and the teacher's logits on view 0 of all images."""
        return self.labels, None if self.teacher_logits is None else self.teacher_logits[0]


Loss = Callable[[Tensor, Tensor, Any], Tensor]
"""Gives the mean loss of a batch, a scalar, from logits (batch x classes), labels (batch, or batch
x outputs) and the teacher's logits (batch x classes), which are None without a teacher."""


@dataclass(frozen=True)
class LabelLoss:
    """How far a network's answers are from the labels, whatever a teacher says.

    Attributes:
        name: Of the loss: of one class `cross_entropy`, of several labels `binary_cross_entropy`
            of each, of numbers the mean of squared or of absolute differences.
        smoothing: Share of each label that is spread evenly over what else it could be.
        weights: Of each class, or of the presence of each label; all count alike, if not given.
    """

    name: LabelLossName
    smoothing: float = 0.0
    weights: tuple[float, ...] | None = None

    def __call__(
        self, logits: Tensor, labels: Tensor, teacher_logits: Tensor | None = None
    ) -> Tensor:
        """The mean over the images of a batch that have labels; a scalar."""
        if self.name == "cross_entropy" and not labels.is_floating_point():
            return self._cross_entropy(logits, labels, "mean")
        count = are_known(labels).sum()
        if self.name == "cross_entropy" and (weights := self._weights(logits)) is not None:
            count = (labels.nan_to_num(0) * weights).sum()  # as torch divides by those of classes
        return self.of_each(logits, labels).sum() / count

    def of_each(self, logits: Tensor, labels: Tensor) -> Tensor:
        """The loss of each image of a batch; 0 without labels."""
        if self.name == "cross_entropy" and not labels.is_floating_point():
            return self._cross_entropy(logits, labels, "none")
        known = ~labels.isnan()
        labels = labels.where(known, 0)
        if self.name == "cross_entropy":  # of mixed images: the share of each class
            return self._cross_entropy(logits, labels, "none").where(known.all(1), 0)
        if self.name == "binary_cross_entropy":
            elementwise = functional.binary_cross_entropy_with_logits(
                logits,
                labels * (1 - self.smoothing) + self.smoothing / 2,
                pos_weight=self._weights(logits),
                reduction="none",
            )
        elif self.name == "mse":
            elementwise = functional.mse_loss(logits, labels, reduction="none")
        else:
            elementwise = functional.l1_loss(logits, labels, reduction="none")
        return elementwise.where(known, 0).mean(1)

    def _cross_entropy(self, logits: Tensor, labels: Tensor, reduction: str) -> Tensor:
        return functional.cross_entropy(
            logits,
            labels,
            self._weights(logits),
            ignore_index=UNLABELLED,
            reduction=reduction,
            label_smoothing=self.smoothing,
        )

    def _weights(self, logits: Tensor) -> Tensor | None:
        return None if self.weights is None else _sent(self.weights, logits.dtype, logits.device)


@lru_cache(maxsize=8)
@torch.inference_mode(False)
def _sent(of_classes: tuple[float, ...], dtype: torch.dtype, there: torch.device) -> Tensor:
    """Numbers as a tensor, which is sent to a device once: each step would wait for it."""
    return torch.tensor(of_classes, dtype=dtype, device=there)


def rarity(labels: Tensor, outputs: int) -> tuple[float, ...]:
    """How much each class weighs, or the presence of each label, the more the rarer it is.

    Of classes: so that those that there are weigh alike, and an image 1 on average. Of labels:
    those without it for each image with it (torch's `pos_weight`). What no image has weighs 1.
    """
    known = labels[with_label(labels)]
    if labels.is_floating_point():
        count = known.sum(0)
        weights = (len(known) - count) / count
        return tuple(weights.where((count > 0) & (weights > 0), 1).tolist())
    count = known.bincount(minlength=outputs)
    weights = len(known) / (count * (count > 0).sum())
    return tuple(weights.where(count > 0, 1).tolist())


LABEL_LOSSES: dict[Task, tuple[LabelLossName, ...]] = {
    "classification": ("cross_entropy",),
    "multilabel": ("binary_cross_entropy",),
    "regression": ("mse", "l1"),
}
"""The losses of each task's labels, the default first."""

cross_entropy = LabelLoss("cross_entropy")
"""The loss by one class of each image."""


def label_loss(
    task: Task,
    by_labels: LabelLossName | None = None,
    smoothing: float = 0.0,
    weights: tuple[float, ...] | None = None,
) -> LabelLoss:
    """The loss by a task's labels; smoothing and weights are as those of `LabelLoss`.

    Raises:
        ConfigurationError: It is not one of the task's, or numbers have nothing to be smoothed.
    """
    allowed = LABEL_LOSSES[task]
    if smoothing and task == "regression":
        raise ConfigurationError(
            f"teacher.label_smoothing: {smoothing}: is of classes and labels, but the data is "
            "regression."
        )
    if by_labels is None:
        return LabelLoss(allowed[0], smoothing, weights)
    if by_labels not in allowed:
        raise ConfigurationError(
            f"teacher.loss: {by_labels}: is not of {task}, which the data is. Allowed: "
            f"{', '.join(allowed)}."
        )
    return LabelLoss(by_labels, smoothing, weights)


def by_both(
    distilled: Tensor, logits: Tensor, labels: Tensor, label_weight: float, label_loss: LabelLoss
) -> Tensor:
    """(1 - label_weight) times the mean loss by a teacher, plus label_weight times that by labels.

    An image without labels has none of the second, and the weight of the first stays.
    """
    if label_weight == 0:
        return distilled
    by_labels = label_loss.of_each(logits, labels).mean()
    return (1 - label_weight) * distilled + label_weight * by_labels
