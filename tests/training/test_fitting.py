"""The loop that trains every network."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from plantnas.config import Recipe, StudyConfig
from plantnas.errors import ConfigurationError
from plantnas.measured import Epoch
from plantnas.networks.loader import build_network
from plantnas.training.data import load_dataset
from plantnas.training.evaluation import evaluate
from plantnas.training.fitting import (
    TrainingData,
    TrainingDiverged,
    fit,
    label_loss_of,
    labelled,
    learning_rate_at,
    validate,
)
from plantnas.training.images import UNLABELLED, Images
from plantnas.training.loss import cross_entropy
from plantnas.training.optimizers import whole_network_optimizer
from plantnas.training.views import Inputs

Digits = Callable[[], TrainingData]
RECIPE = Recipe(batch_size=32, precision="float32")


def of_epochs(epochs: int) -> Recipe:
    return RECIPE.model_copy(update={"epochs": epochs})


def trained(
    data: TrainingData, recipe: Recipe = RECIPE, epochs: int = 2, seed: int = 0
) -> tuple[nn.Module, tuple[Epoch, ...]]:
    network = build_network("plain-small", num_classes=10, in_channels=1)
    generator = torch.Generator().manual_seed(seed)
    optimizer = whole_network_optimizer(network, recipe)
    recipe = recipe.model_copy(update={"epochs": epochs})
    return network, fit(network, optimizer, data, recipe, generator)


def first_images(data: TrainingData, count: int, labels: Tensor | None = None) -> TrainingData:
    (pixels,) = data.inputs.tensors
    inputs = Inputs((pixels[:, :count],), data.inputs._mean, data.inputs._std)
    assert data.targets.teacher_logits is not None
    kept = data.targets.labels[:count] if labels is None else labels
    targets = data.targets._replace(
        labels=kept, teacher_logits=data.targets.teacher_logits[:, :count]
    )
    return replace(data, inputs=inputs, targets=targets)


def without_teacher(data: TrainingData) -> TrainingData:
    targets = data.targets._replace(teacher_logits=None)
    return replace(data, targets=targets, loss=cross_entropy)


def test_the_example_is_the_first_two_validation_images(digits: Digits) -> None:
    data = digits()
    (images,) = next(data.validation_inputs.in_order(0, data.validation_inputs.images))
    assert torch.equal(data.example, images[:2])


def test_the_rate_rises_linearly_while_it_warms_up() -> None:
    rates = [learning_rate_at(Recipe(learning_rate=0.8, warmup=0.2), p) for p in (0, 0.05, 0.1)]
    assert rates == pytest.approx([0, 0.2, 0.4])


def test_the_rate_is_highest_at_the_end_of_the_warm_up() -> None:
    recipe = Recipe(learning_rate=0.8, warmup=0.2)
    assert learning_rate_at(recipe, 0.2) == pytest.approx(0.8)
    assert all(learning_rate_at(recipe, step / 100) <= 0.8 for step in range(101))


def test_the_rate_falls_to_zero_along_half_a_cosine() -> None:
    recipe = Recipe(learning_rate=0.8, warmup=0.2)
    rates = [learning_rate_at(recipe, p) for p in (0.4, 0.6, 0.8, 1.0)]
    assert rates == pytest.approx([0.8 * (0.5 + 0.5**1.5), 0.4, 0.8 * (0.5 - 0.5**1.5), 0])


def test_without_a_warm_up_the_rate_starts_at_its_peak() -> None:
    assert learning_rate_at(Recipe(learning_rate=0.8, warmup=0), 0) == pytest.approx(0.8)


class Watched:
    """An optimiser that moves nothing and remembers the rates."""

    def __init__(self) -> None:
        self.rates: list[float] = []
        self.steps = 0

    def zero_grad(self) -> None:
        pass

    def step(self) -> None:
        self.steps += 1

    def set_learning_rate(self, learning_rate: float) -> None:
        self.rates.append(learning_rate)


def test_the_schedule_spans_all_steps_of_all_epochs(digits: Digits) -> None:
    optimizer, generator = Watched(), torch.Generator().manual_seed(0)
    network = build_network("plain-small", num_classes=10, in_channels=1)
    history = fit(network, optimizer, digits(), of_epochs(4), generator)
    assert optimizer.steps == 4 * 3
    assert optimizer.rates == pytest.approx(
        [learning_rate_at(RECIPE, step / 12) for step in range(1, 13)]
    )
    assert [epoch.learning_rate for epoch in history] == optimizer.rates[2::3]


def test_training_that_is_stopped_was_until_then_the_training_of_all_epochs(
    digits: Digits,
) -> None:
    data, asked = digits(), list[Epoch]()

    def stop(epoch: Epoch) -> bool:
        asked.append(epoch)
        return epoch.epoch == 2

    network = build_network("plain-small", num_classes=10, in_channels=1)
    optimizer, generator = whole_network_optimizer(network, RECIPE), torch.Generator()
    history = fit(network, optimizer, data, of_epochs(4), generator.manual_seed(0), stop)
    _, whole = trained(data, epochs=4)
    assert tuple(asked) == history
    assert [epoch[:-1] for epoch in history] == [epoch[:-1] for epoch in whole[:2]]
    assert validate(network, data).loss == pytest.approx(whole[1].validation_loss)


def test_after_the_last_epoch_nobody_asks_whether_to_stop(digits: Digits) -> None:
    asked: list[int] = []

    def stop(epoch: Epoch) -> bool:
        asked.append(epoch.epoch)
        return False

    network = Counted()
    optimizer = whole_network_optimizer(network, RECIPE)
    fit(network, optimizer, digits(), of_epochs(3), torch.Generator(), stop)
    assert asked == [1, 2]


def test_the_same_generators_train_the_same_network(digits: Digits) -> None:
    (first, history), (second, other) = trained(digits()), trained(digits())
    assert [epoch[:-1] for epoch in history] == [epoch[:-1] for epoch in other]
    for name, tensor in first.state_dict().items():
        assert torch.equal(tensor, second.state_dict()[name]), name


def test_another_generator_trains_another_network(digits: Digits) -> None:
    first, second = (trained(digits(), seed=seed)[0].state_dict() for seed in (0, 1))
    assert not torch.equal(first["classifier.weight"], second["classifier.weight"])


def test_training_leaves_the_global_generator_alone(digits: Digits) -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    trained(digits(), epochs=1)
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_an_absurd_rate_is_an_error_that_names_it(digits: Digits, optimizer: str) -> None:
    recipe = Recipe(learning_rate=1e30, batch_size=32, optimizer=optimizer)
    with pytest.raises(
        TrainingDiverged, match=r"^epoch \d+: the training loss is .*1e\+30"
    ) as error:
        trained(digits(), recipe, epochs=3)
    assert "\n" not in str(error.value)


def test_a_tiny_set_is_learnt_by_heart(digits: Digits) -> None:
    data = without_teacher(first_images(digits(), 20))
    network, history = trained(data, Recipe(batch_size=10), epochs=30)
    metrics = evaluate(network, data.inputs, data.targets, data.loss, "train")
    assert metrics.accuracy == 1
    assert history[-1].training_loss < 0.05 * history[0].training_loss


def test_the_student_comes_to_answer_like_its_teacher_without_any_label(digits: Digits) -> None:
    data = first_images(digits(), 96, labels=torch.full((96,), -1))
    _, history = trained(data, epochs=12)
    assert history[-1].validation_accuracy > 0.6


def test_the_history_tells_what_the_network_achieves_on_validation(digits: Digits) -> None:
    data = digits()
    network, history = trained(data)
    metrics = validate(network, data)
    assert (history[-1].validation_loss, history[-1].validation_accuracy) == (
        metrics.loss,
        metrics.accuracy,
    )
    assert [epoch.epoch for epoch in history] == [1, 2]
    assert all(epoch.seconds > 0 for epoch in history)


class Counted(nn.Module):
    """A linear network that remembers how often it met each image of a training batch."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(64, 10), *layers)
        self.met: list[Tensor] = []

    def forward(self, images: Tensor) -> Tensor:
        if self.training:
            self.met.extend(images)
        logits: Tensor = self.layers(images)
        return logits


