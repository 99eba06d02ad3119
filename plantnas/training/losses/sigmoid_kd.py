"""Knowledge distillation of several labels, each of which is there or not.

Each label is a choice of two, whose softened answers are compared as those of classes are (Hinton,
Vinyals and Dean 2015, arXiv 1503.02531); so do Yang et al., "Multi-Label Knowledge Distillation",
ICCV 2023, arXiv 2308.06453, section 3.2, with their logits.
"""

import torch
from torch import Tensor
from torch.nn import functional

from plantnas.tasks import Distillation
from plantnas.training.loss import LabelLoss, Loss, by_both, cross_entropy


def loss(settings: Distillation, label_loss: LabelLoss = cross_entropy) -> Loss:
    """T^2 KL(teacher_T || student_T) of each label's sigmoid, the mean over labels and images."""
    temperature = settings.temperature

    def distilled(logits: Tensor, labels: Tensor, teacher_logits: Tensor) -> Tensor:
        answers = _log_probabilities(logits / temperature)
        wanted = _log_probabilities(teacher_logits / temperature)
        divergence = functional.kl_div(answers, wanted, reduction="sum", log_target=True)
        by_teacher = temperature**2 * divergence / logits.numel()
        return by_both(by_teacher, logits, labels, settings.label_weight, label_loss)

    return distilled


def _log_probabilities(logits: Tensor) -> Tensor:
    """Of each label being there and not: batch x labels x 2."""
    return functional.logsigmoid(torch.stack([logits, -logits], 2))
