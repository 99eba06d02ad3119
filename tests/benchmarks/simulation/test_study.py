"""What a simulated trial records is drawn from the networks of a study."""

from __future__ import annotations

from typing import TYPE_CHECKING

from optuna.trial import TrialState

from benchmarks.simulation.study import recorded_networks

if TYPE_CHECKING:
    from tests.conftest import StudyFolder


def test_a_recorded_study_is_drawn_from(finished: StudyFolder) -> None:
    complete = finished.open().get_trials(states=(TrialState.COMPLETE,))
    screens = [trial.number for trial in complete if trial.user_attrs["kind"] == "screen"]
    networks = recorded_networks(finished.directory / "study.db")
    assert [network.trial_number for network in networks] == screens
