"""The command line: what it prints, its exit codes, and one line for each mistake."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import tomllib
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.cli.conftest import assert_one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.conftest import Ended, StudyFolder


def test_a_command_imports_torch_without_looking_for_garbage_again_and_again() -> None:
    """Nor does it when it ends: all that was imported would be looked through."""
    program = """
import atexit, gc, sys
looks = []
gc.callbacks.append(lambda phase, found: looks.append(phase))
atexit.register(lambda: print(looks.count("start") < 300, gc.get_freeze_count() > 100_000))
sys.argv = ["plantnas", "groups", "plain"]
from plantnas.cli import main
main()
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "True True", done.stderr


def test_help_names_the_commands(plantnas: Callable[..., Ended]) -> None:
    ended = plantnas("--help")
    assert ended.exit_code == 0
    assert ended.stderr == ""
    for command in ("quickstart", "run", "status", "groups", "studies", "spaces", "export"):
        assert command in ended.stdout


def test_without_a_command_the_help_is_shown(plantnas: Callable[..., Ended]) -> None:
    ended = plantnas()
    assert "quickstart" in ended.stdout + ended.stderr


def test_threads_sleep_while_they_wait_unless_the_user_says_otherwise(
    plantnas: Callable[..., Ended], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    plantnas("studies")
    assert os.environ["OMP_WAIT_POLICY"] == "ACTIVE"
    monkeypatch.delenv("OMP_WAIT_POLICY")
    plantnas("studies")
    assert os.environ["OMP_WAIT_POLICY"] == "PASSIVE"


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["run", "digts"], ["study 'digts': unknown. Did you mean 'digits'?"]),
        (["run", "none.yaml"], ["none.yaml: No such file"]),
        (["run"], ["Missing argument"]),
        (["rum", "digits"], ["No such command 'rum'"]),
        (["run", "digits", "--worker", "2"], ["--worker"]),
        (["run", "digits", "--workers", "0"], ["--workers"]),
        (["run", "digits", "--workers", "two"], ["--workers"]),
        (["run", "digits", "--seed", "-1"], ["random_seed: -1 is not allowed"]),
        (["run", "digits", "--steps", "0"], ["search.steps: 0 is not allowed"]),
        (["run", "digits", "--device", "nonsense"], ["device 'nonsense'", "Allowed: cpu"]),
        (["run", "digits", "--device", "cuda:99"], ["device 'cuda:99'", "Allowed: cpu"]),
        (["run", "digits", "--storage", "study.db"], ["'study.db': is not a URL"]),
        (["run", "digits", "--storage", "nonsense://x"], ["nonsense://x: cannot be opened"]),
        (["run", "digits", "--storage", "sqlite:////proc/none/s.db"], ["cannot be opened"]),
        (["status", "digits"], ["there is no database", "run the study first"]),
        (["groups", "plian"], ["architecture: 'plian' is unknown. Did you mean 'plain'?"]),
        (["groups", "torchvision/resnet"], ["torchvision/resnet"]),
        (["groups", "nowhere:network"], ["nowhere:network", "must be importable"]),
        (["groups", "plain", "--size", "2"], ["cannot run in evaluation mode"]),
    ],
    ids=lambda value: " ".join(value) if "run" in value or "groups" in value else "",
)
def test_a_mistake_in_the_command_is_one_line(
    plantnas: Callable[..., Ended], arguments: list[str], parts: list[str]
) -> None:
    assert_one_line(plantnas(*arguments), *parts)


OF_MINE = """
import sys
from plantnas.trials.policies import Greedy

def file(num_classes, in_channels): open("no-such-weights.pt")
def ends(num_classes, in_channels): sys.exit("no GPU")
def cost(structure, widths): return widths["stem"]
def rows(frame): raise RuntimeError("no rows")
def plot(data): data.nothing

class Policy(Greedy):
    def assign(self, history, reference): return history[3]
"""


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["groups", "of_mine:file"], ["FileNotFoundError", "no-such-weights.pt", "of_mine.py:5"]),
        (
            ["groups", "of_mine:ends"],
            ["architecture: 'of_mine:ends'", "SystemExit: no GPU", "py:6"],
        ),
        (["run", "mine.yaml"], ["code of yours raised IndexError", "(of_mine.py:12)"]),
        (["table", "tiny", "--format", "of_mine:rows"], ["format: 'of_mine:rows'", "of_mine.py:8"]),
        (["plot", "of_mine:plot", "tiny"], ["raised AttributeError", "'nothing'", "of_mine.py:9"]),
    ],
    ids=lambda value: " ".join(value) if len(value[0]) < 8 else "",
)
def test_what_code_of_the_users_raises_is_one_line(
    plantnas: Callable[..., Ended],
    finished: StudyFolder,
    folder: Path,
    arguments: list[str],
    parts: list[str],
) -> None:
    (folder / "of_mine.py").write_text(OF_MINE)
    (folder / "mine.yaml").write_text(
        f"{finished.yaml.read_text().rstrip()[:-1]}, policy: 'of_mine:Policy'}}\n"
    )
    of_study = ["--directory", str(finished.directory)] if arguments[-1] != "mine.yaml" else []
    places = [] if arguments[0] == "groups" else of_study
    assert_one_line(plantnas(*arguments, *places), *parts)


