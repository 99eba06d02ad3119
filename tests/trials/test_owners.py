"""Several processes on one SQLite study, and what a killed one leaves behind."""

import multiprocessing
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from functools import partial
from multiprocessing.process import BaseProcess
from pathlib import Path
from threading import Barrier
from typing import NoReturn

import optuna
import pytest
from optuna.storages import RDBStorage
from optuna.trial import TrialState
from sqlalchemy import event

from plantnas.trials.owners import began
from plantnas.trials.policies import Greedy
from plantnas.trials.sampler import PlantingSampler, assignment_of

STEPS, SCREENS = 2, 4


def open_storage(url: str) -> RDBStorage:
    """SQLite as fast as it gets: the tests are about processes, not about power cuts."""
    storage = RDBStorage(url, engine_kwargs={"connect_args": {"timeout": 60}})

    @event.listens_for(storage.engine, "connect")
    def relax(connection: object, _: object) -> None:
        connection.execute("PRAGMA synchronous = OFF")  # type: ignore[attr-defined]

    storage.engine.dispose()
    return storage


def sampler() -> PlantingSampler:
    base = optuna.samplers.TPESampler(seed=0)
    return PlantingSampler(base, Greedy(steps=STEPS, trials_per_step=SCREENS))


def objective(trial: optuna.Trial, screen_seconds: float = 0.01) -> tuple[float, float]:
    assignment = assignment_of(trial)
    if assignment is None:
        raise optuna.TrialPruned("the study is complete")
    channels = trial.suggest_int("a", 1, 50)
    trial.set_user_attr("worker", os.getpid())
    time.sleep(screen_seconds * (3 if assignment.kind == "grow" else 1))
    parameters = 1_000.0 * assignment.step + 10 * channels
    return 1 - 300 / parameters, parameters


def work(url: str, seconds: float, together: Barrier) -> None:
    study = optuna.load_study(study_name="s", storage=open_storage(url), sampler=sampler())
    together.wait()
    study.optimize(partial(objective, screen_seconds=seconds))


def start_workers(url: str, count: int, seconds: float) -> Sequence[BaseProcess]:
    """Workers that begin together, when all of them have loaded the study."""
    context = multiprocessing.get_context("fork")
    together = context.Barrier(count)
    workers = [context.Process(target=work, args=(url, seconds, together)) for _ in range(count)]
    for worker in workers:
        worker.start()
    return workers


@pytest.fixture
def url(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path / 'study.db'}"
    storage = open_storage(url)
    with storage.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA journal_mode = WAL")
    optuna.create_study(study_name="s", storage=storage, directions=["maximize", "minimize"])
    return url


@pytest.fixture
def study(url: str) -> optuna.Study:
    return optuna.load_study(study_name="s", storage=open_storage(url), sampler=sampler())


def check_steps(study: optuna.Study) -> None:
    """Each step has its screens and its winner's grow, and nothing was grown twice."""
    complete = [trial for trial in study.trials if trial.state == TrialState.COMPLETE]
    made = [assignment for trial in complete if (assignment := assignment_of(trial))]
    kinds = Counter((assignment.step, assignment.kind) for assignment in made)
    for step in range(1, STEPS + 1):
        assert kinds[step, "screen"] >= SCREENS
        assert kinds[step, "grow"] >= 1
    grown = [assignment.repeats for assignment in made if assignment.kind == "grow"]
    assert len(grown) == len(set(grown))


@pytest.mark.slow
def test_two_processes_share_a_study_without_losing_a_trial(url: str, study: optuna.Study) -> None:
    workers = start_workers(url, count=2, seconds=0.02)
    for worker in workers:
        worker.join(timeout=60)
    assert [worker.exitcode for worker in workers] == [0, 0]
    trials = study.trials
    states = Counter(trial.state for trial in trials)
    assert set(states) == {TrialState.COMPLETE, TrialState.PRUNED}
    assert states[TrialState.PRUNED] == len(workers), "one each, when the study was complete"
    assert [trial.number for trial in trials] == list(range(len(trials)))
    assert {trial.user_attrs.get("worker") for trial in trials} >= {one.pid for one in workers}
    check_steps(study)


def kill_while_screening(url: str, study: optuna.Study) -> int:
    """Start a worker, kill it in its first screen, and return that trial's number."""
    (worker,) = start_workers(url, count=1, seconds=60)
    while not any("worker" in trial.user_attrs for trial in study.trials):
        assert worker.is_alive()
        time.sleep(0.01)
    worker.kill()
    worker.join()
    (dead,) = study.trials
    assert dead.state == TrialState.RUNNING
    return dead.number


@pytest.mark.slow
def test_a_killed_workers_trial_does_not_block_the_others(url: str, study: optuna.Study) -> None:
    number = kill_while_screening(url, study)
    study.optimize(objective, timeout=30)
    assert study.trials[number].state == TrialState.RUNNING
    assert study.trials[-1].state == TrialState.PRUNED, "the study is complete"
    check_steps(study)


@pytest.mark.slow
def test_the_place_of_a_killed_workers_trial_reopens_when_it_is_failed(
    url: str, study: optuna.Study
) -> None:
    number = kill_while_screening(url, study)
    study.tell(number, state=TrialState.FAIL)
    study.optimize(objective, timeout=30)
    kinds = [assignment.kind for trial in study.trials if (assignment := assignment_of(trial))]
    assert kinds == ["screen"] + (["screen"] * SCREENS + ["grow"]) * STEPS
    check_steps(study)


def test_a_process_that_has_ended_never_began() -> None:
    assert began(os.getpid()) == began(os.getpid()) != ""
    process = subprocess.Popen([sys.executable, "-c", ""], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.read()  # it has closed it: it ends
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert began(process.pid) == ""  # a zombie: nobody has asked for its exit code
    process.wait()
    assert began(process.pid) == ""


def test_without_proc_a_number_that_exists_is_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in for macOS, where the number is all that is known."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()

    def no_proc(*arguments: object) -> NoReturn:
        raise FileNotFoundError

    monkeypatch.setattr("plantnas.trials.owners.open", no_proc, raising=False)
    monkeypatch.setattr("plantnas.trials.owners.os.path.isdir", lambda path: False)
    assert began(os.getpid()) == "alive"
    assert began(process.pid) == ""
