"""Training of planted channels in a plain network: the settings, the cache, and what is learnt.

That all architectures keep their earlier entries and give exact crops is in test_exactness.py.
"""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from plantnas.channels.groups import analyse
from plantnas.channels.structure import classifier_tensors
from plantnas.channels.wiring import left_out, triangular
from plantnas.config import Planting
from plantnas.training import planted
from plantnas.training.features import FeatureCache
from plantnas.training.fitting import TrainingData, TrainingDiverged, validate
from plantnas.training.planted import Child, train_planted
from plantnas.training.sliced import sliced_gradients
from tests.training.conftest import ALL_LAYERS, Step, child_of

Plain = tuple[nn.Module, TrainingData]


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd"])
@pytest.mark.parametrize("batch_norm", ["batch", "running"])
def test_no_optimizer_and_no_weight_decay_reaches_earlier_entries(
    plain: Plain, planted_step, optimizer: str, batch_norm: str
) -> None:
    settings = Planting(
        optimizer=optimizer, weight_decay=0.1, batch_norm=batch_norm, learning_rate=0.05
    )
    step = planted_step(*plain, settings, epochs=2)
    changed = step.changed - step.statistics
    assert changed == {"classifier.weight", "classifier.bias"}


def test_a_planted_classifier_keeps_its_earlier_columns_and_bias(
    plain: Plain, settings, planted_step
) -> None:
    decayed = settings.model_copy(update={"classifier": "planted", "weight_decay": 0.1})
    step = planted_step(*plain, decayed, epochs=2)
    assert step.changed <= step.statistics
    mask = step.planted["classifier.weight"]
    before, after = (each.state_dict() for each in (step.untrained, step.child))
    assert not torch.equal(before["classifier.weight"][mask], after["classifier.weight"][mask])


@pytest.mark.parametrize("classifier", ["retrained", "planted"])
def test_the_trained_entries_are_counted(
    plain: Plain, settings, planted_step, classifier: str
) -> None:
    step = planted_step(*plain, settings.model_copy(update={"classifier": classifier}))
    before, after = step.untrained.state_dict(), step.child.state_dict()
    moved = sum(
        int((before[name] != after[name]).sum()) for name, _ in step.child.named_parameters()
    )
    # An entry may have no gradient (a dead ReLU), but none moves that is not counted.
    assert 0.9 * step.training.trained_entries <= moved <= step.training.trained_entries


def test_everything_before_the_first_planted_layer_stays_as_it_was(
    plain: Plain,
    planted_step,
) -> None:
    step = planted_step(*plain, groups=slice(2, None))
    before_it = ("features.0.", "features.1.", "features.3.", "features.4.")
    changed = step.changed
    assert not any(name.startswith(before_it) for name in changed)
    # From the first planted layer on, the statistics follow the new inputs.
    assert {"features.8.running_mean", "features.11.running_var"} <= changed


def test_running_statistics_of_earlier_channels_stay_as_they_were(
    plain: Plain,
    settings,
    planted_step,
) -> None:
    step = planted_step(*plain, settings.model_copy(update={"batch_norm": "running"}), epochs=2)
    kept = {name for name in step.statistics if "running" in name}
    assert step.changed.isdisjoint(kept)
    mask = step.planted["features.4.running_mean"]
    before, after = (
        each.state_dict()["features.4.running_mean"] for each in (step.untrained, step.child)
    )
    assert (before[mask] != after[mask]).all()


class Watched(nn.Module):
    """A BatchNorm's place: remembers what went in and came out while it was trained."""

    def __init__(self, norm: nn.BatchNorm2d) -> None:
        super().__init__()
        self.seen: list[tuple[Tensor, Tensor]] = []
        norm.register_forward_pre_hook(lambda _, inputs: self._went_in(inputs[0]))

    def _went_in(self, features: Tensor) -> None:
        self._features = features.detach().clone()

    def forward(self, features: Tensor) -> Tensor:
        if self.training:
            self.seen.append((self._features, features.detach().clone()))
        return features.relu()


