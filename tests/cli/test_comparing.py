"""The commands `baselines` and `compare`, and one line for each mistake."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from plantnas.cli import main
from plantnas.report.frames.frames import baselines_frame

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import Ended, StudyFolder


def baselines_of(folder: StudyFolder, *options: object) -> tuple[object, ...]:
    return ("baselines", "tiny", "--directory", folder.directory, "--targets", "lineage", *options)


@pytest.fixture(scope="module")
def compared(finished: StudyFolder, tmp_path_factory: pytest.TempPathFactory) -> StudyFolder:
    """The finished study with baselines, made by the command; nobody makes others of its folder."""
    folder = finished.copy(tmp_path_factory.mktemp("compared") / "study")
    words = baselines_of(folder, "--methods", "l1-kd,scratch", "--rates", "0.02")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["plantnas", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            main()
    assert ended.value.code == 0
    return folder


def test_baselines_are_made_and_compared(
    plantnas: Callable[..., Ended], compared: StudyFolder
) -> None:
    assert (compared.directory / "comparison.html").exists()
    table = pd.read_csv(compared.directory / "comparison.csv")
    assert set(table.method) == {"planting", "l1-kd", "scratch"}
    assert table.test_accuracy.notna().all()
    again = plantnas(*baselines_of(compared, "--methods", "l1-kd,scratch", "--rates", "0.02"))
    assert again.exit_code == 0
    assert "points" in again.stdout
    assert "to make" not in again.stdout


def test_a_comparison_is_written_where_it_is_wanted_and_replaces_nothing(
    plantnas: Callable[..., Ended], compared: StudyFolder, tmp_path: Path
) -> None:
    wanted = ("compare", "tiny", "--storage", compared.url, "--csv", tmp_path / "table.csv")
    assert plantnas(*wanted).exit_code == 0
    rows = pd.read_csv(tmp_path / "table.csv")
    targets = baselines_frame(compared.url, "tiny").target_id.nunique()
    assert len(rows) == 3 * targets  # planting and two methods
    refused = plantnas(*wanted)
    assert refused.exit_code == 2
    assert "table.csv: exists already" in refused.stderr
    assert plantnas(*wanted, "--force").exit_code == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--methods", "l1-kb"), "methods: 'l1-kb' is unknown. Did you mean 'l1-kd'?"),
        (("--rates", "0.1,-1"), "rates '0.1,-1': are not positive numbers"),
        (("--targets", "fronts"), "targets: 'fronts'"),
    ],
)
def test_a_mistake_is_one_line_and_makes_nothing(
    plantnas: Callable[..., Ended], finished: StudyFolder, options: tuple[str, ...], message: str
) -> None:
    ended = plantnas("baselines", "tiny", "--directory", finished.directory, *options)
    assert (ended.exit_code, ended.stderr.count("\n")) == (2, 1)
    assert message in ended.stderr
    assert baselines_frame(finished.url, "tiny").empty


def test_a_study_without_grown_networks_has_no_baselines(
    plantnas: Callable[..., Ended], prepared: StudyFolder
) -> None:
    ended = plantnas("baselines", "tiny", "--directory", prepared.directory)
    assert (ended.exit_code, ended.stderr.count("\n")) == (2, 1)
    assert "has no grown network yet; run the study first" in ended.stderr


def test_a_study_without_baselines_is_not_compared(
    plantnas: Callable[..., Ended], finished: StudyFolder
) -> None:
    ended = plantnas("compare", "tiny", "--storage", finished.url)
    assert (ended.exit_code, ended.stderr.count("\n")) == (2, 1)
    assert "has no baselines; run plantnas baselines tiny first" in ended.stderr


def test_a_study_that_does_not_exist_is_not_created(
    plantnas: Callable[..., Ended], tmp_path: Path
) -> None:
    assert plantnas("compare", "missing").exit_code == 2
    assert plantnas("baselines", "missing").exit_code == 2
    assert list((tmp_path / "here").iterdir()) == []


def test_a_study_may_have_another_name_for_another_seed(
    plantnas: Callable[..., Ended], brief: StudyFolder, tmp_path: Path
) -> None:
    """It is complete, or else a worker's process would have to run it; as another it is refused.

    Without the option it goes on with the seed that it was begun with.
    """
    second = replace(
        brief.with_settings(name="second", random_seed=1, search__steps=1),
        directory=tmp_path / "here" / "plantnas-studies" / "second",
    )
    second.run()
    for seed in (("--seed", 1), ()):
        ended = plantnas("run", second.yaml, "--name", "second", *seed, "--workers", 1)
        assert ended.exit_code == 0, ended
        assert "Study 'second' is complete." in ended.stdout
    refused = plantnas("run", second.yaml, "--name", "second", "--seed", 0, "--workers", 1)
    assert refused.exit_code == 2
    assert "random_seed is 1, not 0" in refused.stderr
    assert os.listdir(tmp_path / "here" / "plantnas-studies") == ["second"]
