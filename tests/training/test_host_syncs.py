"""No step of training waits for its device, which on a GPU would be to leave it idle.

There is none where these tests run. What would wait is known by its operator.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from plantnas.modules import copied
from plantnas.tasks import Distillation
from plantnas.training.fitting import TrainingData, _drawn_batches, fit
from plantnas.training.images import UNLABELLED
from plantnas.training.loss import LabelLoss, Targets
from plantnas.training.losses import LOSSES
from plantnas.training.optimizers import whole_network_optimizer
from plantnas.training.views import Inputs
from tests.training.conftest import SETTINGS, by_label, digits_of

if TYPE_CHECKING:
    from torch import Tensor, nn

WAITING = ("_local_scalar_dense", "nonzero", "masked_select", "is_nonzero", "equal", "unique")
"""What of aten needs to know a number or a shape that the device computes."""


class Waits(TorchDispatchMode):
    """Counts what waits within."""

    def __init__(self) -> None:
        super().__init__()
        self.counted = Counter[str]()

    def __torch_dispatch__(
        self, operator: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        name = operator._schema.name.removeprefix("aten::")
        by_mask = name.startswith("index") and any(
            each is not None and each.dtype == torch.bool
            for each in (args[1] if isinstance(args[1], list) else ())
        )
        if by_mask or name.startswith(WAITING):
            self.counted[name] += 1
        return operator(*args, **(kwargs or {}))


@pytest.mark.parametrize("name", ["kd", "dkd", "dist", "mse", "cosine"])
def test_a_loss_waits_for_nothing(name: str) -> None:
    given = torch.randn(6, 3, requires_grad=True), torch.tensor([0, 1, 2, 0, 1, UNLABELLED])
    weighed = LabelLoss("cross_entropy", weights=(1.0, 2.0, 3.0))
    loss = LOSSES.find(name)(Distillation(label_weight=0.5), weighed)
    with Waits() as waits:
        loss(*given, torch.randn(6, 3)).backward()
    assert not waits.counted


@pytest.mark.parametrize("name", ["mse", "binary_cross_entropy", "cross_entropy"])
def test_a_loss_of_labels_that_are_not_all_known_waits_for_nothing(name: Any) -> None:
    labels = torch.tensor([[0.0, 1.0], [1.0, 0.0], [torch.nan, torch.nan]])
    with Waits() as waits:
        LabelLoss(name)(torch.randn(3, 2, requires_grad=True), labels).backward()
    assert not waits.counted


def test_an_epoch_waits_as_often_whatever_its_number_of_steps(teacher: nn.Module) -> None:
    def waits_of(batch_size: int) -> Counter[str]:
        recipe = SETTINGS.model_copy(update={"epochs": 1, "batch_size": batch_size})
        data = by_label(digits_of(1, 8))
        with Waits() as waits:
            network = copied(teacher)  # which other tests share
            optimizer = whole_network_optimizer(network, recipe)
            fit(network, optimizer, data, recipe, torch.Generator().manual_seed(0))
        return waits.counted

    few, many = waits_of(48), waits_of(16)
    assert few == many
    assert few["_local_scalar_dense"] > 0  # the loss, once


def test_indices_are_drawn_on_the_processor_and_lie_where_they_choose_from() -> None:
    def drawn(device: str) -> list[tuple[Tensor, Tensor]]:
        inputs = Inputs((torch.zeros(2, 8, 4, 4, 1, device=device),))
        targets = Targets(torch.zeros(8).long())
        data = TrainingData(inputs, targets, inputs, targets, LabelLoss("mse"))
        return _drawn_batches(data, 4, torch.Generator().manual_seed(0))

    assert {each.device.type for batch in drawn("meta") for each in batch} == {"meta"}
    assert {each.device.type for batch in drawn("cpu") for each in batch} == {"cpu"}
