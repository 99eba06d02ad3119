"""Objects are written for workers where they can be, and gone afterwards."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from plantnas import handed
from plantnas.calling.shipping import shipped
from plantnas.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path


def test_a_worker_reads_what_was_handed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = handed.hand_over("double", lambda number: 2 * number)
    with shipped([name], tmp_path) as environment:
        monkeypatch.setattr(handed, "_things", {})
        monkeypatch.setenv(handed.VARIABLE, environment[handed.VARIABLE])
        assert handed.handed(name, "key")(4) == 8
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_sent_is_one_line(tmp_path: Path) -> None:
    name = handed.hand_over("locked", threading.Lock())
    with (
        pytest.raises(
            ConfigurationError,
            match=r"^workers: 'handed/locked' cannot be sent to other processes: .*lock.* Use",
        ),
        shipped([handed.hand_over("fine", 3), name], tmp_path),
    ):
        pass


def test_names_of_nothing_in_memory_need_no_file(tmp_path: Path) -> None:
    with shipped(["plain"], tmp_path / "none") as environment:
        assert environment == {}
    assert not (tmp_path / "none").exists()
