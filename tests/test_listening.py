"""Who listens hears each epoch of what is trained; what is wrong with a listener is one line."""

import pytest

from plantnas.errors import PlantnasError
from plantnas.listening import (
    TrainingProgress,
    listening,
    part_of_training,
    shown,
    somebody_listens,
    tell_epoch,
    tell_view,
    time_left,
    training,
    training_title,
)
from plantnas.measured import Epoch

EPOCH = Epoch(3, 0.01, 0.25, 0.5, 0.875, 2.0)


def tell_all() -> None:
    with training("grow", 7, 2):
        tell_epoch(EPOCH, 10, 14.0, "accuracy")


def test_listeners_hear_what_is_trained_and_how_far_it_is() -> None:
    heard = list[TrainingProgress]()
    with listening(heard.append):
        tell_all()
    assert heard == [
        TrainingProgress("grow", 7, 2, 3, 10, 0.25, 0.5, 0.875, "accuracy", 0.01, 14.0)
    ]
    assert training_title(heard[0]) == "trial 7 (grow of step 2)"
    assert shown(heard[0]) == "epoch 3 of 10, loss 0.2500, validation accuracy 87.50 %"


def test_what_is_trained_to_try_it_out_is_not_told_of() -> None:
    heard = list[TrainingProgress]()
    with listening(heard.append):
        tell_epoch(EPOCH, 10, 14.0, "accuracy")
        tell_view(1, 4, 1.0)
    assert heard == []


def test_a_teachers_logits_are_told_of_by_views() -> None:
    heard = list[TrainingProgress]()
    with listening(heard.append), training("logits"):
        tell_view(1, 4, 1.0)
    assert [f"{training_title(each)}: {shown(each)}" for each in heard] == [
        "teacher's logits: view 1 of 4"
    ]


def test_nobody_is_told_afterwards_and_who_was_there_before_still_is() -> None:
    outer, inner = list[TrainingProgress](), list[TrainingProgress]()
    with listening(outer.append):
        with listening(inner.append):
            tell_all()
        tell_all()
    tell_all()
    assert (len(outer), len(inner)) == (2, 1)
    assert not somebody_listens()


def test_what_a_listener_raises_is_one_line_with_its_name() -> None:
    def board(progress: TrainingProgress) -> None:
        raise RuntimeError("no such board")

    with (
        pytest.raises(PlantnasError, match=r"^callbacks: board: raised RuntimeError: no such b"),
        listening(board),
    ):
        tell_all()


@pytest.mark.parametrize("listener", [None, 3, "print"])
def test_what_cannot_be_called_is_refused(listener: object) -> None:
    with (
        pytest.raises(PlantnasError, match=r"^listeners: is .*TrainingProgress is needed"),
        listening(listener),
    ):
        raise AssertionError("it is refused before")


@pytest.mark.parametrize(
    ("seconds", "said"), [(5.4, "0:05 left"), (119.7, "2:00 left"), (3725, "1:02:05 left")]
)
def test_time_is_left_as_on_a_clock(seconds: float, said: str) -> None:
    assert time_left(seconds) == said


def test_a_part_of_a_training_is_told_of_as_that() -> None:
    heard = list[TrainingProgress]()
    what = training("l1-kd", detail="at rate 0.02")
    with listening(heard.append), what, part_of_training(4, 12):
        tell_epoch(Epoch(3, 0.1, 1.0, 1.0, 0.5, seconds=2.0), 5, 4.0, "accuracy")
    (progress,) = heard
    assert (progress.epoch, progress.epochs) == (7, 12)
    assert progress.seconds_left == 4 + 3 * 2
    assert training_title(progress) == "l1-kd at rate 0.02"
