"""Progress counts what each step has, and bars are full when it is over and not before."""

from __future__ import annotations

import io
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

import optuna
import pytest
from rich.console import Console
from rich.progress import Progress

from plantnas.listening import TrainingProgress
from plantnas.records.optuna_tables import ASSIGNMENT_KEY
from plantnas.searching.bars import bars_columns
from plantnas.searching.progress import (
    ProgressBars,
    StepProgress,
    progress,
    progress_table,
)
from plantnas.trials.history import Assignment

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import StudyFolder


SCREENING = """
from dataclasses import dataclass

@dataclass(frozen=True)
class Screening:
    steps: int = 3

    def assign(self, history, reference):
        return None
"""
"""A policy that makes no probes."""


def bars_of(folder: StudyFolder) -> Progress:
    bars = Progress(*bars_columns(120), console=Console(file=io.StringIO(), width=120))
    ProgressBars(bars, folder.config).show(folder.open())
    return bars


def test_each_step_counts_its_trials_by_kind_and_state(finished: StudyFolder) -> None:
    first, second = progress(finished.open().trials)
    assert [(step.step, step.screened, step.grown) for step in (first, second)] == [
        (1, 3, 1),
        (2, 3, 1),
    ]
    assert first.failed == first.running == 0
    trials = [trial for trial in finished.open().trials if trial.user_attrs.get("step") == 1]
    assert first.rejected == len(trials) - 4


def test_the_best_of_a_step_is_its_best_grown_network(finished: StudyFolder) -> None:
    for step in progress(finished.open().trials):
        assert step.best is not None
        assert step.best.user_attrs["kind"] == "grow"


def test_the_table_has_a_row_a_step(finished: StudyFolder) -> None:
    steps = progress(finished.open().trials)
    table = progress_table(steps)
    cells = [list(column.cells) for column in table.columns]
    assert cells[0] == ["1", "2"]
    assert cells[1] == ["3", "3"]
    assert cells[-1] == [f"{step.best.values[1]:,.0f}" for step in steps if step.best]


def test_the_table_tells_of_early_stopping_if_there_was_any(finished: StudyFolder) -> None:
    first, second = progress(finished.open().trials)
    assert (first.stopped, first.epochs_saved) == (0, 0)
    assert "stopped early" not in headers([first, second])
    stopped = replace(first, stopped=2, epochs_saved=5)
    cells = {
        column.header: list(column.cells) for column in progress_table([stopped, second]).columns
    }
    assert cells["stopped early"] == ["2", "0"]
    assert cells["epochs saved"] == ["5", "0"]
    assert cells["screened"] == ["3", "3"]


def test_the_table_tells_of_probes_if_there_were_any(finished: StudyFolder) -> None:
    first, second = progress(finished.open().trials)
    assert "probed" not in headers([first, second])
    columns = progress_table([replace(first, probed=9), second]).columns
    cells = {column.header: list(column.cells) for column in columns}
    assert (cells["probed"], cells["screened"]) == (["9", "0"], ["3", "3"])


def test_a_probe_is_neither_screened_nor_the_best() -> None:
    probe = optuna.create_trial(
        values=[-0.5, 100.0],
        user_attrs={"kind": "probe"},
        system_attrs={ASSIGNMENT_KEY: asdict(Assignment("probe", 1, None))},
    )
    (step,) = progress([probe])
    assert (step.probed, step.screened, step.grown, step.best) == (1, 0, 0, None)


def headers(steps: list[StepProgress]) -> list[object]:
    return [column.header for column in progress_table(steps).columns]


def test_the_bars_of_a_finished_study_are_full(finished: StudyFolder) -> None:
    assert all(task.finished for task in bars_of(finished).tasks)


def test_the_bar_of_a_step_without_its_grown_network_is_not_full(
    prepared: StudyFolder, tmp_path: Path
) -> None:
    folder = prepared.copy(tmp_path / "study").with_settings(search__steps=1)
    folder.run(trials=10)
    (step,) = progress(folder.open().trials)
    (task,) = bars_of(folder).tasks
    assert (step.screened, step.grown) == (3, 0)
    assert (task.completed, task.total) == (3, 8)
    assert task.fields["trials"].partition(", best")[0] == "3/3 screened, 0 grown"


