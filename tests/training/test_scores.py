"""The metrics, against scikit-learn's."""

import math

import numpy as np
import pytest
import torch
from sklearn import metrics as sklearn
from torch import Tensor
from torch.nn.functional import one_hot

from plantnas.training import scores

CLASSES = 4


@pytest.fixture(scope="module")
def logits() -> Tensor:
    """Of a network that is right more often than not; none is of the last class."""
    generator = torch.Generator().manual_seed(0)
    hints = one_hot(torch.arange(90) % (CLASSES - 1), CLASSES)
    return torch.randn(90, CLASSES, generator=generator) + 1.5 * hints


@pytest.fixture(scope="module")
def classes() -> Tensor:
    return torch.arange(90) % (CLASSES - 1)


@pytest.fixture(scope="module")
def labels(classes: Tensor) -> Tensor:
    """Of the last label every image is; there is nothing to rank."""
    labels = one_hot(classes, CLASSES).float()
    labels[:, 1] = labels[:, :2].amax(1)
    labels[:, -1] = 1
    return labels


def test_those_of_classes_are_scikit_learns(logits: Tensor, classes: Tensor) -> None:
    answers, truth, shares = logits.argmax(1), one_hot(classes, CLASSES)[:, :-1], logits.softmax(1)
    assert scores.accuracy(logits, classes) == sklearn.accuracy_score(classes, answers)
    assert scores.balanced_accuracy(logits, classes) == pytest.approx(
        sklearn.recall_score(classes, answers, average="macro", labels=[0, 1, 2]), abs=1e-6
    )
    assert scores.f1(logits, classes) == pytest.approx(
        sklearn.f1_score(classes, answers, average="macro"), abs=1e-6
    )
    assert scores.map(logits, classes) == pytest.approx(
        sklearn.average_precision_score(truth, shares[:, :-1]), abs=1e-6
    )
    assert scores.auroc(logits, classes) == pytest.approx(
        sklearn.roc_auc_score(truth, shares[:, :-1]), abs=1e-6
    )


def test_those_of_several_labels_are_scikit_learns(logits: Tensor, labels: Tensor) -> None:
    answers = (logits > 0).float()
    assert scores.accuracy(logits, labels) == pytest.approx((answers == labels).float().mean())
    ranked = labels[:, :-1], logits[:, :-1]
    assert scores.map(logits, labels) == pytest.approx(
        sklearn.average_precision_score(*ranked), abs=1e-6
    )
    assert scores.auroc(logits, labels) == pytest.approx(sklearn.roc_auc_score(*ranked), abs=1e-6)
    assert scores.f1(logits, labels) == pytest.approx(
        sklearn.f1_score(labels[:, :-1], answers[:, :-1], average="macro"), abs=1e-6
    )


def test_probabilities_are_made_of_logits_that_look_like_some() -> None:
    logits, labels = torch.tensor([[0.1], [0.4], [0.3]]), torch.tensor([[0.0], [1.0], [1.0]])
    assert scores.f1(logits, labels) == pytest.approx(0.8)


def test_r2_is_scikit_learns_over_the_outputs_that_vary() -> None:
    generator = torch.Generator().manual_seed(0)
    targets = torch.randn(40, 3, generator=generator)
    targets[:, 1] = 5
    outputs = targets + 2 * torch.randn(40, 3, generator=generator)
    found = scores.r2(outputs, targets)
    assert found == pytest.approx(sklearn.r2_score(targets[:, ::2], outputs[:, ::2]))
    assert found < 0


def test_of_targets_that_are_all_alike_there_is_no_ranking() -> None:
    ones = torch.ones(5, 2)
    assert math.isnan(scores.map(ones, ones))
    assert math.isnan(scores.r2(ones, ones))
    assert np.isnan(scores.auroc(ones, torch.zeros(5, dtype=torch.int64)))
