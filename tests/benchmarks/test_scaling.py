"""The rate of workers is that of the screens that they trained."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from benchmarks.scaling import Rate, measured, screens_of

if TYPE_CHECKING:
    from tests.conftest import StudyFolder


def test_a_rate_is_an_hours() -> None:
    assert Rate(workers=2, screens=6, seconds=30.0).trials_an_hour == 720


@pytest.mark.slow
def test_queued_plantings_are_those_that_are_trained(
    prepared: StudyFolder, finished: StudyFolder
) -> None:
    config = prepared.with_settings(search__steps=1).config
    first = screens_of(finished.open())[: config.search.trials_per_step]
    plantings = [trial.params for trial in first]
    rate, again = measured(config, prepared.directory, 1, plantings)
    assert [trial.params for trial in again] == plantings
    assert rate.screens == len(first) == config.search.trials_per_step
    assert rate.seconds > 0
    assert screens_of(prepared.open()) == [], "the prepared study is left as it was"
