"""Accuracy and loss of networks whose answers are known."""

import pytest
import torch
from torch import Tensor, nn

from plantnas.training.evaluation import EVALUATION_BATCH, evaluate, logits_of
from plantnas.training.loss import Targets, cross_entropy
from plantnas.training.losses.kd import DistillationLoss
from plantnas.training.views import Inputs


def one_hot_images(classes: list[int]) -> Inputs:
    """Images of 1 x 1 pixels: their channels are the logits that an Identity answers."""
    return Inputs((4 * torch.eye(3)[classes].view(1, -1, 1, 1, 3),))


def test_accuracy_is_the_share_of_correct_answers() -> None:
    inputs = one_hot_images([0, 1, 2, 2, 1])
    labels = torch.tensor([0, 1, 2, 0, 2])
    metrics = evaluate(nn.Flatten(), inputs, Targets(labels), cross_entropy, "test")
    assert metrics.accuracy == pytest.approx(3 / 5)
    assert (metrics.split, metrics.images) == ("test", 5)


def test_the_loss_is_that_of_all_images() -> None:
    inputs = one_hot_images([0, 1, 2, 2, 1])
    labels = torch.tensor([0, 1, 2, 0, 2])
    right, wrong = -torch.tensor([4.0, 0, 0]).log_softmax(0)[:2]
    metrics = evaluate(nn.Flatten(), inputs, Targets(labels), cross_entropy, "test")
    assert metrics.loss == pytest.approx(float(3 * right + 2 * wrong) / 5)


def test_the_teachers_logits_count_where_there_is_a_teacher() -> None:
    inputs = one_hot_images([0, 1])
    answers = torch.cat([batch.flatten(1) for (batch,) in inputs.in_order(0, 10)])
    targets = Targets(torch.tensor([2, 2]), answers.unsqueeze(0))
    metrics = evaluate(nn.Flatten(), inputs, targets, DistillationLoss(2.0, 0.0), "test")
    assert metrics.loss == pytest.approx(0, abs=1e-6)


def test_more_images_than_a_batch_are_all_evaluated() -> None:
    classes = [0] * EVALUATION_BATCH + [1, 2]
    assert len(logits_of(nn.Flatten(), one_hot_images(classes))) == EVALUATION_BATCH + 2


@pytest.mark.parametrize("training", [True, False])
def test_evaluation_leaves_the_mode_of_the_network_as_it_was(training: bool) -> None:
    network = nn.Sequential(nn.Dropout(), nn.Flatten()).train(training)
    logits_of(network, one_hot_images([0]))
    assert [module.training for module in network.modules()] == [training] * 3


def test_a_training_network_is_evaluated_in_evaluation_mode() -> None:
    network = nn.Sequential(nn.BatchNorm2d(3), nn.Dropout(), nn.Flatten()).train()
    inputs = one_hot_images([0, 1, 2])
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    logits = logits_of(network, inputs)
    assert torch.equal(logits.argmax(1), torch.tensor([0, 1, 2]))
    assert all(torch.equal(network.state_dict()[name], value) for name, value in before.items())


class HalfPrecision(nn.Module):
    def forward(self, images: Tensor) -> Tensor:
        return images.flatten(1).bfloat16()


def test_logits_are_float32_whatever_the_network_answers() -> None:
    assert logits_of(HalfPrecision(), one_hot_images([0])).dtype == torch.float32
