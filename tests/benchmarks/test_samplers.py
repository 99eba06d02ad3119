"""Samplers are compared by what they propose to probe, with one corner for all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from benchmarks.samplers import Search, cells, figures, searched
from plantnas.config import Sampler
from plantnas.hypervolume import Corner, Point, hypervolume

if TYPE_CHECKING:
    from tests.conftest import StudyFolder

CORNER = Corner(-4.0, 7.0)


def test_a_line_has_the_area_after_each_share_of_the_probes_and_the_winner() -> None:
    points = [Point(-3.0, 100), Point(-2.0, 100), Point(-3.5, 50), Point(-1.0, 900)]
    quarter, half, whole, *rest = figures(Search(points, 9, 1.5, 2.5), CORNER)
    assert quarter == hypervolume(points[:1], CORNER)
    assert quarter < half < whole == hypervolume(points, CORNER)
    assert rest == [2.0, 100, 9, 1.5, 2.5]


def test_a_line_says_whose_it_is() -> None:
    numbers = [1.0, 2.0, 3.0, 0.5, 12345, 70, 1.0, 2.0]
    shown = ["0", "TPESampler", "1.000", "2.000", "3.000", "0.500", "12,345", "70", "1.0", "2.0"]
    assert cells(0, "TPESampler", numbers) == shown


@pytest.mark.slow
@pytest.mark.parametrize("name", ["TPESampler", "RandomSampler"])
def test_a_sampler_probes_plantings_of_the_seed_within_the_window(
    prepared: StudyFolder, name: str
) -> None:
    study = prepared.objective().prepared(prepared.open())
    found = searched(study, Sampler(name=name, arguments={}), 5)
    assert len(found.points) == 5 <= found.proposals
    search = study.config.search
    for point in found.points:
        growth = point.cost / study.seed.parameters
        assert search.minimum_growth <= growth <= search.maximum_growth
        assert point.accuracy < 0
