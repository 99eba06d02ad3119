"""Lines tell of each trial that was trained, and now and then of an epoch."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from optuna.trial import TrialState, create_trial

from plantnas.listening import TrainingProgress
from plantnas.records.optuna_tables import ASSIGNMENT_KEY, DIVERGED, REASON_KEY
from plantnas.searching.lines import Lines, trial_line

if TYPE_CHECKING:
    from tests.conftest import StudyFolder

OF_TRIAL = TrainingProgress("grow", 7, 2, 1, 20, 0.25, 0.5, 0.875, "accuracy", 0.01, 14.0)
OF_TEACHER = replace(OF_TRIAL, kind="teacher", trial=None, step=None, epochs=12)


def test_every_tenth_epoch_has_a_line() -> None:
    said = list[str]()
    lines = Lines(said.append, "parameters")
    for epoch in range(1, 21):
        lines.told(replace(OF_TRIAL, epoch=epoch))
    what = "trial 7 (grow of step 2): epoch"
    result = "loss 0.2500, validation accuracy 87.50 %"
    assert said == [f"{what} 10 of 20, {result}, 0:14 left", f"{what} 20 of 20, {result}"]


def test_the_last_epoch_of_a_teacher_has_one_too() -> None:
    said = list[str]()
    lines = Lines(said.append, "parameters")
    for epoch in range(1, 13):
        lines.told(replace(OF_TEACHER, epoch=epoch))
    assert [line.partition(", ")[0] for line in said] == [
        "teacher: epoch 10 of 12",
        "teacher: epoch 12 of 12",
    ]


def test_each_trial_that_was_trained_has_a_line(finished: StudyFolder) -> None:
    study, said = finished.open(), list[str]()
    lines = Lines(said.append, "parameters")
    for trial in study.trials:
        lines.ended(study, trial)
    complete = [trial for trial in study.trials if trial.state == TrialState.COMPLETE]
    assert len(said) == len(complete) < len(study.trials)
    first, accuracy = complete[0], 100 * complete[0].values[0]
    assert said[0].startswith(
        f"trial {first.number} (screen of step 1): validation accuracy {accuracy:.2f} %, "
        f"{first.values[1]:,.0f} parameters, in "
    )


def test_why_a_trial_failed_or_diverged_is_said(finished: StudyFolder) -> None:
    study = finished.open()
    assigned = {ASSIGNMENT_KEY: study.trials[0].system_attrs[ASSIGNMENT_KEY]}
    for state, reason, line in (
        (TrialState.FAIL, "no room", "trial 0 (screen of step 1): failed: no room"),
        (TrialState.PRUNED, f"{DIVERGED}nan", "trial 0 (screen of step 1): diverged: nan"),
        (TrialState.PRUNED, "nothing is planted", None),
    ):
        said_of_it = {REASON_KEY: reason}
        trial = create_trial(state=state, user_attrs=said_of_it, system_attrs=assigned)
        trial.number = 0
        assert trial_line(study, trial, "parameters") == line


def test_the_loss_of_a_probe_is_said(finished: StudyFolder) -> None:
    study = finished.open()
    assignment = study.trials[0].system_attrs[ASSIGNMENT_KEY] | {"kind": "probe"}
    probe = create_trial(values=[-0.5, 1339], system_attrs={ASSIGNMENT_KEY: assignment})
    probe.number = 0
    said = trial_line(study, probe, "parameters")
    assert said is not None
    assert said.startswith("trial 0 (probe of step 1): loss 0.5000 without training, 1,339 param")