def indices_met(network: Counted, data: TrainingData) -> list[int]:
    """The image that each training input was a view of."""
    images = torch.arange(data.inputs.images)
    views = [data.inputs.batch(torch.full_like(images, v), images)[0] for v in range(2)]
    same = [
        torch.stack([(view == met).flatten(1).all(1) for view in views]).any(0)
        for met in network.met
    ]
    return [int(row.nonzero()[0]) for row in same]


def test_an_epoch_meets_every_image_once(digits: Digits) -> None:
    data, network = digits(), Counted()
    optimizer = whole_network_optimizer(network, RECIPE)
    fit(network, optimizer, data, of_epochs(1), torch.Generator().manual_seed(0))
    assert sorted(indices_met(network, data)) == list(range(96))


def test_a_balanced_epoch_draws_as_many_images_of_each_class(digits: Digits) -> None:
    config = StudyConfig.model_validate(
        {
            "name": "balanced",
            "search_space": {"architecture": "plain-small"},
            "data": {"name": "digits", "train": 96, "validation": 100, "balance": "sampling"},
        }
    )
    dataset = load_dataset(config.data, 0)
    rare = dataset.train.labels.clamp_max(1)  # one image in ten is of class 0
    rare[0] = UNLABELLED
    train = Images(dataset.train.pixels, rare)
    balanced = labelled(config, replace(dataset, train=train), torch.device("cpu"))
    assert balanced.chances is not None
    chances = [balanced.chances[rare == each].sum().item() for each in (0, 1)]
    assert chances[0] == pytest.approx(chances[1])
    assert balanced.chances[0] == pytest.approx(sum(chances) / 95)
    network, never = Counted(), torch.zeros(96)
    never[7] = 1
    data = replace(digits(), chances=never)
    optimizer = whole_network_optimizer(network, RECIPE)
    fit(network, optimizer, data, of_epochs(1), torch.Generator().manual_seed(0))
    assert indices_met(network, data) == [7] * 96


