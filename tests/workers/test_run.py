"""A run by real processes: workers and the terminal may end it at any moment, and it goes on.

How workers are started, replaced and ended is in test_local.py, with shorter programs.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import optuna
import pytest
from optuna.trial import FrozenTrial, TrialState

from plantnas.config_files import load_study
from plantnas.errors import StudyError
from plantnas.records.optuna_tables import DIVERGED, REASON_KEY, WORKER_KEY
from plantnas.records.study import load_network
from plantnas.report.front import validation_accuracy
from plantnas.trials.assignments import assignment_of
from plantnas.trials.history import MOST_DIVERGED
from plantnas.trials.study import existing_study, is_complete
from plantnas.trust import VARIABLE
from plantnas.workers.run import run_study, sparing
from plantnas.workers.worker import optimize_until_complete
from tests.conftest import StudyFolder

COMMAND = [sys.executable, "-c", "from plantnas.cli import main; main()"]
PATIENCE_SECONDS = 60
LOST = """
def start(grown):
    for parameter in grown.network.parameters():
        parameter.fill_(float("nan"))
"""

SCRIPT = """
import sys
from pathlib import Path
import plantnas

folder = Path(sys.argv[1])
config = plantnas.load_study(str(folder / "tiny.yaml"))
plantnas.run_study(config, f"sqlite:///{folder}/study.db", folder, workers=2, say=print)
"""
"""As a user writes it, without `if __name__ == "__main__":`."""

MODULE = """
import os, sys, time
from pathlib import Path
from plantnas import build_network
from plantnas.training.datasets.digits import read as digits

def small(num_classes, in_channels):
    if "worker" in sys.argv:  # both take a trial before one goes on
        here = Path(__file__).parent
        (here / f"here-{os.getpid()}").touch()
        deadline = time.monotonic() + 30
        while len(list(here.glob("here-*"))) < 2 and time.monotonic() < deadline:
            time.sleep(0.02)
    return build_network("plain-small", num_classes, in_channels)

def read(data, split):
    with (Path(__file__).parent / "reads").open("a") as file:
        file.write(f"{os.path.basename(sys.argv[0])} ")
    return digits(data, split)
"""
"""An architecture, and digits that note which program reads them."""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def small(tiny: StudyFolder, tmp_path_factory: pytest.TempPathFactory) -> StudyFolder:
    """A study that is not begun, and as small as can be: its trials take a fraction of a second."""
    folder = tmp_path_factory.mktemp("small")
    text = tiny.yaml.read_text().replace(
        "train: 600, validation: 300", "train: 200, validation: 99"
    )
    text = text.replace("epochs: 6", "epochs: 2").replace("epochs: 5", "epochs: 2")
    text = text.replace(
        "steps: 2, probes: 0, trials_per_step: 3", "steps: 1, probes: 0, trials_per_step: 2"
    )
    (folder / "tiny.yaml").write_text(text)
    return StudyFolder(folder, load_study(str(folder / "tiny.yaml")), folder / "tiny.yaml")


@pytest.fixture(scope="module")
def ready(small: StudyFolder, tmp_path_factory: pytest.TempPathFactory) -> StudyFolder:
    """The study with its teacher and seed; not to be changed, but copied."""
    study = replace(small, directory=tmp_path_factory.mktemp("ready") / "study")
    study.objective().prepared(study.open())
    return study


@pytest.fixture
def folder(ready: StudyFolder, tmp_path: Path) -> StudyFolder:
    return ready.copy(tmp_path / "study")


def start(folder: StudyFolder) -> subprocess.Popen[str]:
    """`plantnas run`, in a process group of its own as in a terminal."""
    arguments = ["run", folder.yaml, "--directory", folder.directory]
    return subprocess.Popen(
        [*COMMAND, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def trials_of(folder: StudyFolder, *states: TrialState) -> list[FrozenTrial]:
    return existing_study("tiny", folder.url).get_trials(states=states or None)


def hold_a_worker_in_a_trial(folder: StudyFolder, run: subprocess.Popen[str]) -> int:
    """A worker that runs a planting's trial now, and stands still."""
    study, deadline = existing_study("tiny", folder.url), time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        for worker in planting_workers(study):
            os.kill(worker, signal.SIGSTOP)
            if worker in planting_workers(study):
                return worker
            os.kill(worker, signal.SIGCONT)
        assert run.poll() is None, run.communicate()
        time.sleep(0.05)
    raise TimeoutError


