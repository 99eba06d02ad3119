"""What the tests of commands share: how a mistake must look."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import Ended, StudyFolder


@pytest.fixture
def yaml(tmp_path: Path, tiny: StudyFolder) -> Callable[..., Path]:
    """Writes the small study with some text replaced."""

    def write(old: str = "", new: str = "") -> Path:
        text = tiny.yaml.read_text()
        assert old in text
        path = tmp_path / "tiny.yaml"
        path.write_text(text.replace(old, new))
        return path

    return write


def assert_one_line(ended: Ended, *parts: str) -> None:
    assert ended.exit_code == 2, ended
    assert ended.stderr.startswith("plantnas: ")
    assert ended.stderr.count("\n") == 1
    for part in parts:
        assert part in ended.stderr
