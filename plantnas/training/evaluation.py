"""Measures a network on images: its metrics and loss. Nothing here trains."""

import torch
from torch import Tensor, nn

from plantnas.channels.containers import logits_in
from plantnas.errors import PlantnasError
from plantnas.measured import Evaluation, Split
from plantnas.training.loss import Loss, Targets
from plantnas.training.metrics import ACCURACY, Metrics
from plantnas.training.views import Inputs

EVALUATION_BATCH = 500
"""Fixed, so that the same weights give the same logits whenever they are evaluated."""


class TrainingDiverged(PlantnasError):
    """A loss, or what a network answers, was not finite."""


@torch.inference_mode()
def logits_of(network: nn.Module, inputs: Inputs, view: int = 0) -> Tensor:
    """The network's logits in eval mode, images x classes, float32."""
    was_training = network.training
    network.eval()
    batches = inputs.in_order(view, EVALUATION_BATCH)
    logits = torch.cat([logits_in(network(*batch)) for batch in batches])
    network.train(was_training)
    return logits.float()


def evaluate(
    network: nn.Module,
    inputs: Inputs,
    targets: Targets,
    loss: Loss,
    split: Split,
    metrics: Metrics = ACCURACY,
) -> Evaluation:
    """Metrics and loss on the first view of the images, which are those of a split.

    Raises:
        TrainingDiverged: The network's answers are not finite, so that they have no metric.
        ConfigurationError: The metric that the study maximises is no number.
    """
    logits = logits_of(network, inputs)
    labels, teacher_logits = targets.in_order()
    if metrics != ACCURACY and not logits.isfinite().all():
        raise TrainingDiverged("the network's answers are not finite.")
    values = metrics.measured(logits, labels)
    return Evaluation(
        split,
        accuracy=values[metrics.chosen],
        loss=loss(logits, labels, teacher_logits).item(),
        images=len(labels),
        metrics=values,
    )
