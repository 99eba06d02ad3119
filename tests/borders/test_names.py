"""Names, folders and URLs that nothing can have are one line, and nothing is made of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.cli.conftest import assert_one_line

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import Ended

LONG = 300
"""Characters: more than the name of a file may have."""

COMMANDS = [
    ["status", "n" * LONG],
    ["status", "n" * 5000],
    ["status", "two\nlines"],
    ["status", "\udcff"],
    ["status", ""],
    ["worker", "n" * LONG],
    ["run", "digits", "--name", "n" * 5000],
    ["status", "digits", "--directory", "d" * LONG],
    ["status", "digits", "--storage", "postgresql://me@host:abc/studies"],
    ["status", "digits", "--storage", "postgresql://me@host:99999999/studies"],
    ["run", "digits", "--storage", "postgresql://me@host:abc/studies"],
    ["status", "digits", "--storage", "sqlite:///a\0b.db"],
    ["run", "digits", "--storage", "sqlite:///a\0b.db"],
    ["run", "digits", "--storage", f"sqlite:///{'d' * LONG}.db"],
    ["run", "digits", "--directory", "d" * LONG],
    ["launch", "local", "digits", "--workers", "1", "--directory", "d" * LONG],
    ["db", "upgrade", "n" * LONG],
    ["db", "clean", "n" * LONG],
]


@pytest.mark.parametrize(
    "command",
    COMMANDS,
    ids=lambda words: " ".join(words)[:60].encode("unicode_escape").decode(),
)
def test_what_nothing_can_be_called_is_one_line(
    plantnas: Callable[..., Ended], tmp_path: Path, command: list[str]
) -> None:
    assert_one_line(plantnas(*command))
    assert not list((tmp_path / "here").iterdir())