def by_running_statistics(norm: nn.Module, features: Tensor) -> Tensor:
    state = norm.state_dict()
    return functional.batch_norm(
        features, state["running_mean"], state["running_var"], state["weight"], state["bias"]
    )


@pytest.mark.parametrize("batch_norm", ["batch", "running"])
def test_earlier_channels_are_normalised_by_the_statistics_that_the_settings_name(
    plain: Plain, settings, batch_norm: str
) -> None:
    parent, data = deepcopy(plain[0]), plain[1]
    norm, old = parent.features[4], parent.features[4].num_features
    parent.features[5] = Watched(norm)
    (example,) = next(data.validation_inputs.in_order(0, 2))
    name = list(analyse(parent, example).growable)[1]
    child = child_of(parent, example, {name: 2})
    watched = Watched(child.network.features[4])
    child.network.features[5] = watched
    recipe = settings.model_copy(update={"batch_norm": batch_norm, "epochs": 1})
    train_planted(child, data, recipe, FeatureCache(1e9), torch.Generator().manual_seed(0))
    assert len(watched.seen) == 6
    for features, normalised in watched.seen:
        expected = by_running_statistics(norm, features[:, :old])
        same = torch.allclose(normalised[:, :old], expected, rtol=1e-4, atol=1e-5)
        assert same == (batch_norm == "running")


def test_the_row_rate_slows_new_channels_own_entries_alone(
    plain: Plain, settings, planted_step
) -> None:
    def moves(row_rate: float) -> tuple[Tensor, Tensor]:
        still = settings.model_copy(update={"row_rate": row_rate, "optimizer": "sgd"})
        step = planted_step(*plain, still)
        name = "features.3.weight"
        move = (step.child.state_dict()[name] - step.untrained.state_dict()[name]).abs()
        rows = step.planted[name].flatten(1).all(1)
        columns = step.planted[name] & ~rows[:, None, None, None]
        return move[rows].mean(), move[columns].mean()

    (slow_rows, slow_columns), (rows, columns) = moves(0.01), moves(1.0)
    assert slow_rows < 0.1 * rows
    assert slow_columns > 0.3 * columns


def test_l2_sp_holds_planted_entries_near_their_start(plain: Plain, settings, planted_step) -> None:
    def moved(l2_sp: float) -> Tensor:
        step = planted_step(*plain, settings.model_copy(update={"l2_sp": l2_sp}))
        name = "features.3.weight"
        move = step.child.state_dict()[name] - step.untrained.state_dict()[name]
        return move[step.planted[name]].abs().mean()

    assert moved(30.0) < 0.5 * moved(0.0)


def test_the_loss_goes_down(plain: Plain, settings, planted_step) -> None:
    fast = settings.model_copy(update={"learning_rate": 0.05})
    epochs = planted_step(*plain, fast, epochs=12).training.epochs
    assert len(epochs) == 12
    assert epochs[-1].training_loss < 0.7 * epochs[0].training_loss
    assert epochs[-1].validation_loss < 0.8 * epochs[0].validation_loss


def test_a_classifier_of_two_names_is_trained_once(plain: Plain, planted_step) -> None:
    parent, data = plain
    twice = deepcopy(parent)
    twice.also = twice.classifier
    steps = [planted_step(each, data).training for each in (parent, twice)]
    assert steps[0].trained_entries == steps[1].trained_entries


def test_planted_channels_make_the_network_better_than_its_classifier_alone(
    plain: Plain,
    settings,
    planted_step,
) -> None:
    parent, data = plain
    (example,) = next(data.validation_inputs.in_order(0, 2))
    classifier = classifier_tensors(analyse(parent, example))
    whole = {name: torch.ones_like(parent.get_parameter(name)) > 0 for name in classifier}
    retrained = train_planted(
        Child(deepcopy(parent), whole, classifier, "parent", analyse(parent, example)),
        data,
        settings.model_copy(update={"epochs": 8}),
        FeatureCache(1e9),
        torch.Generator().manual_seed(0),
    )
    grown = planted_step(parent, data, epochs=8).training.epochs[-1]
    assert grown.validation_loss < retrained.epochs[-1].validation_loss


