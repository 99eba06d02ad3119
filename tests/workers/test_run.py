"""A run by real processes: workers, the parent and the terminal may end it at any moment.

The study is run by its command line, as a user does, and completed by the same command.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from optuna.trial import FrozenTrial, TrialState

from plantnas.config_files import load_study
from plantnas.records.study import load_network
from plantnas.report.front import validation_accuracy
from plantnas.trials.assignments import assignment_of
from plantnas.trials.owners import WORKER_KEY
from plantnas.trials.study import existing_study
from plantnas.workers.run import run_study

if TYPE_CHECKING:
    from tests.conftest import StudyFolder

COMMAND = [sys.executable, "-c", "from plantnas.cli import main; main()"]
PATIENCE_SECONDS = 60
SCREENS = 2

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def slow(tiny: StudyFolder, tmp_path_factory: pytest.TempPathFactory) -> StudyFolder:
    """A prepared study whose trials take long enough to be killed in one."""
    folder = tmp_path_factory.mktemp("slow")
    yaml = folder / "tiny.yaml"
    text = tiny.yaml.read_text().replace("trials_per_step: 3", f"trials_per_step: {SCREENS}")
    yaml.write_text(text.replace("screen_epochs: 1, epochs: 5", "screen_epochs: 8, epochs: 8"))
    study = replace(tiny, directory=folder / "study", yaml=yaml, config=load_study(str(yaml)))
    study.objective().prepared(study.open())
    return study


@pytest.fixture
def folder(slow: StudyFolder, tmp_path: Path) -> StudyFolder:
    return slow.copy(tmp_path / "study")


def start(folder: StudyFolder, workers: int = 2) -> subprocess.Popen[str]:
    """`plantnas run`, in a process group of its own as in a terminal."""
    arguments = ["run", folder.yaml, "--workers", workers, "--directory", folder.directory]
    return subprocess.Popen(
        [*COMMAND, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def end_of(run: subprocess.Popen[str]) -> tuple[int, str]:
    """The exit code and what is on stderr."""
    _, stderr = run.communicate(timeout=4 * PATIENCE_SECONDS)
    return run.returncode, stderr


def trials_of(folder: StudyFolder, *states: TrialState) -> list[FrozenTrial]:
    return existing_study("tiny", folder.url).get_trials(states=states or None)


def workers_in_a_trial(folder: StudyFolder, run: subprocess.Popen[str], count: int) -> list[int]:
    """The processes that run a planting's trial now, once there are so many."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        workers = planting_workers(folder)
        if len(workers) >= count:
            return workers
        assert run.poll() is None, run.communicate()
        time.sleep(0.02)
    raise TimeoutError


def planting_workers(folder: StudyFolder) -> list[int]:
    running = trials_of(folder, TrialState.RUNNING)
    trained = [trial for trial in running if "planting" in trial.user_attrs]
    return [int(trial.user_attrs[WORKER_KEY].split(":")[1]) for trial in trained]


def kill_in_a_trial(folder: StudyFolder, run: subprocess.Popen[str]) -> int:
    """Kills a worker that is held in a trial, so that the trial cannot end just before."""
    while True:
        worker = workers_in_a_trial(folder, run, count=2)[0]
        os.kill(worker, signal.SIGSTOP)
        if worker in planting_workers(folder):
            os.kill(worker, signal.SIGKILL)
            return worker
        os.kill(worker, signal.SIGCONT)


def check_complete(folder: StudyFolder) -> None:
    """Every step has its screens and its grown network, and trials and records agree."""
    trials = trials_of(folder)
    assert {trial.state for trial in trials} <= {
        TrialState.COMPLETE,
        TrialState.PRUNED,
        TrialState.FAIL,
    }
    assert [trial.number for trial in trials] == list(range(len(trials)))
    complete = {trial.number: trial for trial in trials if trial.state == TrialState.COMPLETE}
    made = [assignment for trial in complete.values() if (assignment := assignment_of(trial))]
    kinds = Counter((assignment.step, assignment.kind) for assignment in made)
    for step in (1, 2):
        assert kinds[step, "screen"] >= SCREENS
        assert kinds[step, "grow"] >= 1
    grown = [assignment.screened for assignment in made if assignment.kind == "grow"]
    assert len(grown) == len(set(grown)), "nothing is grown twice"
    check_records(folder, complete)


