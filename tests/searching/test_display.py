"""A terminal shows bars, and what is none gets lines without a control character."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from plantnas.listening import TrainingProgress, tell
from plantnas.searching.display import displayed, is_drawn_on, making_displayed, said

if TYPE_CHECKING:
    from tests.conftest import StudyFolder

SO_FAR = TrainingProgress("teacher", None, None, 10, 20, 0.25, 0.5, 0.875, "accuracy", 0.01, 14.0)
WORDS = "epoch 10 of 20, loss 0.2500, validation accuracy 87.50 %"


def shown_on(console: Console, folder: StudyFolder) -> str:
    with displayed(console, folder.config) as display:
        display.say("training the [teacher]")
        tell(SO_FAR)
        display.show(folder.open())
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_log_gets_lines_without_control_characters(begun: StudyFolder) -> None:
    text = shown_on(Console(file=io.StringIO(), width=40), begun)
    assert text == f"training the [teacher]\nteacher: {WORDS}, 0:14 left\n"


def test_a_terminal_shows_bars_below_what_is_said(begun: StudyFolder) -> None:
    text = shown_on(Console(file=io.StringIO(), width=120, force_terminal=True), begun)
    for part in ("training the [teacher]", WORDS, "0:14 left", "step 1", "\x1b["):
        assert part in text


def test_a_function_of_the_callers_gets_the_same_lines(begun: StudyFolder) -> None:
    lines = list[str]()
    with said(lines.append, begun.config):
        tell(SO_FAR)
    tell(replace(SO_FAR, epoch=20))
    assert lines == [f"teacher: {WORDS}, 0:14 left"]


OF_BASELINE = replace(SO_FAR, kind="l1-kd", detail="at 1,339 parameters, rate 0.02")


def made_on(console: Console, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr("plantnas.searching.bars.SECONDS_BETWEEN", 0.0)  # each is drawn
    with making_displayed(console) as display:
        display.tally(2, 12)
        tell(OF_BASELINE)
        tell(replace(OF_BASELINE, epoch=20))
        display.say("l1-kd is [made]")
        display.tally(3, 12)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_terminal_shows_a_baselines_bar_and_how_many_there_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text = made_on(Console(file=io.StringIO(), width=160, force_terminal=True), monkeypatch)
    for part in ("3 of 12 networks", "l1-kd at 1,339 parameters, rate 0.02", WORDS, "is [made]"):
        assert part in text


def test_a_log_gets_a_line_of_each_tenth_epoch_of_a_baseline(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    what, end = "l1-kd at 1,339 parameters, rate 0.02: epoch", "validation accuracy 87.50 %"
    console = Console(file=io.StringIO(), width=40)
    assert made_on(console, monkeypatch).splitlines() == [
        f"{what} 10 of 20, loss 0.2500, {end}, 0:14 left",
        f"{what} 20 of 20, loss 0.2500, {end}",
        "l1-kd is [made]",
    ]


@pytest.mark.parametrize("has_widgets", [False, True])
def test_a_notebook_is_drawn_on_by_its_widgets(
    monkeypatch: pytest.MonkeyPatch, has_widgets: bool
) -> None:
    found = {"ipywidgets": object() if has_widgets else None}
    monkeypatch.setattr("plantnas.searching.display.find_spec", found.get)
    assert is_drawn_on(Console(force_jupyter=True)) == has_widgets


def test_a_dumb_terminal_is_not_drawn_on() -> None:
    console = Console(force_terminal=True, _environ={"TERM": "dumb"})
    assert not is_drawn_on(console)
