"""A configuration's study is opened once and found again; samplers are made from their names."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import optuna
import pytest
from optuna.exceptions import StorageInternalError
from optuna.trial import TrialState

from plantnas.config import Search, StudyConfig
from plantnas.errors import ConfigurationError, StudyError
from plantnas.records.optuna_tables import METRIC_NAMES
from plantnas.searching.recording import make_study
from plantnas.trials.assignments import assignment_of
from plantnas.trials.policies import Beam, Greedy
from plantnas.trials.study import (
    existing_study,
    is_complete,
    make_policy,
    open_study,
    outlook,
    study_to_read,
)

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import StudyFolder


def test_a_study_that_exists_is_opened_with_its_trials(prepared: StudyFolder) -> None:
    study = prepared.open()
    assert study.study_name == "tiny"
    assert study.metric_names == METRIC_NAMES
    assert [direction.name for direction in study.directions] == ["MAXIMIZE", "MINIMIZE"]


def test_looking_at_a_study_that_is_not_there_makes_no_file(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"there is no database .*study.db; run the study first"):
        existing_study("tiny", f"sqlite:///{tmp_path}/study.db")
    assert not list(tmp_path.iterdir())


def test_a_study_of_another_name_is_suggested(prepared: StudyFolder) -> None:
    with pytest.raises(StudyError, match=r"study 'tniy': is not in .* Did you mean 'tiny'\?"):
        existing_study("tniy", prepared.url)


def test_the_policy_has_the_searchs_settings() -> None:
    given: dict[str, Any] = {"beam_width": 3, "steps": 5, "probes": 9, "trials_per_step": 7}
    given["ahead"] = 0.5
    search = Search(policy="beam", winner="best_accuracy", **given)
    assert make_policy(search) == Beam(winner="best_accuracy", **given)
    assert make_policy(Search()) == Greedy(steps=3, probes=64, trials_per_step=1, ahead=1.0)


def test_a_study_that_exists_has_the_policy_that_it_began_with(
    tiny: StudyFolder, tmp_path: Path
) -> None:
    """Whatever the defaults of what its configuration leaves out are by now."""
    folder = replace(tiny, directory=tmp_path).with_settings(search__probes=0)
    make_study(folder.config, folder.url, str(tmp_path / "weights"))
    tree = folder.config.model_dump(exclude_unset=True)
    del tree["search"]["probes"]
    left_out = StudyConfig.model_validate(tree)
    assert left_out.search.probes > 0
    assignment = assignment_of(open_study(left_out, folder.url).ask())
    assert assignment is not None
    assert assignment.kind == "screen"


OWN_POLICY = """
from plantnas.trials.policies import Greedy

class Twice:
    def __init__(self, trials_per_step, maximum_parameters, patience=2):
        self.given = trials_per_step, maximum_parameters, patience
        self.assign = self.screen = lambda history, reference: None

class Needs:
    def __init__(self, patience):
        self.assign = self.screen = None

class Nothing:
    pass

def all_equal(candidate, comparison):
    return 0.0
"""


def test_a_policy_of_the_users_gets_the_settings_that_it_declares(folder: Path) -> None:
    (folder / "of_mine.py").write_text(OWN_POLICY)
    search = Search(policy="of_mine:Twice", trials_per_step=5, maximum_parameters=900)
    policy: Any = make_policy(search)
    assert policy.given == (5, 900, 2)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Needs", r"^search\.policy: 'of_mine:Needs': .*missing 1 .* argument: 'patience'\.$"),
        ("Nothing", r"^search\.policy: 'of_mine:Nothing' is not a class whose objects have"),
        ("Nowhere", r"^search\.policy: 'of_mine:Nowhere': .* has no attribute 'Nowhere'"),
    ],
)
def test_what_is_no_policy_is_refused_in_one_line(folder: Path, name: str, message: str) -> None:
    (folder / "of_mine.py").write_text(OWN_POLICY)
    with pytest.raises(ConfigurationError, match=message):
        make_policy(Search(policy=f"of_mine:{name}"))


def test_a_shipped_policy_asks_a_winner_rule_of_the_users(folder: Path) -> None:
    (folder / "of_mine.py").write_text(OWN_POLICY)
    policy = make_policy(Search(winner="of_mine:all_equal", probes=0, trials_per_step=12))
    assert policy == Greedy(winner="of_mine:all_equal", steps=3, ahead=1.0)


def test_what_the_users_names_stand_for_is_asked_when_a_study_is_opened(
    tiny: StudyFolder, folder: Path
) -> None:
    wanted = tiny.with_settings(search__winner="of_mine:rule")
    with pytest.raises(ConfigurationError, match="No module named 'of_mine'"):
        wanted.open()
    assert not (tiny.directory / "study.db").exists()


def test_a_study_is_complete_when_nothing_is_left_or_runs(
    prepared: StudyFolder, finished: StudyFolder, tmp_path: Path
) -> None:
    assert not is_complete(prepared.open(), prepared.config.search)
    assert is_complete(finished.open(), finished.config.search)
    folder = finished.copy(tmp_path / "study")
    folder.open().ask()
    assert outlook(folder.open(), folder.config.search) == "wait"
    assert not is_complete(folder.open(), folder.config.search)


def test_a_complete_study_goes_on_with_more_steps(finished: StudyFolder, tmp_path: Path) -> None:
    longer = finished.copy(tmp_path / "study").with_settings(search__steps=3)
    assert not is_complete(longer.open(), longer.config.search)
    study = longer.run()
    assert is_complete(study, longer.config.search)
    complete = study.get_trials(states=(TrialState.COMPLETE,))
    steps = [trial.user_attrs["step"] for trial in complete]
    assert steps == [1] * 4 + [2] * 4 + [3] * 4


def test_a_study_to_read_has_its_trials_and_cannot_be_changed(finished: StudyFolder) -> None:
    study = study_to_read("tiny", finished.url)
    assert len(study.trials) == len(finished.open().trials)
    with pytest.raises(StorageInternalError):
        study.set_user_attr("note", "mine")


def test_a_study_of_one_objective_is_not_gone_on_with(brief: StudyFolder, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/study.db"
    optuna.create_study(study_name=brief.config.name, storage=url)
    with pytest.raises(StudyError, match=r"with the objectives \['minimize'\]"):
        open_study(brief.config, url)
    assert optuna.load_study(study_name=brief.config.name, storage=url).metric_names is None
