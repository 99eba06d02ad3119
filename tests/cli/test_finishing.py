"""The command `finish` as it is typed, and one line for each mistake."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.cli.conftest import assert_one_line

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import Ended, StudyFolder


def test_a_finished_network_is_printed_recorded_and_exported(
    plantnas: Callable[..., Ended], ended: StudyFolder, tmp_path: Path
) -> None:
    name, folder = ended.config.name, ended.copy(tmp_path / "study")
    of_study = (name, "--directory", folder.directory)
    done = plantnas("finish", *of_study, "--network", 2, "--epochs", 1)
    record = folder.records.networks()[-1]
    assert done.exit_code == 0, done.stderr
    assert done.stdout.splitlines()[-1].startswith(f"Network {record.id}: widths ")
    again = plantnas("finish", *of_study, "--network", 2, "--epochs", 1)
    assert "finished so already" in again.stdout
    assert f"{record.id},finish,finish,0,,2," in plantnas("table", *of_study).stdout
    exported = plantnas("export", *of_study, "--network-id", record.id)
    assert exported.stdout.startswith(f"Network {record.id}: ")


def test_what_is_finished_is_tested_once_the_study_is_complete(
    plantnas: Callable[..., Ended], begun: StudyFolder, ended: StudyFolder, tmp_path: Path
) -> None:
    for study, is_tested in ((begun, False), (ended, True)):
        folder = study.copy(tmp_path / study.directory.name)
        of_study = (study.config.name, "--directory", folder.directory)
        done = plantnas("finish", *of_study, "--network", 2)
        assert done.exit_code == 0, done.stderr
        record = folder.records.networks()[-1]
        assert record.method == "finish"
        assert (record.evaluation_on("test") is not None) == is_tested


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((), "needs a network's number"),
        (("--network", 99), "has no network 99"),
        (("--network", 2, "--max-parameters", 900), "has no meaning beside it"),
        (("--max-parameters", 1), "no network is within these limits"),
        (("--network", 2, "--epochs", 0), "epochs 0: is not a positive number"),
    ],
)
def test_a_mistake_is_one_line_and_makes_nothing(
    plantnas: Callable[..., Ended], ended: StudyFolder, options: tuple[object, ...], message: str
) -> None:
    before = len(ended.records.networks())
    study = (ended.config.name, "--directory", ended.directory)
    assert_one_line(plantnas("finish", *study, *options), message)
    assert len(ended.records.networks()) == before


def test_an_unknown_study_is_one_line(plantnas: Callable[..., Ended]) -> None:
    assert_one_line(plantnas("finish", "digits", "--network", 2), "there is no database")
