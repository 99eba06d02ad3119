"""Bars that move: one for each training, with its loss and the time left, and one that counts.

Those of a study's steps are in progress.py, which console has bars at all is in display.py.
"""

import time

from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.table import Column

from plantnas.listening import TrainingProgress, shown, time_left, training_title

SECONDS_BETWEEN = 1.0
"""Between two drawings of bars while trainings tell how far they are."""
ROOMY = 125
"""On a terminal of so many characters bars are long."""


class TrainingBars:
    """A bar for each training.

    They are drawn when they are told something, once a second at most: to draw them takes a few
    milliseconds of a core that could train.
    """

    def __init__(self, bars: Progress) -> None:
        """Adds bars to `bars` when there are trainings."""
        self._bars = bars
        self._told = dict[str, TrainingProgress]()
        self._tasks = dict[str, TaskID]()
        self._due = time.monotonic()

    def told(self, so_far: TrainingProgress) -> None:
        """Moves the bar of a training, which goes with its last epoch."""
        self._told[training_title(so_far)] = so_far
        if time.monotonic() >= self._due:
            self.draw()

    def forget(self, trial_number: int | None) -> None:
        """Takes away the bars of a trial, or of what is none's; those that go on come again."""
        for title, so_far in list(self._told.items()):
            if so_far.trial == trial_number:
                del self._told[title]
                if title in self._tasks:
                    self._bars.remove_task(self._tasks.pop(title))

    def draw(self) -> None:
        """Draws what was told."""
        for title, so_far in list(self._told.items()):
            if title not in self._tasks:
                # It is drawn as it is added.
                self._tasks[title] = self._bars.add_task(title, visible=False, trials="", left="")
            self._bars.update(
                self._tasks[title],
                visible=True,
                completed=so_far.epoch,
                total=so_far.epochs,
                trials=shown(so_far),
                left=time_left(so_far.seconds_left),
            )
            if so_far.epoch == so_far.epochs:
                self._bars.remove_task(self._tasks.pop(title))
                del self._told[title]
        self._bars.refresh()
        self._due = time.monotonic() + SECONDS_BETWEEN


class CountingBar:
    """A bar of how many networks are made, with the time left at the pace so far."""

    def __init__(self, bars: Progress, trainings: TrainingBars) -> None:
        """Adds a bar to `bars` when there is something to count, which is made by `trainings`."""
        self._bars, self._trainings = bars, trainings
        self._task: TaskID | None = None
        self._begin = time.monotonic()

    def count(self, number: int, total: int) -> None:
        """Moves the bar."""
        if self._task is None:
            self._task = self._bars.add_task("networks", trials="", left="")
        pace = (time.monotonic() - self._begin) / max(number, 1)
        self._bars.update(
            self._task,
            completed=number,
            total=total,
            trials=f"{number} of {total} networks",
            left=time_left(pace * (total - number)) if 0 < number < total else "",
        )
        self._trainings.forget(None)  # one that has diverged would stay
        self._trainings.draw()


def bars_columns(width: int) -> tuple[TextColumn | BarColumn, ...]:
    """The columns of all bars.

    Args:
        width: Of the terminal, in characters. What does not fit wraps: neither the bar nor the time
            left is cut off.
    """
    return (
        TextColumn("{task.description}"),
        BarColumn(20 if width >= ROOMY else 6, table_column=Column(no_wrap=True)),
        TextColumn("{task.fields[trials]}", table_column=Column()),
        TextColumn("{task.fields[left]}"),
    )
