"""A study's lineage is trained again, with the next size along or without."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from benchmarks.ahead import best_lineage, joined_study, lineage_with
from plantnas.searching.preparing import prepare

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import StudyFolder


@pytest.mark.slow
def test_with_the_studys_own_settings_its_networks_are_made_again(
    looking: StudyFolder, tmp_path: Path
) -> None:
    folder = looking.copy(tmp_path / "study")
    joined = joined_study(folder.config.name, folder.directory)
    networks, prepared = joined.records.networks(), prepare(joined)
    lineage = best_lineage(networks)
    assert [each.step for each in lineage] == [0, 1, 2]
    weight = folder.config.search.ahead
    made = list(lineage_with(joined, prepared, lineage, {"search.ahead": weight}))
    assert [each.epochs for each in made] == [len(each.epochs) for each in lineage]
    # The seed and the first step's network; the study's second was trained along with another probe
    # than the one that won, if a worse one did.
    ahead = lineage[0].ahead
    assert ahead is not None
    if ahead.widths == lineage[1].widths:
        assert made[0].evaluation == lineage[0].evaluations[0]
    alone = list(lineage_with(joined, prepared, lineage, {"search.ahead": 0.0}))
    assert [each.record for each in alone] == lineage
    assert alone[0].evaluation != made[0].evaluation
    assert joined.records.networks() == networks, "nothing is recorded"
