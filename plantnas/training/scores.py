"""The metrics, computed by torchmetrics: each is a function of (outputs, labels).

Outputs are images x outputs: logits of classes, whose labels are int64, images; logits of labels,
whose labels are 0 or 1, images x labels; or numbers. Where a class or label is missing in the
labels, or all that there is, what would be divided by zero for it is left out of the mean.
"""

import math
from collections.abc import Callable, Iterator
from statistics import fmean

from torch import Tensor


def accuracy(outputs: Tensor, labels: Tensor) -> float:
    """The share of images, or of labels, that are answered rightly."""
    if labels.is_floating_point():
        return ((outputs > 0) == (labels > 0)).float().mean().item()
    correct = (outputs.argmax(1) == labels).sum().item()
    return correct / len(labels)


def balanced_accuracy(outputs: Tensor, labels: Tensor) -> float:
    """The mean over the classes of the share of their images that are answered rightly."""
    from torchmetrics.functional.classification import multiclass_recall

    recalls = multiclass_recall(outputs, labels, num_classes=outputs.shape[1], average="none")
    return float(recalls[labels.bincount(minlength=len(recalls)) > 0].mean())


def f1(outputs: Tensor, labels: Tensor) -> float:
    """The harmonic mean of precision and recall, the mean over classes or labels."""
    from torchmetrics.functional.classification import binary_f1_score, multiclass_f1_score

    if labels.is_floating_point():
        return _mean(binary_f1_score, outputs, labels)
    classes = outputs.shape[1]
    return float(multiclass_f1_score(outputs, labels, num_classes=classes, average="macro"))


def map(outputs: Tensor, labels: Tensor) -> float:  # noqa: A001 (the name of the metric)
    """Mean average precision, of each class or label against all others."""
    from torchmetrics.functional.classification import binary_average_precision

    return _mean(binary_average_precision, outputs, labels)


def auroc(outputs: Tensor, labels: Tensor) -> float:
    """The area under the receiver's curve, of each class or label against all others."""
    from torchmetrics.functional.classification import binary_auroc

    return _mean(binary_auroc, outputs, labels)


def r2(outputs: Tensor, labels: Tensor) -> float:
    """The share of the labels' variance that is explained, the mean over outputs; at most 1."""
    from torchmetrics.functional.regression import r2_score

    varied = (labels != labels[0]).any(0)
    if not varied.any():
        return math.nan
    return float(r2_score(outputs[:, varied].double(), labels[:, varied].double()))


def _mean(score: Callable[..., Tensor], outputs: Tensor, labels: Tensor) -> float:
    """The mean of a metric of two classes over all classes or labels; NaN if none has both."""
    values = [float(score(*each)) for each in _of_each(outputs, labels)]
    return fmean(values) if values else math.nan


def _of_each(outputs: Tensor, labels: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Probabilities and 0 or 1 of each class or label of which some images are and others not."""
    several = labels.is_floating_point()
    probabilities = outputs.double().sigmoid() if several else outputs.double().softmax(1)
    for number in range(outputs.shape[1]):
        found = labels[:, number].long() if several else (labels == number).long()
        if found.any() and not found.all():
            yield probabilities[:, number], found
