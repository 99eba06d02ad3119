"""Hints: which studies have them, what they compare, and what they do to a training."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from plantnas.channels.groups import analyse
from plantnas.channels.planting import crop
from plantnas.config import StudyConfig
from plantnas.config_files import load_study, with_overrides
from plantnas.errors import ConfigurationError
from plantnas.networks.loader import build_network
from plantnas.training.fitting import TrainingData, fit
from plantnas.training.hints import Hint, answered, hinted_layer, teacher_features
from plantnas.training.optimizers import whole_network_optimizer
from plantnas.training.prefix import BehindPrefix, cut_before
from tests.training.conftest import SETTINGS

Digits = Callable[[], TrainingData]


@pytest.fixture
def hinted(teacher: nn.Module, digits: Digits) -> TrainingData:
    """The digits with the teacher's hints, of a large weight."""
    data = digits()
    features = teacher_features(teacher, data.inputs, "classifier")
    return replace(data, hint=Hint("classifier", 10.0, features))


def half(teacher: nn.Module, data: TrainingData) -> nn.Module:
    """The first half of the teacher's channels, as they are."""
    widths = analyse(teacher, data.example).fraction_of_widths(0.5)
    return crop(deepcopy(teacher), data.example, widths)


def distance(network: nn.Module, data: TrainingData) -> float:
    """How far it is from the teacher's hints on the images as they are."""
    assert data.hint is not None
    indices = torch.arange(data.inputs.images)
    views = torch.zeros_like(indices)
    with torch.no_grad():
        _, given = answered(network.eval(), data.inputs.batch(views, indices), "classifier")
    return data.hint.loss(given, views, indices).item()


def after_training(network: nn.Module, data: TrainingData) -> nn.Module:
    network, recipe = deepcopy(network), SETTINGS.model_copy(update={"epochs": 4})
    optimizer = whole_network_optimizer(network, recipe)
    fit(network, optimizer, data, recipe, torch.Generator().manual_seed(0))
    return network


def test_the_teacher_itself_is_where_its_hints_are(
    teacher: nn.Module, hinted: TrainingData
) -> None:
    assert distance(teacher, hinted) < 1e-6
    assert distance(half(teacher, hinted), hinted) > 0.1


def test_a_network_that_is_given_hints_comes_nearer_to_them(
    teacher: nn.Module, hinted: TrainingData
) -> None:
    start = half(teacher, hinted)
    without = distance(after_training(start, replace(hinted, hint=None)), hinted)
    trained = after_training(start, hinted)
    hint = hinted.hint
    assert hint is not None
    unweighted = after_training(start, replace(hinted, hint=hint._replace(weight=0.0)))
    assert distance(trained, hinted) < 0.8 * without
    assert distance(unweighted, hinted) == without


def test_behind_a_frozen_prefix_the_layer_is_given_the_same(
    teacher: nn.Module, hinted: TrainingData
) -> None:
    names = {name for name in teacher.state_dict() if name.startswith(("features.7", "classifier"))}
    cut, images = cut_before(teacher, names, hinted.example), hinted.example
    assert cut.prefix is not None
    behind: list[tuple[nn.Module, tuple[Tensor, ...]]] = [
        (cut.suffix, cut.prefix(images)),
        (BehindPrefix(cut), (images,)),
    ]
    _, expected = answered(teacher, (images,), "classifier")
    for network, batch in behind:
        torch.testing.assert_close(answered(network.eval(), batch, "classifier")[1], expected)


OTHER_TEACHER: dict[str, Any] = {
    "search_space.teacher.architecture": "plain",
    "seed.start": "fresh",
    "planting.rows": "fresh",
    "search.probes": 0,
}

REFUSED: list[tuple[dict[str, Any], str]] = [
    (OTHER_TEACHER, "another architecture are no student's"),
    ({"planting.rows": "fresh"}, "must be 'teacher' or 'fitted'"),
    ({"seed.start": "fresh"}, "must be 'teacher' or 'fitted'"),
    ({"search_space.wiring": "triangular"}, "wiring must be 'dense'"),
    ({"data.augment": ["RandomVerticalFlip"]}, "data.augment makes others"),
]


def study(changes: dict[str, Any]) -> StudyConfig:
    config = load_study("compare-plain-teacher")
    return with_overrides(config, {"distillation.hint_weight": 0.5, **changes})


@pytest.mark.parametrize(("changes", "message"), REFUSED, ids=lambda each: str(each)[:40])
def test_channels_that_are_not_the_teachers_have_no_hints(
    teacher: nn.Module, digits: Digits, changes: dict[str, Any], message: str
) -> None:
    structure = analyse(teacher, digits().example)
    with pytest.raises(ConfigurationError, match=f"^distillation.hint_weight: 0.5: .*{message}"):
        hinted_layer(study(changes), structure)
    none = study({**changes, "distillation.hint_weight": 0.0})
    assert hinted_layer(none, structure) is None


def test_several_numbers_of_a_channel_are_no_hint() -> None:
    flattening = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.ReLU(), nn.MaxPool2d(3), nn.Flatten(), nn.Linear(16, 10)
    )
    structure = analyse(flattening, torch.zeros(2, 1, 8, 8))
    with pytest.raises(ConfigurationError, match="the channels of one group, one number each"):
        hinted_layer(study({}), structure)
    plain = build_network("plain-small", num_classes=10, in_channels=1)
    assert hinted_layer(study({}), analyse(plain, torch.zeros(2, 1, 8, 8))) == "classifier"
