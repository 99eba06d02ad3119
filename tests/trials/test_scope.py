"""Views of a study: the trials and notes of one parent, the rest as it is."""

from dataclasses import asdict
from typing import Any

import optuna
import pytest

from plantnas.records.optuna_tables import ASSIGNMENT_KEY
from plantnas.trials.history import Assignment
from plantnas.trials.scope import Scope, ScopedStudy

ASSIGNMENTS = (
    Assignment("screen", 1, None),
    Assignment("grow", 1, None, repeats=0),
    Assignment("screen", 2, 1),
    None,
)
PROBED = (Assignment("probe", 2, 1), Assignment("screen", 2, 1, repeats=5))


@pytest.fixture
def study() -> optuna.Study:
    """Trials 0 to 3, 5 and 6 with the assignments above, and 4, added by hand without one."""
    study = optuna.create_study(directions=["maximize", "minimize"])
    by_hand = dict[str, Any]()
    assigned = [
        {ASSIGNMENT_KEY: None if assignment is None else asdict(assignment)}
        for assignment in (*ASSIGNMENTS, *PROBED)
    ]
    for stored in (*assigned[:4], by_hand, *assigned[4:]):
        study.add_trial(optuna.create_trial(values=[0.5, 10.0], system_attrs=stored))
    return study


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        (Scope(None), [0, 4]),
        (Scope(1), [2, 6]),
        (Scope(2), []),
        (Scope(1, "probe"), [5]),
        (Scope(None, "probe"), []),
    ],
)
def test_every_way_to_ask_for_trials_gives_those_of_the_parent_and_kind(
    study: optuna.Study, scope: Scope, expected: list[int]
) -> None:
    scoped = ScopedStudy(study, scope)
    for trials in (
        scoped.trials,
        scoped.get_trials(deepcopy=False),
        scoped._get_trials(use_cache=True),
        scoped._storage.get_all_trials(scoped._study_id),
    ):
        assert [trial.number for trial in trials] == expected


def test_copies_can_be_changed_without_changing_the_study(study: optuna.Study) -> None:
    ScopedStudy(study, Scope()).get_trials()[0].values = [0.0, 0.0]
    assert study.trials[0].values == [0.5, 10.0]


def test_notes_are_kept_apart_and_shared_by_views_of_the_same_parent(study: optuna.Study) -> None:
    first = ScopedStudy(study, Scope())
    first._storage.set_study_system_attr(study._study_id, "generation", 3)
    again = ScopedStudy(study, Scope())._storage.get_study_system_attrs(study._study_id)
    assert again == {"generation": 3}
    for other in (Scope(1), Scope(None, "probe")):
        theirs = ScopedStudy(study, other)._storage.get_study_system_attrs(study._study_id)
        assert theirs == {}


def test_objectives_and_user_attributes_are_the_studys_own(study: optuna.Study) -> None:
    study.set_user_attr("seed_accuracy", 0.5)
    scoped = ScopedStudy(study, Scope(1))
    assert scoped.directions == study.directions
    assert scoped.user_attrs == {"seed_accuracy": 0.5}


def test_a_sampler_for_one_objective_sees_the_first_alone(study: optuna.Study) -> None:
    scoped = ScopedStudy(study, Scope(), objectives=1)
    assert scoped.direction == optuna.study.StudyDirection.MAXIMIZE
    for trials in (scoped.trials, scoped._storage.get_all_trials(scoped._study_id)):
        assert [trial.values for trial in trials] == [[0.5], [0.5]]
    assert study.trials[0].values == [0.5, 10.0]
