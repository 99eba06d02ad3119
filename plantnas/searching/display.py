"""What shows how far a study has come: bars on a terminal or in a notebook, lines elsewhere."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from typing import NamedTuple, Protocol

import optuna
from optuna.trial import FrozenTrial
from rich.console import Console
from rich.progress import Progress

from plantnas.config import StudyConfig
from plantnas.errors import Say
from plantnas.listening import TrainingProgress, listening
from plantnas.searching.bars import CountingBar, TrainingBars, bars_columns
from plantnas.searching.lines import Lines
from plantnas.searching.progress import ProgressBars, StepProgress, plainly


class Display(Protocol):
    """Shows how far a study has come."""

    @property
    def say(self) -> Say:
        """Says a line, above the bars if there are any."""

    @property
    def callbacks(self) -> Sequence[Callable[[optuna.Study, FrozenTrial], object]]:
        """What is to be called with the study and each trial that has ended."""

    def told(self, so_far: TrainingProgress) -> None:
        """Shows how far a training is."""

    def show(self, study: optuna.Study) -> Sequence[StepProgress]:
        """Shows how far the steps are, and returns it."""


@contextmanager
def displayed(console: Console, config: StudyConfig) -> Iterator[Display]:
    """Within, a console shows how far a study is, with what trainings of this process say."""
    if not is_drawn_on(console):
        with said(plainly(console), config) as lines:
            yield lines
        return
    with Progress(*bars_columns(console.width), console=console, auto_refresh=False) as progress:
        bars = ProgressBars(progress, config)
        with listening(bars.told):
            yield bars


@contextmanager
def said(say: Say, config: StudyConfig) -> Iterator[Display]:
    """The same in lines, which a function of the caller's says."""
    lines = Lines(say, config.search.cost)
    with listening(lines.told):
        yield lines


class Making(NamedTuple):
    """Shows how far networks are that are made beside a search: baselines, finished ones.

    Attributes:
        say: Says a line, above the bars if there are any.
        tally: Shows how many are made, and of how many.
    """

    say: Say
    tally: Callable[[int, int], object]


@contextmanager
def making_displayed(console: Console) -> Iterator[Making]:
    """Within, a console shows how far trainings of such networks are, and how many are made."""
    if not is_drawn_on(console):
        with making_said(plainly(console)) as lines:
            yield lines
        return
    with Progress(*bars_columns(console.width), console=console, auto_refresh=False) as progress:
        bars = TrainingBars(progress)
        with listening(bars.told):
            yield Making(plainly(console), CountingBar(progress, bars).count)


@contextmanager
def making_said(say: Say) -> Iterator[Making]:
    """The same in lines, which a function of the caller's says."""
    with listening(Lines(say).told):
        yield Making(say, lambda number, total: None)


def is_drawn_on(console: Console) -> bool:
    """Whether what a console has shown can be drawn over."""
    if console.is_jupyter:
        return find_spec("ipywidgets") is not None
    return console.is_terminal and not console.is_dumb_terminal
