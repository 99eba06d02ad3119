"""The network's logits are to be the teacher's (Ba and Caruana 2014, arXiv 1312.6184)."""

from torch import Tensor
from torch.nn import functional

from plantnas.tasks import Distillation
from plantnas.training.loss import LabelLoss, Loss, by_both, cross_entropy


def loss(settings: Distillation, label_loss: LabelLoss = cross_entropy) -> Loss:
    """The mean squared difference of the logits, over classes and images."""

    def matched(logits: Tensor, labels: Tensor, teacher_logits: Tensor) -> Tensor:
        difference = functional.mse_loss(logits, teacher_logits)
        return by_both(difference, logits, labels, settings.label_weight, label_loss)

    return matched