@pytest.mark.parametrize("batch_norm", ["batch", "running"])
def test_stopped_training_leaves_a_whole_network_behind(
    plain: Plain, settings, batch_norm: str
) -> None:
    parent, data = plain
    (example,) = next(data.validation_inputs.in_order(0, 2))
    generator = torch.Generator().manual_seed(0)
    planting = dict.fromkeys(analyse(parent, example).growable, 1)
    child = child_of(parent, example, planting, generator)
    training = train_planted(
        child,
        data,
        settings.model_copy(update={"batch_norm": batch_norm, "epochs": 8}),
        FeatureCache(1e9),
        generator,
        stop=lambda epoch: epoch.epoch == 3,
    )
    assert [epoch.epoch for epoch in training.epochs] == [1, 2, 3]
    assert validate(child.network, data).loss == pytest.approx(training.epochs[-1].validation_loss)
    assert not any(module._forward_hooks for module in child.network.modules())


def test_the_same_generators_train_the_same_child(
    plain: Plain,
    planted_step,
) -> None:
    first, second = planted_step(*plain), planted_step(*plain)
    for name, tensor in first.child.state_dict().items():
        assert torch.equal(tensor, second.child.state_dict()[name]), name


@pytest.mark.parametrize("batch_norm", ["batch", "running"])
def test_cached_features_train_what_the_prefix_itself_trains(
    plain: Plain, settings, planted_step, batch_norm: str
) -> None:
    """To rounding: a convolution of another batch size may sum in another order."""
    by_sgd = settings.model_copy(update={"batch_norm": batch_norm, "optimizer": "sgd"})
    cached, behind = (
        planted_step(*plain, by_sgd, 2, slice(2, None), cache_bytes) for cache_bytes in (1e9, 0)
    )
    for name, tensor in cached.child.state_dict().items():
        torch.testing.assert_close(behind.child.state_dict()[name], tensor, rtol=1e-5, atol=1e-6)
    assert not torch.equal(
        cached.child.state_dict()["features.7.weight"],
        cached.untrained.state_dict()["features.7.weight"],
    )


def test_a_second_child_of_the_parent_finds_the_features_of_the_first(
    plain: Plain,
    settings,
) -> None:
    parent, data = plain
    (example,) = next(data.validation_inputs.in_order(0, 2))
    cache, recipe = FeatureCache(1e9), settings.model_copy(update={"epochs": 3})
    last, trained = list(analyse(parent, example).growable)[-1], []
    for channels in (1, 2):
        child = child_of(parent, example, {last: channels})
        prefix_runs: list[int] = []
        first = child.network.features[0]
        first.register_forward_hook(lambda *_, runs=prefix_runs: runs.append(1))
        train_planted(child, data, recipe, cache, torch.Generator().manual_seed(0))
        trained.append(len(prefix_runs))
    # The first child's own check, the size, two training views and the validation; then the check.
    assert trained == [7, 2]


@pytest.fixture
def slices_of_narrow_layers_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planted, "sliced_gradients", partial(sliced_gradients, **ALL_LAYERS))


def test_gradients_of_slices_train_what_whole_gradients_train(
    plain: Plain, settings, planted_step, request: pytest.FixtureRequest
) -> None:
    by_sgd = settings.model_copy(update={"optimizer": "sgd"})
    whole = planted_step(*plain, by_sgd, 2).child.state_dict()
    request.getfixturevalue("slices_of_narrow_layers_too")
    for name, tensor in planted_step(*plain, by_sgd, 2).child.state_dict().items():
        torch.testing.assert_close(tensor, whole[name], rtol=1e-4, atol=1e-5)


class EndsInAConvolution(nn.Module):
    """As SqueezeNet does: the classifier is a 1x1 convolution before the pooling."""

    def __init__(self, features: nn.Module) -> None:
        super().__init__()
        self.features, self.classifier = features, nn.Conv2d(16, 10, 1)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.classifier(self.features(images)).mean((2, 3))
        return logits


