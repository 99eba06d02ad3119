"""Searches beside their baselines are there as words, tables, a plot and a page."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from plantnas.errors import StudyError

if TYPE_CHECKING:
    from pathlib import Path

    from plantnas.calling.result import SearchResult


def test_a_search_stands_beside_its_baselines(compared: SearchResult) -> None:
    found = compared.compare()
    assert set(found.networks["method"]) == {"planting", "scratch"}
    assert list(found.verdict["method"]) == ["planting", "scratch"]
    assert found.sentences[-1].startswith("over all sizes planting is ")
    assert repr(found) == "\n".join(found.sentences)


def test_it_is_shown_in_notebooks_and_as_a_page(compared: SearchResult, tmp_path: Path) -> None:
    found = compared.compare()
    assert found.sentences[-1] in found._repr_html_()
    assert "scratch" in found.page(tmp_path / "page.html").read_text()
    assert {trace.name for trace in found.plot("macs").data} >= {"planting", "scratch"}


def test_a_search_without_baselines_is_one_line(searched: SearchResult) -> None:
    with pytest.raises(StudyError, match=r"^study 'small': has no baselines"):
        searched.compare()
