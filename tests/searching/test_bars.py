"""Bars count what is made, and none of a training stays that has ended or failed."""

from __future__ import annotations

import io

import pytest
from rich.console import Console
from rich.progress import Progress

from plantnas.listening import TrainingProgress
from plantnas.searching.bars import CountingBar, TrainingBars, bars_columns


def of_baseline(epoch: int, detail: str = "at rate 0.02") -> TrainingProgress:
    loss, best = 0.25, 0.875
    return TrainingProgress(
        "l1-kd", None, None, epoch, 9, loss, loss, best, "accuracy", 0.1, 5.0, detail
    )


@pytest.fixture
def drawn() -> Progress:
    return Progress(*bars_columns(120), console=Console(file=io.StringIO(), width=120))


def test_networks_are_counted(drawn: Progress) -> None:
    counting = CountingBar(drawn, TrainingBars(drawn))
    counting.count(0, 12)
    (task,) = drawn.tasks
    assert (task.fields["trials"], task.fields["left"]) == ("0 of 12 networks", "")
    counting.count(3, 12)
    assert (task.completed, task.total) == (3, 12)
    assert task.fields["trials"] == "3 of 12 networks"
    assert task.fields["left"].endswith(" left")
    counting.count(12, 12)
    assert task.fields["left"] == ""


def test_the_bar_of_a_training_that_has_failed_goes_with_the_next_count(drawn: Progress) -> None:
    trainings = TrainingBars(drawn)
    counting = CountingBar(drawn, trainings)
    trainings.told(of_baseline(2))
    trainings.told(of_baseline(3, "at rate 0.04"))
    trainings.draw()
    titles = [task.description for task in drawn.tasks]
    assert titles == ["l1-kd at rate 0.02", "l1-kd at rate 0.04"]
    counting.count(1, 2)
    assert [task.description for task in drawn.tasks] == ["networks"]
    trainings.told(of_baseline(4))  # which goes on
    trainings.draw()
    assert [task.description for task in drawn.tasks] == ["networks", "l1-kd at rate 0.02"]