def test_the_bars_tell_of_probes(probing: StudyFolder) -> None:
    tasks = bars_of(probing).tasks
    assert all(task.finished for task in tasks)
    assert tasks[0].fields["trials"].partition(", best")[0] == "4/4 probed, 2/2 screened, 1 grown"


def test_the_bars_of_a_policy_without_probes_do_not_count_them(
    folder: Path, finished: StudyFolder
) -> None:
    (folder / "screening.py").write_text(SCREENING)
    other = finished.with_settings(search__policy="screening:Screening", search__probes=64)
    bars = Progress(*bars_columns(120), console=Console(file=io.StringIO(), width=120))
    ProgressBars(bars, other.config).show(finished.open())
    assert bars.tasks[0].fields["trials"].partition(", best")[0] == "3/3 screened, 1 grown"


def test_bars_are_not_shown_before_there_is_a_study() -> None:
    from plantnas.config_files import load_study

    bars = Progress(*bars_columns(120), console=Console(file=io.StringIO()))
    ProgressBars(bars, load_study("digits"))
    assert not any(task.visible for task in bars.tasks)


def of_trial(epoch: int, trial: int = 1) -> TrainingProgress:
    left = 60.0 - epoch
    return TrainingProgress("grow", trial, 1, epoch, 9, 0.25, 0.5, 0.875, "accuracy", 0.1, left)


@pytest.fixture
def drawn(begun: StudyFolder) -> tuple[Progress, ProgressBars]:
    bars = Progress(*bars_columns(120), console=Console(file=io.StringIO(), width=120))
    return bars, ProgressBars(bars, begun.config)


def test_a_training_has_a_bar_with_its_loss_and_the_time_left(
    drawn: tuple[Progress, ProgressBars],
) -> None:
    bars, shown = drawn
    shown.told(of_trial(4))
    task = bars.tasks[-1]
    assert (task.description, task.completed, task.total) == ("trial 1 (grow of step 1)", 4, 9)
    assert task.fields["trials"] == "epoch 4 of 9, loss 0.2500, validation accuracy 87.50 %"
    assert task.fields["left"] == "0:56 left"


@pytest.mark.parametrize("width", [80, 120])
def test_a_terminal_cuts_nothing_off(begun: StudyFolder, width: int) -> None:
    file = io.StringIO()
    bars = Progress(*bars_columns(width), console=Console(file=file, width=width))
    ProgressBars(bars, begun.config).told(of_trial(4))
    bars.console.print(bars.get_renderable())
    drawn = file.getvalue()
    assert "\N{HORIZONTAL ELLIPSIS}" not in drawn
    assert "\N{BOX DRAWINGS HEAVY HORIZONTAL}" * 2 in drawn
    said = (
        "trial 1 (grow of step 1) 0:56 left epoch 4 of 9, loss 0.2500, validation accuracy 87.50 %"
    )
    assert set(said.split()) <= set(drawn.split())


def test_bars_are_not_drawn_after_every_epoch(drawn: tuple[Progress, ProgressBars]) -> None:
    bars, shown = drawn
    for epoch in (1, 2, 3):
        shown.told(of_trial(epoch))
    assert bars.tasks[-1].completed == 1


def test_the_bar_of_a_training_goes_when_it_is_over_or_was_stopped(
    drawn: tuple[Progress, ProgressBars], begun: StudyFolder
) -> None:
    bars, shown = drawn
    steps, study = len(bars.tasks), begun.open()
    for number in (1, 2, 3):
        shown.told(of_trial(1, trial=number))
    shown.show(study)
    assert len(bars.tasks) == steps + 3
    stopped = optuna.trial.create_trial(values=[0.5, 100])
    stopped.number = 2
    shown.ended(study, stopped)
    shown.told(of_trial(9))
    shown.show(study)
    assert [task.description for task in bars.tasks[steps:]] == ["trial 3 (grow of step 1)"]
