"""Ways to rank plantings are judged by what growing gives, and by the planting that they choose."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from benchmarks.probes import Trial, judged, plantings, prepared_study, rankings, trial_of
from plantnas.measured import Evaluation

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import StudyFolder


def trial(parameters: int, probe: float, screen: float, grown: float) -> Trial:
    """Accuracies fall as losses rise; a probe takes 1 second, in full 2 and for half the loss.

    A screen takes 10 seconds, growing 100.
    """
    screened, long = (Evaluation("validation", 1 - loss, loss, 100) for loss in (screen, grown))
    return Trial({"one": 2}, parameters, probe, probe / 2, screened, long, (1.0, 2.0, 10.0, 100.0))


TRIALS = (
    trial(100, 0.9, 0.40, 0.30),
    trial(200, 0.2, 0.50, 0.20),
    trial(300, 0.3, 0.45, 0.10),
    trial(400, 0.8, 0.35, 0.40),
)


def test_each_way_to_rank_is_told_with_its_seconds() -> None:
    ranked = rankings(TRIALS, screened=2)
    seconds = {each.name: each.seconds for each in ranked}
    expected = {"size": 0, "probe": 4, "probe in full": 8, "screen": 40, "probe, then screen": 24}
    assert seconds == expected


def test_the_best_probes_are_ordered_by_their_screens_and_the_rest_stay_behind() -> None:
    values = rankings(TRIALS, screened=2)[-1].values
    assert sorted(range(4), key=values.__getitem__) == [2, 1, 3, 0]


def test_a_ranking_is_judged_by_its_order_and_by_its_choice() -> None:
    by_size, by_probe, in_full, by_screen, _ = rankings(TRIALS, screened=2)
    assert judged(by_size, TRIALS)[1:5] == ["-0.20", "-0.20", "0.300", "30.00"]
    assert judged(by_probe, TRIALS)[1:5] == ["0.60", "0.60", "0.100", "10.00"]
    assert judged(in_full, TRIALS)[1:5] == judged(by_probe, TRIALS)[1:5]
    assert judged(by_screen, TRIALS)[1:3] == ["-0.80", "-0.80"]


@pytest.mark.slow
def test_teacher_and_seed_are_used_again_for_other_epochs(
    brief: StudyFolder, tmp_path: Path
) -> None:
    first = prepared_study(brief.config, tmp_path)
    other = brief.with_settings(planting__epochs=7, planting__screen_epochs=3).config
    said = list[str]()
    again = prepared_study(other, tmp_path, said.append)
    assert again.config == other
    assert (again.teacher, again.seed) == (first.teacher, first.seed)
    assert said == []


@pytest.mark.slow
def test_plantings_of_a_study_are_probed_screened_and_grown(prepared: StudyFolder) -> None:
    study = prepared.objective().prepared(prepared.open())
    parent = study.parent(None)
    found = list(plantings(study, parent, 3))
    assert len(found) == len({tuple(each.items()) for each in found}) == 3
    assert found == list(plantings(study, parent, 3))
    made = trial_of(study, parent, found[0])
    assert 1.3 <= made.parameters / study.seed.parameters <= 2.5
    assert made.grown.loss < made.screened.loss
    assert made.probe_loss == pytest.approx(made.full_loss, rel=0.5)