def check_records(folder: StudyFolder, complete: dict[int, FrozenTrial]) -> None:
    networks = folder.records.networks()
    of_trials = Counter(network.trial_number for network in networks)
    assert all(of_trials[number] == 1 for number in complete)
    for network in networks:
        load_network(folder.url, "tiny", network.id or 0)  # checks its SHA-256
        if network.trial_number in complete:
            expected = [validation_accuracy(network), network.parameters]
            assert complete[network.trial_number].values == expected


def test_two_workers_share_a_study(folder: StudyFolder) -> None:
    assert end_of(start(folder)) == (0, "")
    check_complete(folder)
    assert not trials_of(folder, TrialState.FAIL)
    workers = Counter(trial.user_attrs[WORKER_KEY] for trial in trials_of(folder))
    assert len(workers) == 2


def test_a_worker_that_is_killed_is_replaced(folder: StudyFolder) -> None:
    run = start(folder)
    killed = kill_in_a_trial(folder, run)
    assert end_of(run) == (0, "")
    check_complete(folder)
    (failed,) = trials_of(folder, TrialState.FAIL)
    assert f":{killed}:" in failed.user_attrs[WORKER_KEY]


def is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def test_workers_whose_parent_is_killed_end_and_the_study_goes_on(folder: StudyFolder) -> None:
    run = start(folder)
    workers = workers_in_a_trial(folder, run, count=2)
    run.kill()
    run.wait()
    deadline = time.monotonic() + 5
    while any(map(is_running, workers)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(map(is_running, workers))
    assert end_of(start(folder, workers=1)) == (0, "")
    check_complete(folder)


INTERRUPTED = "plantnas: interrupted. The same command goes on where it stopped.\n"


def test_a_run_that_is_interrupted_ends_with_one_line_and_goes_on(folder: StudyFolder) -> None:
    run = start(folder)
    workers = workers_in_a_trial(folder, run, count=2)
    os.killpg(run.pid, signal.SIGINT)
    assert end_of(run) == (130, INTERRUPTED)
    assert not any(map(is_running, workers))
    assert not trials_of(folder, TrialState.RUNNING)
    assert end_of(start(folder, workers=1)) == (0, "")
    check_complete(folder)


def test_workers_that_are_interrupted_while_they_start_say_nothing(folder: StudyFolder) -> None:
    run = start(folder)
    children = Path(f"/proc/{run.pid}/task/{run.pid}/children")
    deadline = time.monotonic() + PATIENCE_SECONDS
    while len(children.read_text().split()) < 3 and time.monotonic() < deadline:
        time.sleep(0.01)  # two workers, and Python's tracker of semaphores
    time.sleep(0.3)
    while run.poll() is None:  # Python loses a Ctrl-C that comes in a finalizer: press it again
        os.killpg(run.pid, signal.SIGINT)
        time.sleep(5)
    exit_code, stderr = end_of(run)
    assert exit_code == 130
    assert stderr.endswith(INTERRUPTED)
    assert "spawn_main" not in stderr, "a worker's traceback"


def test_what_a_worker_cannot_do_is_one_line_and_nothing_is_lost(folder: StudyFolder) -> None:
    seed = folder.records.networks()[1]
    weights = folder.directory / "weights" / str(seed.artifact_id)
    content = weights.read_bytes()
    weights.unlink()
    exit_code, stderr = end_of(start(folder))
    assert exit_code == 2
    assert stderr.startswith("plantnas: ")
    assert f"weights {seed.artifact_id}: no such file" in stderr
    assert stderr.count("\n") == 1
    weights.write_bytes(content)
    assert end_of(start(folder, workers=1)) == (0, "")
    check_complete(folder)


def test_a_study_whose_limits_leave_no_room_says_so(tiny: StudyFolder, tmp_path: Path) -> None:
    study = replace(tiny, directory=tmp_path).with_settings(search__maximum_parameters=700)
    messages: list[str] = []
    run_study(study.config, study.url, study.directory, say=messages.append)
    assert messages[-1].startswith("Study 'tiny' ended after step 0 of 2: nothing more")


def test_a_study_that_is_complete_keeps_no_features(finished: StudyFolder, tmp_path: Path) -> None:
    study = finished.copy(tmp_path / "study")
    assert list((study.directory / "features").glob("*.features"))
    run_study(study.config, study.url, study.directory)
    assert not (study.directory / "features").exists()
    assert (study.directory / "weights").is_dir()
