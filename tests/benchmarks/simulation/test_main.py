"""The simulated cluster: what it reports is what its workers left in the database."""

from __future__ import annotations

import runpy
from contextlib import redirect_stdout
from io import StringIO
from typing import TYPE_CHECKING, NamedTuple

import optuna
import pytest
from optuna.trial import FrozenTrial, TrialState

from plantnas.records.database import Database
from plantnas.records.study import StudyRecords
from plantnas.trials.assignments import assignment_of

if TYPE_CHECKING:
    from tests.conftest import StudyFolder

HISTORY, WORKERS, TRIALS = 35, 2, 20
PER_STEP = 30


class Simulated(NamedTuple):
    """A small run: its table and what it left."""

    lines: list[str]
    url: str
    trials: list[FrozenTrial]


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Simulated:
    url = f"sqlite:///{tmp_path_factory.mktemp('cluster') / 'study.db'}"
    options = f"--storage {url} --workers {WORKERS} --history {HISTORY} --seconds 0.05"
    options += f" --trials {TRIALS // WORKERS} --trials-per-step {PER_STEP}"
    verbosity, printed = optuna.logging.get_verbosity(), StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(printed):
        patch.setattr("sys.argv", ["simulation", *options.split()])
        runpy.run_module("benchmarks.simulation", run_name="__main__")
    optuna.logging.set_verbosity(verbosity)
    lines = printed.getvalue().splitlines()
    return Simulated(lines, url, optuna.load_study(study_name=None, storage=url).trials)


def cells(simulated: Simulated) -> dict[str, str]:
    """The only row of the table, by column."""
    header, row = simulated.lines[1:3]
    names = [name for name in header.split("  ") if name]
    values = [value for value in row.split("  ") if value]
    return {name.strip(): value.strip() for name, value in zip(names, values, strict=True)}


def test_the_reported_trials_are_the_finished_ones_in_the_database(simulated: Simulated) -> None:
    shown = cells(simulated)
    new = simulated.trials[HISTORY:]
    assert len(new) == TRIALS
    complete = [trial for trial in new if trial.state == TrialState.COMPLETE]
    assert shown["trials"] == str(len(complete))
    assert (shown["workers"], shown["history"]) == (str(WORKERS), str(HISTORY))
    assert all(trial.state in (TrialState.COMPLETE, TrialState.PRUNED) for trial in new)


def test_each_finished_trial_has_one_network(simulated: Simulated) -> None:
    (study,) = Database(simulated.url).study_names()
    recorded = [
        net.trial_number or 0 for net in StudyRecords(Database(simulated.url), study).networks()
    ]
    complete = [t.number for t in simulated.trials if t.state == TrialState.COMPLETE]
    assert sorted(recorded) == complete


def test_workers_go_on_where_the_history_ends(simulated: Simulated) -> None:
    """It is a full step and five screens of the next one, whose parent was grown in the first."""
    new = [assignment_of(trial) for trial in simulated.trials[HISTORY:]]
    assert {(one.kind, one.step, one.parent) for one in new if one} == {("screen", 2, PER_STEP)}


def test_a_simulated_trial_leaves_what_a_real_one_leaves(
    simulated: Simulated, finished: StudyFolder
) -> None:
    def left_by(trial: FrozenTrial) -> set[str]:
        system = {name.partition(":")[0] for name in trial.system_attrs}
        return (set(trial.user_attrs) | system) - {"tpe", "relative_params"}

    real = next(t for t in finished.open().trials if t.state == TrialState.COMPLETE)
    for trial in (simulated.trials[0], simulated.trials[-1]):
        assert left_by(trial) == left_by(real)
