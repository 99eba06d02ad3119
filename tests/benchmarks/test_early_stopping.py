"""The replay of a finished study's screening trials under the rules of early stopping."""

from __future__ import annotations

import runpy
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from plantnas.errors import StudyError
from plantnas.records.database import Database
from plantnas.records.record import LossCurve
from plantnas.trials.assignments import assignment_of

if TYPE_CHECKING:
    from tests.conftest import StudyFolder

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "early_stopping.py"
benchmark = SimpleNamespace(**runpy.run_path(str(SCRIPT)))

LOSSES = [(0.3, 0.2, 0.1), (0.5, 0.2, 0.1), (0.4, 0.2, 0.1), (0.6, 0.2, 0.1), (0.35, 0.9, 0.1)]
"""The median stops the fourth after one epoch, and the fifth after two."""


def step(*winners: int) -> Any:
    screens = [LossCurve(number, 100, losses) for number, losses in enumerate(LOSSES)]
    return benchmark.Step(screens, frozenset(winners))


def test_trials_are_stopped_by_what_finished_before_them() -> None:
    replayed = benchmark.replay("median", {1: step(0)}, 3)
    assert replayed.stopped == {3, 4}
    assert (replayed.epochs_saved, replayed.epochs) == (2 + 1, 15)
    assert (replayed.winners_stopped, replayed.winners, replayed.steps_lost) == (0, 1, ())


def test_steps_do_not_see_one_another() -> None:
    both = benchmark.replay("median", {1: step(0), 2: step(0)}, 3)
    assert both.epochs_saved == 2 * 3


def test_a_stopped_winner_is_counted_with_its_step() -> None:
    replayed = benchmark.replay("median", {1: step(0), 2: step(3, 1)}, 3)
    assert (replayed.winners_stopped, replayed.winners, replayed.steps_lost) == (1, 3, (2,))


def test_epochs_that_a_stopped_trial_was_not_trained_are_compared_to_nobody() -> None:
    """The median after two epochs is .2; with the .9 that the fourth never came to, it were .3."""
    losses = [(0.3, 0.2, 0.1), (0.3, 0.2, 0.1), (0.3, 0.4, 0.1), (0.6, 0.9, 0.1), (0.2, 0.25, 0.1)]
    screens = [LossCurve(number, 100, each) for number, each in enumerate(losses)]
    steps = {1: benchmark.Step(screens, frozenset())}
    assert benchmark.replay("median", steps, 3).stopped == {3, 4}


def test_a_study_that_stopped_trials_itself_is_refused(tiny: StudyFolder, tmp_path: Path) -> None:
    folder = replace(tiny, directory=tmp_path).with_settings(search__early_stopping="halving")
    folder.objective().prepared(folder.open())
    with pytest.raises(StudyError, match="run with early_stopping 'halving'"):
        benchmark.recorded_steps("tiny", tmp_path)


def test_the_steps_of_a_study_are_its_screens_and_the_plantings_that_were_grown(
    finished: StudyFolder,
) -> None:
    steps, epochs = benchmark.recorded_steps("tiny", finished.directory)
    assert epochs == 1
    grown = {
        assignment.step: assignment.screened
        for trial in finished.open().trials
        if (assignment := assignment_of(trial)) and assignment.kind == "grow"
    }
    assert {number: set(each.winners) for number, each in steps.items()} == {
        number: {screened} for number, screened in grown.items()
    }
    database = Database(finished.url)
    for number, each in steps.items():
        assert each.screens == database.loss_curves("tiny", "screen", number)


def test_the_last_line_is_the_median_of_all_studies(
    finished: StudyFolder,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    other = finished.copy(tmp_path / "other")
    folders = [str(folder.directory) for folder in (finished, other)]
    arguments = ["early_stopping.py", str(finished.yaml), "--directory", *folders]
    monkeypatch.setattr(sys, "argv", arguments)
    benchmark.main()
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == "median: 0 of 4 winners stopped, 0 % of screening epochs saved"