@pytest.mark.usefixtures("slices_of_narrow_layers_too")
def test_a_convolution_as_classifier_is_retrained_whole(plain: Plain, planted_step) -> None:
    parent, data = plain
    step = planted_step(EndsInAConvolution(deepcopy(parent.features)).eval(), data)
    before, after = (each.classifier.weight for each in (step.untrained, step.child))
    assert (before != after).float().mean() > 0.9


class Untraceable(nn.Module):
    """A network whose Python looks at the shape of the images, so that it cannot be cut."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        return self.network(images * {1: 1.0, 3: 2.0}[images.shape[1]])


def test_a_network_that_cannot_be_cut_is_trained_by_the_same_rules(
    plain: Plain,
    planted_step,
) -> None:
    parent, data = plain
    last = slice(-1, None)
    whole = planted_step(Untraceable(parent).eval(), data, epochs=6, groups=last)
    cut = planted_step(parent, data, epochs=6, groups=last)
    changed = whole.changed - whole.statistics
    assert changed == {"network.classifier.weight", "network.classifier.bias"}
    assert whole.training.trained_entries == cut.training.trained_entries
    losses = [step.training.epochs[-1].validation_loss for step in (whole, cut)]
    assert losses[0] == pytest.approx(losses[1], rel=0.3)


def test_hooks_of_the_training_are_gone_afterwards(
    plain: Plain,
    settings,
    planted_step,
) -> None:
    step = planted_step(*plain, settings.model_copy(update={"batch_norm": "running"}))
    assert not any(module._forward_hooks for module in step.child.modules())


def test_the_time_is_told_by_phase(
    plain: Plain,
    planted_step,
) -> None:
    seconds = planted_step(*plain, groups=slice(2, None)).training.seconds
    assert set(seconds) == {"prefix", "training"}
    assert all(value > 0 for value in seconds.values())


def test_all_views_of_the_images_are_trained_on(
    plain: Plain,
    planted_step,
) -> None:
    parent, data = plain
    assert data.targets.teacher_logits is not None
    logits = data.targets.teacher_logits.clone()
    logits[1] = float("nan")
    broken = replace(data, targets=data.targets._replace(teacher_logits=logits))
    with pytest.raises(TrainingDiverged):
        planted_step(parent, broken)


@pytest.fixture(scope="session")
def triangular_step(seed_of: Callable) -> Callable:
    """Trains all groups of a network, planted once, whose old channels see no new ones."""

    def step(settings: Any, architecture: str = "plain-small") -> Any:
        parent, data = seed_of(architecture)
        (example,) = next(data.validation_inputs.in_order(0, 2))
        structure = triangular(analyse(parent, example), parent, [])
        planting = {name: 2 * group.granularity for name, group in structure.growable.items()}
        generator = torch.Generator().manual_seed(0)
        child = child_of(parent, example, planting, generator, structure)
        untrained = deepcopy(child.network)
        training = train_planted(child, data, settings, FeatureCache(1e9), generator)
        planted = dict(child.planted)
        return Step(parent, structure, child.network.eval(), untrained, planted, training), child

    return step


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd"])
def test_old_channels_stay_as_they_were_and_see_no_new_ones(
    triangular_step: Callable, settings: Any, optimizer: str
) -> None:
    given = {"optimizer": optimizer, "weight_decay": 0.1, "epochs": 1}
    step, child = triangular_step(settings.model_copy(update=given))
    counts = {name for name in step.statistics if name.endswith("num_batches_tracked")}
    assert step.changed - counts == step.classifier
    state = child.network.state_dict()
    assert not any(state[name][mask].any() for name, mask in left_out(child.structure).items())
    before = step.untrained.state_dict()
    moved = [
        not torch.equal(before[name][mask], state[name][mask])
        for name, mask in step.planted.items()
    ]
    assert sum(moved) >= 0.9 * len(moved)
