"""A worker runs a study to its end, whatever becomes of single trials, and ends when asked to."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from dataclasses import replace
from math import inf
from typing import TYPE_CHECKING, Any

import optuna
import pytest
from optuna.trial import FrozenTrial, TrialState

from plantnas.config_files import load_study
from plantnas.errors import StorageError, StudyError
from plantnas.records.optuna_tables import ASSIGNMENT_KEY, WORKER_KEY
from plantnas.searching.objective import PlantingObjective
from plantnas.trials.assignments import assignment_of
from plantnas.trials.study import is_complete
from plantnas.workers.worker import FAILURES_IN_A_ROW, optimize_until_complete

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import StudyFolder


class Disturbed(PlantingObjective):
    """A planting's trial, before which something happens to the worker."""

    before: Callable[[optuna.Trial], None]

    def __call__(self, trial: optuna.Trial) -> tuple[float, float]:
        self.before(trial)
        return super().__call__(trial)


@pytest.fixture
def folder(begun: StudyFolder, tmp_path: Path) -> StudyFolder:
    return begun.copy(tmp_path / "study")


def run(folder: StudyFolder, before: Callable[[optuna.Trial], None]) -> optuna.Study:
    """The study after all its trials."""
    study, objective = folder.open(), Disturbed(folder.config, folder.directory)
    objective.before = before
    optimize_until_complete(study, objective)
    return study


def nothing(trial: optuna.Trial) -> None:
    """What usually happens."""


def work_of(trials: list[FrozenTrial]) -> list[tuple[dict[str, Any], object]]:
    """What completed trials planted, and what came of it."""
    return [(t.params, t.values) for t in trials if t.state == TrialState.COMPLETE]


def test_one_worker_does_what_optunas_own_loop_does(
    folder: StudyFolder, ended: StudyFolder
) -> None:
    study = run(folder, nothing)
    assert is_complete(study, folder.config.search)
    assert work_of(study.trials) == work_of(ended.open().trials)
    run(folder, nothing)
    assert len(folder.open().trials) == len(study.trials), "a complete study is left as it is"


def test_a_worker_that_was_thought_dead_goes_on_with_the_next_trial(folder: StudyFolder) -> None:
    """Optuna's own loop ends with an AssertionError here."""

    def fail_the_first(trial: optuna.Trial) -> None:
        if trial.number == 0:
            trial.study._storage.set_trial_state_values(trial._trial_id, TrialState.FAIL)

    study = run(folder, fail_the_first)
    assert is_complete(study, folder.config.search)
    assert study.trials[0].state == TrialState.FAIL
    assert 0 not in [each.trial_number for each in folder.records.networks()]


def test_a_failure_fails_its_trial_and_not_the_study(folder: StudyFolder) -> None:
    def fail_twice(trial: optuna.Trial) -> None:
        if trial.number < FAILURES_IN_A_ROW - 1:
            raise OSError("no space left\non this disk")

    study = run(folder, fail_twice)
    assert is_complete(study, folder.config.search)
    failed = study.get_trials(states=(TrialState.FAIL,))
    reasons = {trial.user_attrs["reason"].partition(" (")[0] for trial in failed}
    assert (len(failed), reasons) == (2, {"code of yours raised OSError: no space left"})


@pytest.mark.parametrize(
    ("failure", "expected"),
    [(StorageError("disk is full"), StorageError), (OSError("disk is full"), StudyError)],
)
def test_a_worker_that_fails_again_and_again_ends_with_one_line(
    folder: StudyFolder, failure: Exception, expected: type[Exception]
) -> None:
    def fail(trial: optuna.Trial) -> None:
        raise failure

    with pytest.raises(expected, match="disk is full") as error:
        run(folder, fail)
    assert "\n" not in str(error.value)
    states = [trial.state for trial in folder.open().trials]
    assert states == [TrialState.FAIL] * FAILURES_IN_A_ROW


def interrupted_at(folder: StudyFolder, kind: str) -> FrozenTrial:
    """The trial of a run that was asked to end at its first trial of a kind."""

    def interrupt(trial: optuna.Trial) -> None:
        assignment = assignment_of(trial)
        if assignment and assignment.kind == kind:
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(SystemExit) as ended:
        run(folder, interrupt)
    assert ended.value.code == 143
    (interrupted,) = folder.open().get_trials(states=(TrialState.FAIL,))
    assert interrupted.user_attrs["reason"] == "interrupted"
    return interrupted


def test_a_screen_that_is_interrupted_is_queued_and_done_next(
    brief: StudyFolder, ended: StudyFolder, tmp_path: Path
) -> None:
    """Of two epochs: the last one is finished, and then there is nothing to interrupt."""
    folder = replace(brief.with_settings(planting__screen_epochs=2), directory=tmp_path / "two")
    planting, _ = work_of(ended.open().trials)[0]
    folder.open().enqueue_trial(planting)
    interrupted = interrupted_at(folder, "screen")
    (queued,) = folder.open().get_trials(states=(TrialState.WAITING,))
    study = run(folder, nothing)
    again = study.trials[queued.number]
    assert again.state == TrialState.COMPLETE
    assert again.params == interrupted.params == planting
    assert again.system_attrs[ASSIGNMENT_KEY] == interrupted.system_attrs[ASSIGNMENT_KEY]
    assert is_complete(study, folder.config.search)


