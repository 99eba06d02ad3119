"""What trainings say while they run, and who hears it: bars, lines, and callbacks of yours.

What bars and lines show is in searching/progress.py and searching/lines.py, how words of other
processes come here in workers/news.py.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import NamedTuple

from plantnas.errors import ConfigurationError
from plantnas.given import check_given
from plantnas.measured import ACCURACY, Epoch, Metric
from plantnas.named import raised


@dataclass(frozen=True)
class TrainingProgress:
    """What a training says after each epoch.

    Attributes:
        kind: What is trained: `teacher`, `seed`, the network of a trial, a `screen` or a `grow`, or
            of a baseline or a finished network its method, such as `l1-kd`, `finish` or `family`.
            Or `logits`, where the teacher answers to one view of all images after the other.
        trial: The trial's number; None if it is none's.
        step: The trial's step.
        epoch: How many epochs, or views, are done.
        epochs: How many there are to be, unless it is stopped early.
        loss: Mean over the epoch; None of logits.
        validation_loss: After it, on the images that networks are chosen by.
        validation: What the study maximises, on these: 0.95 is an accuracy of 95 %.
        metric: The name of that.
        learning_rate: Of the epoch's last step.
        seconds_left: At the pace so far.
        detail: What tells it from others of its method, in words; of a baseline, what it is to
            cost, and its learning rate.
    """

    kind: str
    trial: int | None
    step: int | None
    epoch: int
    epochs: int
    loss: float | None
    validation_loss: float | None
    validation: float | None
    metric: str
    learning_rate: float | None
    seconds_left: float
    detail: str = ""


Listener = Callable[[TrainingProgress], object]
"""Is called after each epoch, while the training waits: what takes long is to be done elsewhere."""


class CallbackFailed(ConfigurationError):
    """What a listener has raised, in one line."""


class _Training(NamedTuple):
    """What is trained, in the words of `TrainingProgress`."""

    kind: str
    trial: int | None = None
    step: int | None = None
    detail: str = ""


class _Part(NamedTuple):
    """Where in a longer training one is: after so many epochs, of so many."""

    done: int
    epochs: int


_listeners = list[Listener]()
_current: ContextVar[_Training | None] = ContextVar("training", default=None)
_part: ContextVar[_Part | None] = ContextVar("part", default=None)


@contextmanager
def listening(*listeners: Listener) -> Iterator[None]:
    """Within, functions of a `TrainingProgress` are called after each epoch of this process.

    So they are after epochs of the workers that `plantnas.search` or `plantnas.run_study` start
    within.

    Args:
        listeners: They are called in their order, after those from around this.

    Raises:
        ConfigurationError: In place of what one of them raises, with its line.
    """
    for listener in listeners:
        check_given("listeners", listener, Callable, "a function of a plantnas.TrainingProgress")
    _listeners.extend(listeners)
    try:
        yield
    finally:
        for listener in listeners:
            _listeners.remove(listener)


@contextmanager
def training(
    kind: str, trial_number: int | None = None, step: int | None = None, detail: str = ""
) -> Iterator[None]:
    """Within, what is trained is told of as that; without this, as in a rehearsal, it is not.

    Args:
        kind: As in `TrainingProgress`.
        trial_number: The trial's.
        step: The trial's.
        detail: As in `TrainingProgress`.
    """
    token = _current.set(_Training(kind, trial_number, step, detail))
    try:
        yield
    finally:
        _current.reset(token)


@contextmanager
def part_of_training(done: int, epochs: int) -> Iterator[None]:
    """Within, a training tells of its epochs as of those of a longer one that it is a part of.

    Args:
        done: Epochs of the longer one that were before.
        epochs: All of it.
    """
    token = _part.set(_Part(done, epochs))
    try:
        yield
    finally:
        _part.reset(token)


def somebody_listens() -> bool:
    """Whether anybody is told."""
    return bool(_listeners)


def tell_epoch(epoch: Epoch, epochs: int, seconds_left: float, metric_name: str) -> None:
    """Tells of an epoch of the training around this, of so many."""
    if (what := _current.get()) is None or not _listeners:
        return
    done, whole = _part.get() or (0, epochs)
    tell(
        TrainingProgress(
            **what._asdict(),
            epoch=done + epoch.epoch,
            epochs=whole,
            loss=epoch.training_loss,
            validation_loss=epoch.validation_loss,
            validation=epoch.validation_accuracy,
            metric=metric_name,
            learning_rate=epoch.learning_rate,
            seconds_left=seconds_left + (whole - done - epochs) * epoch.seconds,
        )
    )


def tell_view(view: int, count: int, seconds_left: float) -> None:
    """Tells of logits that the teacher has given, on one view of so many."""
    if (what := _current.get()) is None or not _listeners:
        return
    tell(
        TrainingProgress(
            **what._asdict(),
            epoch=view,
            epochs=count,
            loss=None,
            validation_loss=None,
            validation=None,
            metric=ACCURACY.name,
            learning_rate=None,
            seconds_left=seconds_left,
        )
    )


def tell(progress: TrainingProgress) -> None:
    """Calls the listeners.

    Raises:
        CallbackFailed: In place of what one raises, with its line.
    """
    for listener in list(_listeners):
        try:
            listener(progress)
        except Exception as error:  # whatever the user's code does
            name = getattr(listener, "__name__", type(listener).__name__)
            raise CallbackFailed(f"callbacks: {name}: {raised(error)}.") from error


def shown(progress: TrainingProgress) -> str:
    """How far it is, in words, without what it is."""
    if progress.loss is None or progress.validation is None:
        return f"view {progress.epoch} of {progress.epochs}"
    metric = Metric(progress.metric)
    return (
        f"epoch {progress.epoch} of {progress.epochs}, loss {progress.loss:.4f}, "
        f"validation {metric.words} {metric.text(progress.validation)}"
    )


def training_title(progress: TrainingProgress) -> str:
    """What is trained, in words."""
    if progress.kind == "logits":
        return "teacher's logits"
    if progress.trial is None:
        return f"{progress.kind} {progress.detail}".strip()
    return f"trial {progress.trial} ({progress.kind} of step {progress.step})"


def time_left(seconds: float) -> str:
    """A time as a clock shows it, and that it is left."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02} left" if hours else f"{minutes}:{seconds:02} left"
