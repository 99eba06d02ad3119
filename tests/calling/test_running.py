"""While a search runs, Optuna is quiet, and lines are told to whom they should be."""

from __future__ import annotations

from typing import Any

import optuna
import pytest

from plantnas.calling.running import quiet, shown
from plantnas.errors import ArgumentError


def test_optuna_is_quiet_meanwhile_and_as_it_was_afterwards() -> None:
    before = optuna.logging.get_verbosity()
    with quiet():
        assert optuna.logging.get_verbosity() == optuna.logging.WARNING
    assert optuna.logging.get_verbosity() == before
    given: Any = "x"
    with pytest.raises(ArgumentError, match=r"^say: is 'x', where a function of a line"):
        quiet(given).__enter__()


def test_a_line_is_shown_whole_and_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    line = "[bold]" + 200 * "x"
    shown(line)
    assert capsys.readouterr().out == f"{line}\n"
