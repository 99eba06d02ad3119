"""A file is complete under its name, or it is not there."""

from pathlib import Path
from typing import BinaryIO

import pytest

from plantnas.files import write_atomically


def test_the_content_is_under_the_final_name_alone(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "file"
    write_atomically(path, lambda file: file.write(b"content"))
    assert path.read_bytes() == b"content"
    assert list(path.parent.iterdir()) == [path]


def test_a_failing_write_leaves_what_was_there_and_nothing_else(tmp_path: Path) -> None:
    def fail(file: BinaryIO) -> None:
        file.write(b"half")
        raise OSError("the disk is full")

    path = tmp_path / "file"
    path.write_bytes(b"before")
    with pytest.raises(OSError, match="full"):
        write_atomically(path, fail)
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]