@pytest.fixture
def defective(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The folder of files about defects; the command `studies` has one."""
    fail = partial(dict[str, str]().__getitem__, "postgresql://me:s3cret@host/studies")
    monkeypatch.setattr("plantnas.cli.listing.shipped_studies", fail)
    folder = tmp_path / "defects"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


def test_what_nobody_has_thought_of_is_a_line_and_a_file_with_the_traceback(
    plantnas: Callable[..., Ended], defective: Path
) -> None:
    ended = plantnas("studies")
    assert ended.exit_code == 70
    assert ended.stderr.startswith("plantnas: a defect of plantnas: KeyError: 'postgresql://me")
    assert ended.stderr.count("\n") == 1
    (file,) = defective.iterdir()
    assert str(file) in ended.stderr
    assert "Traceback (most recent call last)" in file.read_text()
    assert "s3cret" not in file.read_text() + ended.stderr


def test_where_no_file_can_be_written_a_defect_is_told_all_the_same(
    plantnas: Callable[..., Ended], defective: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(defective / "missing"))
    ended = plantnas("studies")
    assert ended.exit_code == 70
    assert "Its traceback cannot be written: No such file or directory." in ended.stderr


def test_an_error_of_the_system_is_no_defect(
    plantnas: Callable[..., Ended], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("plantnas.cli.listing.shipped_studies", partial(os.listdir, "n" * 300))
    assert_one_line(plantnas("studies"), "nnn: File name too long.")


def test_what_is_wrong_with_a_database_is_no_defect(
    plantnas: Callable[..., Ended], monkeypatch: pytest.MonkeyPatch
) -> None:
    from optuna.storages import RDBStorage

    monkeypatch.setattr(
        "plantnas.cli.listing.shipped_studies", partial(RDBStorage, "sqlite:////proc/none/a.db")
    )
    assert_one_line(plantnas("studies"), "plantnas: the database: unable to open database file.")


class Finalized:
    """Something in whose finalizer Ctrl-C is pressed, which Python ignores there."""

    def __del__(self) -> None:
        os.kill(os.getpid(), signal.SIGINT)


@pytest.fixture
def hears() -> Iterator[None]:
    """What a shell has put behind it ignores Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("hears")
@pytest.mark.parametrize("seconds", [0, 60])
def test_an_interrupt_that_a_finalizer_swallowed_ends_any_command(
    plantnas: Callable[..., Ended], monkeypatch: pytest.MonkeyPatch, seconds: int
) -> None:
    def swallow() -> list[str]:
        Finalized()
        time.sleep(seconds)
        return []

    monkeypatch.setattr("plantnas.cli.listing.shipped_studies", swallow)
    ended = plantnas("studies")
    assert ended.exit_code == 130
    assert ended.stderr.endswith(
        "plantnas: interrupted. The same command goes on where it stopped.\n"
    )


STUBBORN = """
import os, signal, time
try:
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(60)
except BaseException:
    raise ImportError("what an extension says that was interrupted")
"""


def test_an_interrupt_while_modules_are_imported_ends_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "typer.py").write_text(STUBBORN)
    program = f"""
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # what is behind a shell ignores it
sys.path.insert(0, {str(tmp_path)!r})
from plantnas.__main__ import main
main()
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (130, "plantnas: interrupted.\n")


def test_the_command_that_is_installed_begins_where_interrupts_are_heard() -> None:
    project = tomllib.loads(Path("pyproject.toml").read_text())["project"]
    assert project["scripts"] == {"plantnas": "plantnas.__main__:main"}


def test_the_package_can_be_run_as_the_command(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-m", "plantnas", "nothing"], capture_output=True)
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.startswith(b"plantnas: No such command 'nothing'")


def test_a_folder_that_is_gone_is_one_line(plantnas: Callable[..., Ended], tmp_path: Path) -> None:
    (tmp_path / "here").rmdir()
    assert_one_line(plantnas("studies"), "plantnas: the current folder: No such file or directory.")


def test_a_process_without_an_output_is_served(tmp_path: Path) -> None:
    """As of a daemon, or of pythonw: Python has None for it."""
    program = "import sys; sys.stdout = None; from plantnas.cli import main; main()"
    command = [sys.executable, "-c", program, "studies"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


@pytest.mark.parametrize("words", [("export",), ("finish",), ("plot", "curves")])
def test_a_number_of_a_network_that_no_database_can_hold_is_one_line(
    plantnas: Callable[..., Ended], finished: StudyFolder, words: tuple[str, ...]
) -> None:
    option = "--network-id" if words[0] == "export" else "--network"
    place = ("--directory", finished.directory)
    assert_one_line(plantnas(*words, "tiny", option, 10**23, *place))
