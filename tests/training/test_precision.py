"""Which precision a setting stands for, and that bfloat16 changes nothing that must not change."""

from functools import partial

import pytest
import torch
from torch import nn

from plantnas.training import planted, precision
from plantnas.training.fitting import TrainingData
from plantnas.training.precision import mixed_precision
from plantnas.training.sliced import sliced_gradients
from tests.training.conftest import ALL_LAYERS

Plain = tuple[nn.Module, TrainingData]
CPU = torch.device("cpu")


@pytest.mark.parametrize("has_matrix_units", [False, True])
@pytest.mark.parametrize("setting", ["auto", "float32", "bfloat16"])
def test_auto_is_bfloat16_where_the_device_multiplies_it(
    monkeypatch: pytest.MonkeyPatch, setting: str, has_matrix_units: bool
) -> None:
    monkeypatch.setattr(precision, "_has_matrix_units", lambda device: has_matrix_units)
    with mixed_precision(setting, CPU):
        product = torch.ones(2, 2) @ torch.ones(2, 2)
    expected = {"auto": has_matrix_units, "float32": False, "bfloat16": True}[setting]
    assert product.dtype == (torch.bfloat16 if expected else torch.float32)


def test_training_in_bfloat16_keeps_earlier_entries_and_float32_tensors(
    plain: Plain, settings, planted_step
) -> None:
    step = planted_step(*plain, settings.model_copy(update={"precision": "bfloat16"}), 2)
    assert step.changed - step.statistics == {"classifier.weight", "classifier.bias"}
    assert all(each.dtype == torch.float32 for each in step.child.parameters())


def test_bfloat16_trains_nearly_what_float32_trains(plain: Plain, settings, planted_step) -> None:
    losses = [
        planted_step(*plain, settings.model_copy(update={"precision": name}), 3).training.epochs
        for name in ("float32", "bfloat16")
    ]
    whole, half = (epochs[-1].validation_loss for epochs in losses)
    assert half != whole, "bfloat16 was not used"
    assert half == pytest.approx(whole, rel=0.05)


@pytest.mark.parametrize("cache_bytes", [0, 1e9])
def test_cached_features_and_sliced_gradients_work_in_bfloat16(
    plain: Plain, settings, planted_step, monkeypatch: pytest.MonkeyPatch, cache_bytes: float
) -> None:
    half = settings.model_copy(update={"precision": "bfloat16", "optimizer": "sgd"})
    dense = planted_step(*plain, half, 2, slice(2, None), cache_bytes).child.state_dict()
    monkeypatch.setattr(planted, "sliced_gradients", partial(sliced_gradients, **ALL_LAYERS))
    step = planted_step(*plain, half, 2, slice(2, None), cache_bytes)
    for name, tensor in step.child.state_dict().items():
        torch.testing.assert_close(tensor, dense[name], rtol=0.05, atol=0.02)
