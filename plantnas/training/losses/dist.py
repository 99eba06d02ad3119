"""DIST: the network's answers are to correlate with the teacher's (Huang et al., NeurIPS 2022).

"Knowledge Distillation from A Stronger Teacher", arXiv 2205.10536: a much better teacher's answers
need not be matched, if they are in its order, over the classes of an image and over the images of a
class.
"""

import torch
from torch import Tensor

from plantnas.tasks import Distillation
from plantnas.training.loss import LabelLoss, Loss, by_both, cross_entropy

EPSILON = 1e-8


def loss(settings: Distillation, label_loss: LabelLoss = cross_entropy) -> Loss:
    """T^2 (inter_weight x inter + intra_weight x intra): equations 8 to 10 of the paper.

    Both are 1 minus Pearson's correlation of the softened answers: of each image over its classes,
    and of each class over the images of the batch.
    """
    temperature = settings.temperature

    def correlated(logits: Tensor, labels: Tensor, teacher_logits: Tensor) -> Tensor:
        given = (logits / temperature).softmax(1)
        wanted = (teacher_logits / temperature).softmax(1)
        inter, intra = _distance(given, wanted), _distance(given.T, wanted.T)
        both = settings.inter_weight * inter + settings.intra_weight * intra
        by_teacher = temperature**2 * both
        return by_both(by_teacher, logits, labels, settings.label_weight, label_loss)

    return correlated


def _distance(shares: Tensor, teacher_shares: Tensor) -> Tensor:
    """1 minus the correlation of each row, the mean over the rows."""
    centred = [each - each.mean(1, keepdim=True) for each in (shares, teacher_shares)]
    norms = [torch.linalg.vector_norm(each, dim=1) for each in centred]
    products = (centred[0] * centred[1]).sum(1)
    distance: Tensor = 1 - (products / (norms[0] * norms[1] + EPSILON)).mean()
    return distance
