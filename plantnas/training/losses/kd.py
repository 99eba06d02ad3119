"""Knowledge distillation of logits (Hinton, Vinyals and Dean 2015, arXiv 1503.02531)."""

from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional

from plantnas.tasks import Distillation
from plantnas.training.loss import LabelLoss, by_both, cross_entropy


@dataclass(frozen=True)
class DistillationLoss:
    """(1 - label_weight) T^2 KL(teacher_T || student_T) + label_weight CE(labels).

    Images without a label have the first term alone.
    """

    temperature: float
    label_weight: float
    label_loss: LabelLoss = cross_entropy

    def __call__(self, logits: Tensor, labels: Tensor, teacher_logits: Tensor) -> Tensor:
        """Mean loss of a batch: logits batch x classes, labels batch; a scalar."""
        divergence = functional.kl_div(
            functional.log_softmax(logits / self.temperature, 1),
            functional.log_softmax(teacher_logits / self.temperature, 1),
            reduction="batchmean",
            log_target=True,
        )
        distilled = self.temperature**2 * divergence
        return by_both(distilled, logits, labels, self.label_weight, self.label_loss)


def loss(settings: Distillation, label_loss: LabelLoss = cross_entropy) -> DistillationLoss:
    """The loss at the study's temperature and weight of labels."""
    return DistillationLoss(settings.temperature, settings.label_weight, label_loss)