def test_a_grow_that_is_interrupted_is_assigned_again_and_done_once(
    brief: StudyFolder, tmp_path: Path
) -> None:
    """Of two epochs, as above."""
    folder = replace(brief.with_settings(planting__epochs=2), directory=tmp_path / "two")
    interrupted = interrupted_at(folder, "grow")
    assert not folder.open().get_trials(states=(TrialState.WAITING,))
    study = run(folder, nothing)
    again = study.trials[interrupted.number + 1]
    assert again.state == TrialState.COMPLETE
    assert again.params == interrupted.params
    assert again.system_attrs[ASSIGNMENT_KEY] == interrupted.system_attrs[ASSIGNMENT_KEY]
    assert is_complete(study, folder.config.search)


def test_a_trial_without_heartbeats_is_done_again_once(
    folder: StudyFolder, ended: StudyFolder
) -> None:
    """The worker is of another machine: only its heartbeats tell."""
    study = folder.open()
    planting, _ = work_of(ended.open().trials)[0]
    study.enqueue_trial(planting)
    with pytest.warns(UserWarning, match="Heartbeat"):
        first = study.ask()
    first.set_user_attr(WORKER_KEY, "another.machine:1:1")
    backend = study._storage._backend  # type: ignore[attr-defined]
    backend.heartbeat_interval, backend.grace_period = 1, 1
    time.sleep(2.2)  # longer than the grace period, and than a new storage waits with its verdict
    objective = PlantingObjective(folder.config, folder.directory)
    optimize_until_complete(study, objective)
    again = next(trial for trial in study.trials if "retry_history" in trial.system_attrs)
    assert study.trials[0].state == TrialState.FAIL
    reason = "its worker another.machine:1 gave no sign of life any more"
    assert study.trials[0].user_attrs["reason"] == reason
    assert again.system_attrs["retry_history"] == [0]
    assert (again.state, again.params) == (TrialState.COMPLETE, planting)
    assert again.system_attrs[ASSIGNMENT_KEY] == study.trials[0].system_attrs[ASSIGNMENT_KEY]


@pytest.fixture(scope="module")
def endless(tiny: StudyFolder, tmp_path_factory: pytest.TempPathFactory) -> StudyFolder:
    """A prepared study whose trials end when somebody ends them."""
    folder = tmp_path_factory.mktemp("endless")
    yaml = folder / "tiny.yaml"
    yaml.write_text(tiny.yaml.read_text().replace("screen_epochs: 1, epochs: 5", "epochs: 9999"))
    text = yaml.read_text().replace("{batch_size: 32,", "{batch_size: 32, screen_epochs: 9999,")
    yaml.write_text(text)
    study = replace(tiny, directory=folder / "study", yaml=yaml, config=load_study(str(yaml)))
    study.objective().prepared(study.open())
    return study


def is_trained(study: optuna.Study) -> bool:
    """Whether a trial runs whose planting is worth training: it goes on until it is ended."""
    running = study.get_trials(states=(TrialState.RUNNING,))
    return any(trial.constraints.get("parameters", inf) <= 0 for trial in running)


def work(folder: StudyFolder) -> None:
    """What a worker's process does."""
    optimize_until_complete(folder.open(), folder.objective())


def ended_by(folder: StudyFolder, number: signal.Signals) -> tuple[int | None, list[FrozenTrial]]:
    """The exit code of a worker that got a signal in a trial, and the trials then."""
    process = multiprocessing.get_context("fork").Process(target=work, args=(folder,))
    process.start()
    study = folder.open()
    while not is_trained(study):
        assert process.is_alive()
        time.sleep(0.1)
    os.kill(process.pid or 0, number)
    process.join(60)
    return process.exitcode, folder.open().trials


@pytest.mark.slow
def test_a_process_that_gets_sigterm_ends_with_its_epoch(
    endless: StudyFolder, tmp_path: Path
) -> None:
    exit_code, (*_, interrupted, queued) = ended_by(endless.copy(tmp_path / "s"), signal.SIGTERM)
    assert exit_code == 143
    assert interrupted.state == TrialState.FAIL
    assert interrupted.user_attrs["reason"] == "interrupted"
    assert queued.state == TrialState.WAITING
    assert queued.params == interrupted.params != {}
    assert WORKER_KEY not in queued.user_attrs, "else it would be taken for the old worker's"


@pytest.mark.slow
def test_a_process_that_is_killed_leaves_a_trial_that_the_next_one_does_again(
    endless: StudyFolder, tmp_path: Path
) -> None:
    folder = endless.copy(tmp_path / "s")
    exit_code, (*_, killed) = ended_by(folder, signal.SIGKILL)
    assert (exit_code, killed.state) == (-signal.SIGKILL, TrialState.RUNNING)

    def end(trial: optuna.Trial) -> None:
        os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(SystemExit):
        run(folder, end)
    failed, again, *_ = folder.open().trials[killed.number :]
    assert failed.state == TrialState.FAIL
    assert again.params == failed.params != {}
    assert again.system_attrs["retry_history"] == [killed.number]
