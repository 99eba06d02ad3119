"""What a study maximises, by its name."""

from pathlib import Path

import pytest
import torch

from plantnas.errors import ConfigurationError
from plantnas.training.metrics import METRICS, METRICS_OF, Metrics, metrics_of

OUTPUTS, TARGETS = torch.tensor([[0.0], [1.0], [2.0]]), torch.tensor([[0.0], [1.0], [3.0]])


@pytest.mark.parametrize("task", METRICS_OF)
def test_what_a_task_has_is_measured_and_its_first_chosen(task: str) -> None:
    metrics = metrics_of(None, task)  # type: ignore[arg-type]  # a name of the table
    assert (metrics.chosen, *metrics.others[1:]) == METRICS_OF[task]  # type: ignore[index]


def test_the_chosen_one_comes_first_and_each_once() -> None:
    classes = torch.tensor([0, 1, 0, 1])
    logits = torch.tensor([[1.0, 0], [0, 1], [0, 1], [0, 1]])
    values = metrics_of("f1", "classification").measured(logits, classes)
    assert list(values) == ["f1", "accuracy", "balanced_accuracy", "map", "auroc"]
    assert values["accuracy"] == 0.75


def test_a_metric_of_another_task_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"^search.metric: 'r2': is not of multilabel"):
        metrics_of("r2", "multilabel")


def test_a_name_that_nothing_has_is_refused() -> None:
    with pytest.raises(
        ConfigurationError, match=r"^search.metric: 'ap' is unknown. Did you mean 'map'"
    ):
        METRICS.check("ap")


def test_others_that_are_no_number_are_left_out() -> None:
    same = torch.ones(3, 1)
    assert Metrics("accuracy", ("map",)).measured(same, same) == {"accuracy": 1.0}


OWN = """
def error(outputs, targets):
    return -(outputs - targets).abs().max()

def nan(outputs, targets):
    return float("nan")

def words(outputs, targets):
    return "good"

def raising(outputs, targets):
    return outputs[:, 5]

def several(outputs, targets):
    return outputs.mean(0).repeat(2)
"""


@pytest.fixture
def own(folder: Path) -> None:
    (folder / "of_mine.py").write_text(OWN)


def test_a_metric_may_be_the_users_own(own: None) -> None:
    assert Metrics("of_mine:error").measured(OUTPUTS, TARGETS) == {"of_mine:error": -1.0}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nan", ": is nan on 3 images, where a finite number is needed"),
        ("several", ": returned no single number: only one element"),
        ("words", " returned a str, but is to be a function of"),
        ("raising", r": raised IndexError: .* \(of_mine.py:12\)"),
    ],
)
def test_one_that_gives_no_number_is_told_in_one_line(own: None, name: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"^search.metric: 'of_mine:{name}'{message}"):
        Metrics(f"of_mine:{name}").measured(OUTPUTS, TARGETS)
