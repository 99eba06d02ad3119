"""Decoupled knowledge distillation (Zhao et al., CVPR 2022, arXiv 2203.08679).

The divergence of softened answers is two: how sure a network is of the right class (TCKD), and how
it divides what is left among the others (NCKD); in `kd` these count less the surer the teacher is.
"""

import torch
from torch import Tensor
from torch.nn import functional

from plantnas.tasks import Distillation
from plantnas.training.images import UNLABELLED
from plantnas.training.loss import LabelLoss, Loss, by_both, cross_entropy

HIDDEN = 1000.0
"""What is subtracted from a logit that is to have no probability."""


def loss(settings: Distillation, label_loss: LabelLoss = cross_entropy) -> Loss:
    """T^2 (target_weight TCKD + others_weight NCKD): equation 7 of the paper, the mean over images.

    Of an image without a label, the class that the teacher thinks right is.
    """

    def decoupled(logits: Tensor, labels: Tensor, teacher_logits: Tensor) -> Tensor:
        is_known, right = labels != UNLABELLED, labels
        if labels.is_floating_point():  # of mixed images: most of one is of that class
            is_known, right = ~labels.isnan().any(1), labels.argmax(1)
        right = right.where(is_known, teacher_logits.argmax(1))
        # functional.one_hot would look at the classes, and so wait for them.
        mask = torch.zeros_like(logits).scatter_(1, right.unsqueeze(1), 1.0)
        softened = logits / settings.temperature, teacher_logits / settings.temperature
        of_target = _divergence(*(_target_or_not(each, right, mask) for each in softened))
        of_others = _divergence(
            *(functional.log_softmax(each - HIDDEN * mask, 1) for each in softened)
        )
        both = settings.target_weight * of_target + settings.others_weight * of_others
        by_teacher = settings.temperature**2 * both
        return by_both(by_teacher, logits, labels, settings.label_weight, label_loss)

    return decoupled


def _target_or_not(logits: Tensor, right: Tensor, mask: Tensor) -> Tensor:
    """The log probabilities of the right class, and of all others together: batch x 2."""
    logs = functional.log_softmax(logits, 1)
    others = torch.logsumexp(logs - HIDDEN * mask, 1)
    return torch.stack([logs.gather(1, right.unsqueeze(1)).squeeze(1), others], 1)


def _divergence(logs: Tensor, teacher_logs: Tensor) -> Tensor:
    return functional.kl_div(logs, teacher_logs, reduction="batchmean", log_target=True)
