"""`plantnas export` as it is typed: what it writes, and one line and exit code 2 for mistakes."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from plantnas.cli import main


class Done(NamedTuple):
    code: int
    shown: str
    mistake: str


Export = Callable[..., Done]


@pytest.fixture
def export(
    finished: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Export:
    """Runs the command on the finished study, in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def run(*options: str, study: str = "tiny") -> Done:
        words = ["plantnas", "export", study, "--directory", str(finished.directory), *options]
        monkeypatch.setattr(sys, "argv", words)
        with pytest.raises(SystemExit) as ended:
            main()
        shown = capsys.readouterr()
        return Done(int(ended.value.code or 0), shown.out, shown.err)

    return run


def test_a_network_and_a_family_are_written_together(export: Export, tmp_path: Path) -> None:
    done = export("--family", "tiny.family", "--output", "tiny.pt", "--max-parameters", "5000")
    assert done.code == 0, done.mistake
    assert {path.name for path in tmp_path.iterdir()} == {"tiny.family", "tiny.pt"}
    assert "tiny.family: a family of" in done.shown
    assert "state = torch.load('tiny.pt', weights_only=True)" in done.shown


def test_a_crop_is_written_and_said_to_be_untrained(export: Export, tmp_path: Path) -> None:
    done = export("--widths", "features.0=1,features.3=2", "--output", "crop.pt")
    assert done.code == 0, done.mistake
    assert "never trained at these widths" in done.shown
    assert (tmp_path / "crop.pt").exists()


def test_the_study_may_be_named_by_its_file(export: Export, finished: Any) -> None:
    assert export("--network-id", "2", study=str(finished.yaml)).code == 0


def test_the_file_that_names_the_study_is_not_replaced(export: Export, finished: Any) -> None:
    said = finished.yaml.read_text()
    done = export("--output", str(finished.yaml), "--force", study=str(finished.yaml))
    assert done.code == 2
    assert "would replace what is kept in" in done.mistake
    assert finished.yaml.read_text() == said


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--format", "onx"], "format 'onx': unknown. Did you mean 'onnx'?"),
        (["--max-parameters", "5"], "no network is within these limits: the smallest has 648"),
        (["--max-macs", "5"], "no network is within these limits"),
        (["--network-id", "99"], "study 'tiny' has no network 99"),
        (["--network-id", "2", "--max-macs", "9"], "network id 2: says which network"),
        (["--output", "none/a.pt"], "none/a.pt: there is no folder none"),
        (["--family", "none/a"], "none/a: there is no folder none"),
        (["--widths", "features.0"], "widths 'features.0': are neither group=width"),
        (["--widths", "features.0=99"], "features.0: cannot crop to width 99"),
        (
            ["--widths", "feature.0=1"],
            "feature.0: unknown channel group. Did you mean 'features.0'",
        ),
        (["--max-parameters", "0"], "Invalid value for '--max-parameters'"),
    ],
)
def test_a_mistake_is_one_line_and_writes_nothing(
    export: Export, tmp_path: Path, options: list[str], message: str
) -> None:
    done = export(*options)
    assert done.code == 2
    assert message in done.mistake
    assert len(done.mistake.splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_a_study_that_does_not_exist_makes_no_folder(export: Export, tmp_path: Path) -> None:
    done = export("--directory", str(tmp_path / "none"))
    assert done.code == 2
    assert "there is no database" in done.mistake
    assert not list(tmp_path.iterdir())
