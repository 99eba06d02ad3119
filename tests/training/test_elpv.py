"""What is wrong with the photographs of solar cells is one line."""

from pathlib import Path

import pytest

from plantnas.config import Data
from plantnas.errors import DataError
from plantnas.training.data import load_dataset
from plantnas.training.datasets import elpv


def test_the_package_is_asked_for_where_it_is_not_installed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(elpv, "find_spec", lambda name: None)
    with pytest.raises(DataError, match=r"elpv: .*pip install 'plantnas\[examples\]'"):
        load_dataset(Data(name="elpv", validation=3), 0)


def test_a_line_that_says_something_else_is_named(tmp_path: Path) -> None:
    lines = "images/cell0001.png  1.0  mono\nimages/cell0002.png  likely  mono\n"
    (tmp_path / "labels.csv").write_text(lines)
    with pytest.raises(DataError, match=r"labels.csv: line 2: 'images/cell0002.png +likely +mono'"):
        load_dataset(Data(name="elpv", root=str(tmp_path), validation=3), 0)
