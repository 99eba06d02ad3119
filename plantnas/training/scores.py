"""The metrics: each is a function of (outputs, labels).

Outputs are images x outputs: logits of classes, whose labels are int64, images; logits of labels,
whose labels are 0 or 1, images x labels; or numbers. Where a class or label is missing in the
labels, or all that there is, what would be divided by zero for it is left out of the mean.

They are those of scikit-learn, to which the tests compare them. It and torchmetrics take two to
three seconds to import, in each process that trains; these are a few lines each.
"""

import math
from collections.abc import Callable, Iterator
from statistics import fmean

import torch
from torch import Tensor


def accuracy(outputs: Tensor, labels: Tensor) -> float:
    """The share of images, or of labels, that are answered rightly."""
    if labels.is_floating_point():
        return ((outputs > 0) == (labels > 0)).float().mean().item()
    correct = (outputs.argmax(1) == labels).sum().item()
    return correct / len(labels)


def balanced_accuracy(outputs: Tensor, labels: Tensor) -> float:
    """The mean over the classes of the share of their images that are answered rightly."""
    right, _, there = _counts(outputs, labels)
    return (right[there > 0] / there[there > 0]).mean().item()


def f1(outputs: Tensor, labels: Tensor) -> float:
    """The harmonic mean of precision and recall, the mean over classes or labels."""
    if labels.is_floating_point():
        varied = labels.any(0) & ~labels.all(0)
        said, there = outputs[:, varied] > 0, labels[:, varied] > 0
        right, answered, there = (each.sum(0) for each in (said & there, said, there))
    else:
        right, answered, there = _counts(outputs, labels)
    counted = answered + there > 0
    return (2 * right[counted] / (answered + there)[counted]).mean().item()


def map(outputs: Tensor, labels: Tensor) -> float:  # noqa: A001 (the name of the metric)
    """Mean average precision, of each class or label against all others."""
    return _mean(_average_precision, outputs, labels)


def auroc(outputs: Tensor, labels: Tensor) -> float:
    """The area under the receiver's curve, of each class or label against all others."""
    return _mean(_area, outputs, labels)


def r2(outputs: Tensor, labels: Tensor) -> float:
    """The share of the labels' variance that is explained, the mean over outputs; at most 1."""
    outputs, labels = outputs.double(), labels.double()
    varied = (labels != labels[0]).any(0)
    left = (outputs - labels).square().sum(0) / (labels - labels.mean(0)).square().sum(0)
    return (1 - left[varied]).mean().item()


def _counts(outputs: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Of each class the images that are answered rightly, are answered by it, and are of it."""
    answers, classes = outputs.argmax(1), outputs.shape[1]
    which = labels[answers == labels], answers, labels
    right, answered, there = (each.bincount(minlength=classes) for each in which)
    return right, answered, there


def _average_precision(ranks: Tensor, theirs: Tensor) -> float:
    """The precision at each rank, of those down to it, weighted by the recall that it adds."""
    right = theirs.double().flip(0).cumsum(0)
    last = ranks.flip(0).diff(append=ranks.new_tensor([-1])) != 0  # of each rank
    precision = (right / torch.arange(1, len(right) + 1, device=right.device))[last]
    return (precision * right[last].diff(prepend=right.new_zeros(1))).sum().item() / right[
        -1
    ].item()


def _area(ranks: Tensor, theirs: Tensor) -> float:
    """The share of pairs in which what has it has the higher rank; half of equal ones count."""
    sizes = ranks.bincount()
    middle = sizes.cumsum(0) - (sizes - 1) / 2  # of the places of each rank, from 1
    many = theirs.sum().item()
    above = middle[ranks][theirs].double().sum().item() - many * (many + 1) / 2
    return above / (many * (len(theirs) - many))


def _mean(score: Callable[[Tensor, Tensor], float], outputs: Tensor, labels: Tensor) -> float:
    """The mean of a score of two classes over all classes or labels; NaN if none has both."""
    values = [score(*each) for each in _of_each(outputs, labels)]
    return fmean(values) if values else math.nan


def _of_each(outputs: Tensor, labels: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """For each class or label that some images have and others not: the images in the order of
    their scores, the lowest first, as their ranks from 0 (one for equal scores) and who has it."""
    several = labels.is_floating_point()
    shares = outputs if several else outputs.double().softmax(1)
    for number in range(outputs.shape[1]):
        theirs = labels[:, number] > 0 if several else labels == number
        if theirs.any() and not theirs.all():
            order = shares[:, number].argsort()
            ordered = shares[order, number]
            ranks = (ordered.diff(prepend=ordered[:1]) != 0).cumsum(0)
            yield ranks, theirs[order]
