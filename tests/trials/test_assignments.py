"""Assignments survive the storage, and records hold what policies need."""

import optuna
import pytest

from plantnas.records.optuna_tables import ASSIGNMENT_KEY, WORKER_KEY
from plantnas.trials.assignments import (
    assignment_of,
    record_of,
    reference_of,
    write_assignment,
)
from plantnas.trials.history import Assignment, Reference, TrialRecord


@pytest.fixture
def study() -> optuna.Study:
    return optuna.create_study(directions=["maximize", "minimize"], storage="sqlite://")


@pytest.mark.parametrize(
    "assignment",
    [
        Assignment("probe", 2, 5),
        Assignment("screen", 2, 5),
        Assignment("screen", 2, 5, repeats=4),
        Assignment("grow", 1, None, repeats=3),
        None,
    ],
)
def test_an_assignment_is_read_back_as_it_was_written(
    study: optuna.Study, assignment: Assignment | None
) -> None:
    trial = study.ask()
    write_assignment(study, trial._cached_frozen_trial, assignment)
    assert assignment_of(trial) == assignment
    assert assignment_of(study.trials[0]) == assignment


def test_an_assignment_of_a_study_before_there_were_probes_is_read(study: optuna.Study) -> None:
    stored = {"kind": "grow", "step": 2, "parent": 4, "screened": 7}
    study.add_trial(optuna.create_trial(values=[0.5, 10.0], system_attrs={ASSIGNMENT_KEY: stored}))
    assert assignment_of(study.trials[0]) == Assignment("grow", 2, 4, repeats=7)


def test_a_trial_without_one_counts_as_a_screen_of_the_seed(study: optuna.Study) -> None:
    assert assignment_of(study.ask()) == Assignment("screen", 1, None)


def test_a_record_holds_the_results_of_a_complete_trial(study: optuna.Study) -> None:
    trial = study.ask()
    assignment = Assignment("screen", 1, None)
    write_assignment(study, trial._cached_frozen_trial, assignment)
    trial.suggest_int("a", 4, 4)
    trial.set_user_attr("validation_loss", 0.2)
    study.tell(trial, [0.9, 1_200])
    expected = TrialRecord(0, "complete", assignment, 0.9, 1_200, 0.2, {"a": 4})
    assert record_of(study.trials[0]) == expected


def test_a_record_tells_that_its_trial_was_stopped(study: optuna.Study) -> None:
    for attributes in ({}, {"stopped_after": 1}):
        trial = optuna.create_trial(values=[0.9, 1_200], user_attrs=attributes)
        assert record_of(trial).stopped == bool(attributes)


@pytest.mark.parametrize(
    ("state", "expected"),
    [("WAITING", "running"), ("RUNNING", "running"), ("PRUNED", "pruned"), ("FAIL", "failed")],
)
def test_every_state_of_optuna_has_a_word(state: str, expected: str) -> None:
    trial = optuna.create_trial(state=optuna.trial.TrialState[state])
    assert record_of(trial).state == expected


def test_unknown_figures_of_the_seed_are_none(study: optuna.Study) -> None:
    study.set_user_attr("teacher_cost", 5_000)
    assert reference_of(study) == Reference(teacher_cost=5_000)


def test_a_trial_that_began_and_was_not_signed_takes_no_place(study: optuna.Study) -> None:
    """It was taken from the queue by a worker that was killed before it had said so."""
    trial = study.ask()
    assignment = Assignment("screen", 1, None)
    write_assignment(study, trial._cached_frozen_trial, assignment)
    assert record_of(study.trials[0]).assignment is None
    trial.set_user_attr(WORKER_KEY, "host:1:1")
    assert record_of(study.trials[0]).assignment == assignment


def test_a_trial_that_waits_in_the_queue_takes_a_place(study: optuna.Study) -> None:
    stored = {"kind": "screen", "step": 1, "parent": None}
    waiting = optuna.create_trial(
        state=optuna.trial.TrialState.WAITING, system_attrs={ASSIGNMENT_KEY: stored}
    )
    study.add_trial(waiting)
    assert record_of(study.trials[0]).assignment == Assignment("screen", 1, None)
