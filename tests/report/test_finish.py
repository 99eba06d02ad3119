"""The test split is read when a search is finished, for what validation has chosen."""

from __future__ import annotations

import struct
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from plantnas.config import Data
from plantnas.errors import DataError
from plantnas.measured import Evaluation
from plantnas.records.database import Database
from plantnas.records.record import BaselineRun, NetworkRecord
from plantnas.records.study import StudyRecords
from plantnas.report.finish import finish, finish_baselines
from plantnas.report.front import pareto_front
from plantnas.training.datasets.digits import read

if TYPE_CHECKING:
    from tests.conftest import StudyFolder


def evaluated_on(split: str, networks: list[NetworkRecord]) -> set[int | None]:
    return {
        network.id
        for network in networks
        if any(evaluation.split == split for evaluation in network.evaluations)
    }


def test_the_search_does_not_read_the_test_split(finished: StudyFolder) -> None:
    assert evaluated_on("test", finished.records.networks()) == set()


def test_the_front_the_seed_and_the_teacher_are_tested_and_nothing_else(
    finished: StudyFolder, tmp_path: Path
) -> None:
    folder = finished.copy(tmp_path / "study")
    networks, page = finish(folder.url, "tiny", folder.directory)
    chosen = {network.id for network in pareto_front(networks)} | {1, 2}
    assert evaluated_on("test", networks) == evaluated_on("train", networks) == chosen
    assert page == folder.directory / "pareto.html"
    assert page.exists()


def test_what_is_compared_is_tested_though_it_is_not_on_the_front(
    finished: StudyFolder, tmp_path: Path
) -> None:
    folder = finished.copy(tmp_path / "study")
    target = next(each for each in folder.records.networks() if each.kind == "grow")
    worse = replace(
        target,
        id=None,
        method="finish",
        kind="finish",
        trial_number=None,
        parent_id=target.id,
        planted={},
        evaluations=(Evaluation("validation", 0.0, 9.0, 100),),
        baseline=BaselineRun(target.id or 0, 0, 0.01, 3, uses_teacher=True),
    )
    made = folder.records.add(worse)
    networks, _ = finish(folder.url, "tiny", folder.directory)
    assert made not in {network.id for network in pareto_front(networks)}
    assert made in evaluated_on("test", networks)


def test_to_finish_twice_changes_nothing(finished: StudyFolder, tmp_path: Path) -> None:
    folder = finished.copy(tmp_path / "study")
    first = finish(folder.url, "tiny", folder.directory)
    assert finish(folder.url, "tiny", folder.directory) == first


def test_what_is_compared_with_baselines_is_tested_and_other_rates_are_not(
    finished: StudyFolder, tmp_path: Path
) -> None:
    folder = finished.copy(tmp_path / "study")
    database = Database(folder.url)
    target = next(each for each in StudyRecords(database, "tiny").networks() if each.kind == "grow")
    ids = {}
    for rate, accuracy in ((0.01, 0.7), (0.02, 0.6)):
        made = replace(
            target,
            id=None,
            method="l1-kd",
            kind="baseline",
            trial_number=None,
            parent_id=None,
            planted={},
            evaluations=(Evaluation("validation", accuracy, 0.5, 100),),
            baseline=BaselineRun(target.id or 0, 0, rate, 3, uses_teacher=True),
        )
        ids[rate] = StudyRecords(database, "tiny").add(made)
    finish_baselines(folder.url, "tiny")
    networks = StudyRecords(database, "tiny").networks()
    assert evaluated_on("test", networks) == {1, target.id, ids[0.01]}
    assert evaluated_on("train", networks) == {1, target.id, ids[0.01]}


def write_idx(path: Path, values: np.ndarray) -> None:
    """A file in MNIST's format."""
    header = struct.pack(f">4B{values.ndim}I", 0, 0, 8, values.ndim, *values.shape)
    path.write_bytes(header + values.astype(np.uint8).tobytes())


def test_a_study_without_test_files_is_trained_and_only_its_report_complains(
    tiny: StudyFolder, tmp_path: Path
) -> None:
    digits = read(Data(name="digits"), "train")
    write_idx(tmp_path / "train-images-idx3-ubyte", digits.pixels[:, 0].numpy())
    write_idx(tmp_path / "train-labels-idx1-ubyte", digits.labels.numpy())
    short = {"teacher__epochs": 1, "seed__epochs": 1, "planting__epochs": 1}
    folder = replace(tiny, directory=tmp_path / "study").with_settings(
        **short, data__name="fashion-mnist", data__root=str(tmp_path), search__steps=1
    )
    folder.run()
    networks = folder.records.networks()
    assert sum(network.kind == "grow" for network in networks) == 1
    with pytest.raises(DataError, match=r"fashion-mnist: cannot be read: .*t10k-images") as error:
        finish(folder.url, "tiny", folder.directory)
    assert "\n" not in str(error.value)
