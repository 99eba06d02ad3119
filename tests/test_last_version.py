"""A study that the last version began goes on under this one, and nothing of it is lost.

`tests/studies/of-2737499.zip` is the folder of a study by the code of commit 2737499, after the
first of its two steps and the first proposals of the second.
"""

import json
import sqlite3
import zipfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import plantnas as package
from plantnas.config_files import load_study
from tests.conftest import Ended, StudyFolder

ARCHIVE = Path(__file__).parent / "studies" / "of-2737499.zip"

YAML = """
name: old
search_space: plain-small
data: {name: digits, train: 200, validation: 100, views: 1}
teacher: {epochs: 2, precision: float32}
seed: {epochs: 2, precision: float32}
planting: {screen_epochs: 1, epochs: 1, precision: float32}
search: {steps: 2, trials_per_step: 3, minimum_growth: 1.3, maximum_growth: 4}
"""

RECORDED = (
    "SELECT id, method, kind, trial_number, parent_id, step, parameters, macs, artifact_id, sha256 "
    "FROM plantnas_networks WHERE id <= 6 ORDER BY id",
    "SELECT * FROM plantnas_widths WHERE network_id <= 6 ORDER BY network_id, position",
    "SELECT * FROM plantnas_evaluations WHERE network_id <= 6 AND split = 'validation' "
    "ORDER BY network_id",
    "SELECT * FROM plantnas_epochs WHERE network_id <= 6 ORDER BY network_id, epoch",
    "SELECT number, state, value, user_attributes.value_json FROM trials "
    "JOIN trial_values USING (trial_id) JOIN trial_user_attributes AS user_attributes "
    "USING (trial_id) WHERE number <= 5 ORDER BY number, objective, key",
)
"""What the last version wrote."""


@pytest.fixture
def old(tmp_path: Path, plantnas: Callable[..., Ended]) -> StudyFolder:
    """The study as its owner has it after `plantnas db upgrade`, which may find nothing to do."""
    directory, yaml = tmp_path / "old", tmp_path / "old.yaml"
    zipfile.ZipFile(ARCHIVE).extractall(directory)
    yaml.write_text(YAML)
    folder = StudyFolder(directory, load_study(str(yaml)), yaml)
    assert plantnas("db", "upgrade", "old", "--directory", directory).exit_code == 0
    return folder


def answers(folder: StudyFolder) -> list[Any]:
    with closing(sqlite3.connect(folder.directory / "study.db")) as connection:
        return [connection.execute(query).fetchall() for query in RECORDED]


def test_it_goes_on_to_its_end_and_keeps_all_that_was_recorded(old: StudyFolder) -> None:
    before = answers(old)
    assert all(before)
    study = old.run()
    steps = [trial.user_attrs["step"] for trial in study.trials if "network" in trial.user_attrs]
    assert steps == [1, 1, 1, 1, 2, 2, 2, 2]
    assert answers(old) == before


def test_its_networks_compute_what_was_recorded(old: StudyFolder) -> None:
    frame = package.networks_frame(old.url, "old")
    images, labels = package.load_images(old.url, "old", "validation")
    for network_id, accuracy in zip(frame.id, frame.validation_accuracy, strict=True):
        network = package.load_network(old.url, "old", network_id)
        found = (network(images).argmax(1) == labels).float().mean().item()
        assert found == pytest.approx(accuracy, abs=0.011)  # one image of 100 on another processor


def test_its_configuration_is_still_the_files(old: StudyFolder) -> None:
    other = old.with_settings(planting__epochs=3)
    with pytest.raises(package.PlantnasError, match=r"planting.epochs is 1, not 3"):
        other.run(1)


def test_it_was_distilled_by_the_loss_that_had_no_name_then(old: StudyFolder) -> None:
    recorded = old.records.record.configuration["distillation"]
    assert "loss" not in recorded
    assert old.records.config.distillation.loss == "kd"
    with pytest.raises(package.PlantnasError, match=r"distillation.loss is 'kd', not 'operator:s"):
        old.with_settings(distillation__loss="operator:sub").run(1)


def test_commands_that_read_read_it(old: StudyFolder, plantnas: Callable[..., Ended]) -> None:
    place = ("--directory", old.directory)
    rows = json.loads(plantnas("table", "old", *place, "--format", "json").stdout)
    assert [row["id"] for row in rows] == [1, 2, 3, 4, 5, 6]
    for command in (["status"], ["report"], ["export", "--network-id", "6"]):
        ended = plantnas(command[0], "old", *place, *command[1:])
        assert ended.exit_code == 0, ended.stderr