def planting_workers(study: optuna.Study) -> list[int]:
    running = study.get_trials(states=(TrialState.RUNNING,))
    trained = [trial for trial in running if "planting" in trial.user_attrs]
    return [int(trial.user_attrs[WORKER_KEY].split(":")[1]) for trial in trained]


def check_complete(folder: StudyFolder) -> None:
    """The step has its screens and its grown network, and trials and records agree."""
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
    assert kinds[1, "screen"] >= 2
    assert kinds[1, "grow"] >= 1
    grown = [assignment.repeats for assignment in made if assignment.kind == "grow"]
    assert len(grown) == len(set(grown)), "nothing is grown twice"
    check_records(folder, complete)


def check_records(folder: StudyFolder, complete: dict[int, FrozenTrial]) -> None:
    networks = folder.records.networks()
    of_trials = Counter(network.trial_number for network in networks)
    kinds = {number: trial.user_attrs["kind"] for number, trial in complete.items()}
    assert all(of_trials[number] == (kind != "probe") for number, kind in kinds.items())
    for network in networks:
        load_network(folder.url, "tiny", network.id or 0)  # checks its SHA-256
        if network.trial_number in complete:
            expected = [validation_accuracy(network), network.parameters]
            assert complete[network.trial_number].values == expected


@pytest.fixture(scope="module")
def scripted(small: StudyFolder, tmp_path_factory: pytest.TempPathFactory) -> StudyFolder:
    """The study of a plain script and its module beside it, with probes, run by two workers."""
    folder = tmp_path_factory.mktemp("scripted")
    study = replace(small, directory=folder / "study")
    study.directory.mkdir()
    (folder / "script.py").write_text(SCRIPT)
    (folder / "mine.py").write_text(MODULE)
    own = small.yaml.read_text().replace("plain-small", "{architecture: 'mine:small'}")
    own = own.replace("name: digits", "name: 'mine:read'").replace("probes: 0", "probes: 6")
    (study.directory / "tiny.yaml").write_text(own)
    command = [sys.executable, str(folder / "script.py"), str(study.directory)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("Study 'tiny' is complete.\n")
    return study


def test_two_workers_share_a_study_of_a_plain_script_and_its_module(
    scripted: StudyFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(scripted.directory.parent)
    monkeypatch.setenv(VARIABLE, "mine:small")  # which another process said
    check_complete(scripted)
    assert not trials_of(scripted, TrialState.FAIL)
    workers = Counter(trial.user_attrs[WORKER_KEY] for trial in trials_of(scripted))
    assert len(workers) == 2


def test_a_run_reads_the_images_of_a_new_study_once(scripted: StudyFolder) -> None:
    readers = (scripted.directory.parent / "reads").read_text().split()
    assert readers.count("script.py") == 1


def test_two_workers_share_the_probes_of_a_step(scripted: StudyFolder) -> None:
    trials = trials_of(scripted, TrialState.COMPLETE)
    made = [assignment for trial in trials if (assignment := assignment_of(trial))]
    assert sum(assignment.kind == "probe" for assignment in made) >= 6
    repeated = [assignment.repeats for assignment in made if not assignment.proposes]
    assert len(repeated) == len(set(repeated)), "nothing is trained twice"


INTERRUPTED = "plantnas: interrupted. The same command goes on where it stopped.\n"


def test_a_run_that_is_interrupted_ends_with_one_line_and_goes_on(folder: StudyFolder) -> None:
    run = start(folder)
    worker = hold_a_worker_in_a_trial(folder, run)
    os.killpg(run.pid, signal.SIGINT)
    _, stderr = run.communicate(timeout=PATIENCE_SECONDS)
    assert (run.returncode, stderr) == (130, INTERRUPTED)
    assert not is_running(worker)
    assert not trials_of(folder, TrialState.RUNNING)
    optimize_until_complete(folder.open(), folder.objective())  # what a worker of another run does
    check_complete(folder)


def is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture
def fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Makes workers end before they have begun, by these statements."""

    def make(statements: str) -> None:
        (tmp_path / "typer.py").write_text(statements)  # the command line imports it
        monkeypatch.syspath_prepend(tmp_path)

    return make


def test_what_a_worker_cannot_do_is_one_line_of_its_run(folder: StudyFolder) -> None:
    """Only a worker asks which plantnas a study was made with."""
    newer = "UPDATE plantnas_studies SET versions = json_set(versions, '$.plantnas', '17.1')"
    with folder.records.database.engine.begin() as connection:
        connection.exec_driver_sql(newer)
    with pytest.raises(StudyError, match=r"^study 'tiny' was made .* install plantnas 17\.$"):
        run_study(folder.config, folder.url, folder.directory)
    assert not is_complete(folder.open(), folder.config.search)


def test_a_worker_that_ends_without_a_word_is_told_with_its_log(
    folder: StudyFolder, fail: Callable[[str], None]
) -> None:
    fail("raise SystemExit(3)")
    with pytest.raises(StudyError, match=r"^worker 1 ended with exit code 3: see ") as raised:
        run_study(folder.config, folder.url, folder.directory)
    assert Path(str(raised.value).rpartition("see ")[2].removesuffix(".")).is_file()


def test_what_a_run_may_change_is_recorded_before_its_workers_start(
    folder: StudyFolder, tmp_path: Path, fail: Callable[[str], None]
) -> None:
    other = folder.with_settings(data__root=str(tmp_path), memory_gigabytes=0.5, search__steps=2)
    fail("raise SystemExit(3)")
    with pytest.raises(StudyError, match="worker 1 ended"):
        run_study(other.config, other.url, other.directory)
    assert folder.records.config == other.config


def test_a_study_whose_limits_leave_no_room_says_so(small: StudyFolder, tmp_path: Path) -> None:
    study = replace(small, directory=tmp_path).with_settings(
        search__steps=2, search__maximum_parameters=900
    )
    study.run()
    messages: list[str] = []
    run_study(study.config, study.url, study.directory, say=messages.append)
    assert messages[-1].startswith("Study 'tiny' ended after step 1 of 2: nothing more")


@pytest.fixture
def diverging(small: StudyFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StudyFolder:
    """A study whose planted channels are no numbers, and so never trained."""
    (tmp_path / "lost.py").write_text(LOST)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    return replace(small, directory=tmp_path / "study").with_settings(planting__rows="lost:start")


def test_a_study_whose_trainings_all_diverge_ends_with_what_to_change(
    diverging: StudyFolder,
) -> None:
    for _ in range(2):  # it is not begun anew
        with pytest.raises(StudyError, match=r"diverged \(trial .*Lower planting.learning_rate"):
            run_study(diverging.config, diverging.url, diverging.directory)
    refused = [trial for trial in diverging.open().trials if trial.state == TrialState.PRUNED]
    reasons = [trial.user_attrs[REASON_KEY] for trial in refused]
    counted = sum(reason.startswith(DIVERGED) for reason in reasons)
    assert MOST_DIVERGED <= counted <= MOST_DIVERGED + 1


def test_a_study_that_is_complete_keeps_no_features(folder: StudyFolder) -> None:
    folder.run()
    (folder.directory / "features").mkdir(exist_ok=True)
    (folder.directory / "features" / "left.features").touch()
    run_study(folder.config, folder.url, folder.directory)
    assert not (folder.directory / "features").exists()
    assert (folder.directory / "weights").is_dir()


def test_what_watches_a_run_is_called_again_when_that_takes_no_more_than_its_share() -> None:
    now, called = [0.0], list[float]()

    def watch(study: optuna.Study) -> None:
        called.append(now[0])
        now[0] += 0.5

    study, watch_now = optuna.create_study(), sparing(watch, clock=lambda: now[0])
    for moment in (0, 1, 20, 24.9, 25, 26, 49.9, 51):
        now[0] = max(now[0], moment)
        watch_now(study)
    assert called == [0, 25, 51]