@pytest.mark.parametrize(
    ("task", "balance", "message"),
    [
        ("regression", "weights", "numbers have no classes to balance"),
        ("multilabel", "sampling", "is of one class an image"),
    ],
)
def test_what_cannot_be_balanced_is_refused(task: str, balance: str, message: str) -> None:
    config = StudyConfig.model_validate(
        {
            "name": "x",
            "search_space": {"architecture": "plain-small"},
            "data": {"name": "digits", "validation": 100, "balance": balance},
        }
    )
    dataset = replace(load_dataset(config.data, 0), task=task)
    with pytest.raises(ConfigurationError, match=rf"^data.balance: {balance}: {message}"):
        label_loss_of(config, dataset)


@pytest.mark.parametrize(
    ("task", "balance", "weights", "message"),
    [
        ("classification", "none", [1.0, 2.0], "has 2 numbers, where the data has 10 classes"),
        ("multilabel", "none", [1.0], "has 1 numbers, where the data has 10 labels"),
        ("regression", "none", [1.0], "numbers have no classes"),
        ("classification", "weights", [0.5] * 10, "data.balance 'weights' would say another"),
    ],
)
def test_weights_that_fit_no_classes_are_refused(
    task: str, balance: str, weights: list[float], message: str
) -> None:
    config = StudyConfig.model_validate(
        {
            "name": "x",
            "search_space": {"architecture": "plain-small"},
            "data": {"name": "digits", "validation": 100, "balance": balance},
            "teacher": {"class_weights": weights},
        }
    )
    dataset = replace(load_dataset(config.data, 0), task=task)
    with pytest.raises(ConfigurationError, match=rf"^teacher.class_weights: .*: {message}"):
        label_loss_of(config, dataset)


def test_classes_weigh_what_the_study_says() -> None:
    weights = [0.5, *[1.0] * 9]
    config = StudyConfig.model_validate(
        {
            "name": "x",
            "search_space": {"architecture": "plain-small"},
            "data": {"name": "digits", "validation": 100},
            "teacher": {"class_weights": weights},
        }
    )
    loss = label_loss_of(config, load_dataset(config.data, 0))
    each = loss.of_each(torch.zeros(2, 10), torch.tensor([0, 1]))
    assert each[0] == each[1] / 2


def test_without_a_teacher_only_labelled_images_are_met(digits: Digits) -> None:
    labels = torch.tensor([3, 1, -1, -1, -1, -1, 2, -1])
    data = without_teacher(first_images(digits(), 8, labels))
    network, recipe = Counted(), Recipe(batch_size=2, epochs=1)
    optimizer = whole_network_optimizer(network, recipe)
    fit(network, optimizer, data, recipe, torch.Generator().manual_seed(0))
    # The third of the labelled images is alone in its batch, and is left out.
    assert len(network.met) == 2
    assert set(indices_met(network, data)) <= {0, 1, 6}


def test_a_batch_norm_of_single_features_survives_one_image_too_many(digits: Digits) -> None:
    data, network = first_images(digits(), 33), Counted(nn.BatchNorm1d(10))
    optimizer = whole_network_optimizer(network, RECIPE)
    (epoch,) = fit(network, optimizer, data, of_epochs(1), torch.Generator().manual_seed(0))
    assert len(network.met) == 32
    assert epoch.training_loss > 0
