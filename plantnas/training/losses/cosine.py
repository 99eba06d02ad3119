"""The network's answer is to point where the teacher's does: for embeddings of any length.

So are they compared in retrieval and face recognition (Deng et al. 2019, arXiv 1801.07698).
"""

from torch import Tensor
from torch.nn import functional

from plantnas.tasks import Distillation
from plantnas.training.loss import LabelLoss, Loss, by_both, cross_entropy


def loss(settings: Distillation, label_loss: LabelLoss = cross_entropy) -> Loss:
    """One minus the cosine of the angle between both answers, the mean over images."""

    def aligned(logits: Tensor, labels: Tensor, teacher_logits: Tensor) -> Tensor:
        by_teacher = 1 - functional.cosine_similarity(logits, teacher_logits).mean()
        return by_both(by_teacher, logits, labels, settings.label_weight, label_loss)

    return aligned
