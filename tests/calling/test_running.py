"""While a search runs, Optuna is quiet, and lines are told to whom they should be."""

from __future__ import annotations

from typing import Any

import optuna
import pytest

from plantnas.calling.running import making_shown, quiet
from plantnas.errors import ArgumentError
from plantnas.listening import TrainingProgress, tell

SO_FAR = TrainingProgress("finish", None, None, 10, 20, 0.25, 0.5, 0.875, "accuracy", 0.01, 14.0)


def test_optuna_is_quiet_meanwhile_and_as_it_was_afterwards() -> None:
    before = optuna.logging.get_verbosity()
    with quiet():
        assert optuna.logging.get_verbosity() == optuna.logging.WARNING
    assert optuna.logging.get_verbosity() == before


@pytest.mark.parametrize(
    ("callbacks", "say", "complaint"),
    [
        ((), "x", "^say: is 'x', where a function of a line"),
        ("x", None, r"^epoch_callbacks: is 'x', where a function of a plantnas\.TrainingProgress"),
        (3, None, "^epoch_callbacks: is 3, where a list of functions"),
    ],
)
def test_what_cannot_be_told_is_refused(callbacks: Any, say: Any, complaint: str) -> None:
    with pytest.raises(ArgumentError, match=complaint):
        making_shown(say, callbacks).__enter__()


def test_a_line_is_shown_whole_and_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    line = "[bold]" + 200 * "x"
    with making_shown(None, ()) as display:
        display.say(line)
    assert capsys.readouterr().out == f"{line}\n"


def test_callbacks_hear_of_epochs_and_a_function_gets_the_lines() -> None:
    said, heard = list[str](), list[TrainingProgress]()
    with making_shown(said.append, [heard.append]):
        tell(SO_FAR)
    assert heard == [SO_FAR]
    assert said == ["finish: epoch 10 of 20, loss 0.2500, validation accuracy 87.50 %, 0:14 left"]
