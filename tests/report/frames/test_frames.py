"""Frames hold what was recorded, with documented columns and types, whatever they are read from."""

import math
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import optuna
import pandas as pd
import pytest
from optuna.trial import FrozenTrial, TrialState, create_trial

from plantnas.errors import StorageError, StudyError
from plantnas.measured import Epoch, Evaluation
from plantnas.records.database import Database
from plantnas.records.record import BaselineRun, NetworkRecord
from plantnas.records.study import StudyRecords
from plantnas.report.finished_trials import wasted_seconds
from plantnas.report.frames.frames import (
    baselines_frame,
    costs_frame,
    epochs_frame,
    evaluations_frame,
    metrics_frame,
    networks_frame,
    trials_frame,
    widths_frame,
)
from plantnas.report.study_data import study_data
from tests.report.conftest import network, study_record

FrameOf = Callable[[Database | str | optuna.storages.RDBStorage, str], pd.DataFrame]
FRAMES = (
    networks_frame,
    widths_frame,
    evaluations_frame,
    metrics_frame,
    epochs_frame,
    costs_frame,
    baselines_frame,
    trials_frame,
)
NOW = datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC)


def seed() -> NetworkRecord:
    return replace(
        network("seed", 4782, 0.8, step=0),
        macs=3_000_000_000,
        widths={"stem": 8, "a_head": 16},
        evaluations=(Evaluation("validation", 0.8, 0.5, 300), Evaluation("test", 0.7, 0.6, 500)),
        epochs=(
            Epoch(1, 0.01, math.nan, 0.8, 0.6, 1.5),
            Epoch(2, 0.01, 0.4, 0.5, 0.8, 1),
        ),
        seconds={"training": 2.5, "evaluation": 0.5},
        created=NOW,
    )


def planted() -> NetworkRecord:
    made = network("planting", 5000, 0.9, kind="grow", step=1, trial=1, parent=1)
    return replace(
        made,
        macs=4_000_000_000,
        widths={"stem": 12, "a_head": 16},
        planted={"stem": 4},
        evaluations=(Evaluation("validation", 0.9, 0.4, 300, {"f1": 0.9, "accuracy": 0.95}),),
        seconds={},
        created=NOW,
    )


def trial(
    state: TrialState, seconds: float | None, values: list[float] | None = None, **shown: object
) -> FrozenTrial:
    """One that began at NOW."""
    made = create_trial(state=state, values=values, user_attrs=shown)
    local = NOW.astimezone().replace(tzinfo=None)  # as Optuna has moments
    made.datetime_start = local
    made.datetime_complete = None if seconds is None else local + timedelta(seconds=seconds)
    return made


TRIALS = (
    trial(
        TrialState.PRUNED,
        2,
        kind="screen",
        step=1,
        parent="seed",
        worker="host:1:2",
        parameters=99,
        reason="too small",
    ),
    trial(
        TrialState.COMPLETE,
        60,
        [0.9, 5000],
        kind="grow",
        step=1,
        parent="seed",
        worker="host:1:2",
        parameters=5000,
    ),
    trial(TrialState.FAIL, 3, kind="screen", step=2, parent=1, worker="host:3:4"),
    trial(TrialState.RUNNING, None, kind="screen", step=2, parent=1, worker="host:1:2"),
)
"""By number; the second one left the planted network."""


@pytest.fixture
def database(url: str) -> Database:
    database = Database(url)
    study = optuna.create_study(
        study_name="digits", storage=url, directions=["maximize", "minimize"]
    )
    study.add_trials(TRIALS)
    for name in ("digits", "other", "empty"):
        database.add_study(study_record(name))
    StudyRecords(database, "digits").add(seed())
    StudyRecords(database, "digits").add(planted())
    StudyRecords(database, "other").add(seed())
    return database


def test_a_networks_row_holds_what_was_recorded(database: Database) -> None:
    expected = pd.DataFrame(
        {
            "id": [1, 2],
            "method": ["seed", "planting"],
            "kind": pd.Series([None, "grow"], dtype="str"),
            "step": pd.Series([0, 1], dtype="Int64"),
            "trial_number": pd.Series([None, 1], dtype="Int64"),
            "parent_id": pd.Series([None, 1], dtype="Int64"),
            "parameters": [4782, 5000],
            "macs": [3_000_000_000, 4_000_000_000],
            **dict.fromkeys(
                ("activation_memory", "bytes", "bytes_float16", "bytes_int8"), math.nan
            ),
            "cost": [4782.0, 5000.0],
            "validation_accuracy": [0.8, 0.9],
            "validation_loss": [0.5, 0.4],
            "test_accuracy": [0.7, math.nan],
            "test_loss": [0.6, math.nan],
            "seconds": [3.0, math.nan],
            "created": pd.Series([NOW, NOW], dtype="datetime64[us, UTC]"),
        }
    )
    pd.testing.assert_frame_equal(networks_frame(database, "digits"), expected)


def test_a_widths_row_is_a_group_in_the_order_of_the_network(database: Database) -> None:
    frame = widths_frame(database, "digits")
    assert frame.columns.tolist() == ["network_id", "group_name", "position", "width", "planted"]
    assert frame.to_numpy().tolist() == [
        [1, "stem", 0, 8, 0],
        [1, "a_head", 1, 16, 0],
        [2, "stem", 0, 12, 4],
        [2, "a_head", 1, 16, 0],
    ]


def test_an_evaluations_row_is_a_split_of_a_network(database: Database) -> None:
    frame = evaluations_frame(database, "digits")
    assert frame.columns.tolist() == ["network_id", "split", "accuracy", "loss", "images"]
    assert frame.to_numpy().tolist() == [
        [1, "test", 0.7, 0.6, 500],
        [1, "validation", 0.8, 0.5, 300],
        [2, "validation", 0.9, 0.4, 300],
    ]


def test_a_metrics_row_is_one_of_a_split_of_a_network(database: Database) -> None:
    frame = metrics_frame(database, "digits")
    assert frame.columns.tolist() == ["network_id", "split", "metric", "value"]
    assert frame.to_numpy().tolist() == [
        [2, "validation", "f1", 0.9],
        [2, "validation", "accuracy", 0.95],
    ]


def test_an_epochs_row_is_an_epoch_and_a_diverged_loss_is_nan(database: Database) -> None:
    expected = pd.DataFrame(
        {
            "network_id": [1, 1],
            "epoch": [1, 2],
            "learning_rate": [0.01, 0.01],
            "training_loss": [math.nan, 0.4],
            "validation_loss": [0.8, 0.5],
            "validation_accuracy": [0.6, 0.8],
            "seconds": [1.5, 1.0],
        }
    )
    pd.testing.assert_frame_equal(epochs_frame(database, "digits"), expected)


def test_a_baselines_row_says_how_it_was_made(database: Database) -> None:
    run = BaselineRun(2, 1, 0.01, 12, uses_teacher=True)
    made = replace(planted(), method="l1-kd", kind="baseline", trial_number=None, parent_id=None)
    network_id = StudyRecords(database, "digits").add(replace(made, baseline=run))
    assert baselines_frame(database, "digits").to_dict("records") == [
        {
            "network_id": network_id,
            "target_id": 2,
            "repetition": 1,
            "learning_rate": 0.01,
            "budget_epochs": 12,
            "uses_teacher": True,
        }
    ]


def test_a_costs_row_is_a_phase_of_a_network_or_a_trial_that_left_none(database: Database) -> None:
    rows = (
        (1, "seed", None, 0, None, "evaluation", 0.5),
        (1, "seed", None, 0, None, "training", 2.5),
        (None, "planting", "screen", 1, 0, "refused", 2.0),
        (None, "planting", "screen", 2, 2, "failed", 3.0),
    )
    names = ("network_id", "method", "kind", "step", "trial_number", "phase", "seconds")
    integers = dict.fromkeys(("network_id", "step", "trial_number"), "Int64")
    expected = pd.DataFrame(rows, columns=names).astype(integers)
    pd.testing.assert_frame_equal(costs_frame(database, "digits"), expected)


def test_the_cost_of_trials_without_a_network_is_what_the_search_wasted(database: Database) -> None:
    frame = costs_frame(database, "digits")
    wasted = wasted_seconds(study_data(StudyRecords(database, "digits")))
    assert frame.seconds[frame.network_id.isna()].sum() == wasted == 5


def test_a_network_whose_trial_failed_is_in_no_frame_and_its_time_is_wasted(
    database: Database,
) -> None:
    before = {frame: frame(database, "digits") for frame in FRAMES}
    StudyRecords(database, "digits").add(replace(planted(), trial_number=2, artifact_id="other"))
    for frame, expected in before.items():
        pd.testing.assert_frame_equal(frame(database, "digits"), expected)
    assert wasted_seconds(study_data(StudyRecords(database, "digits"))) == 5


def test_a_trials_row_is_a_trial_of_optuna_with_what_the_search_says_of_it(
    database: Database,
) -> None:
    ends = [NOW + timedelta(seconds=seconds) for seconds in (2, 60, 3)]
    expected = pd.DataFrame(
        {
            "number": [0, 1, 2, 3],
            "state": ["PRUNED", "COMPLETE", "FAIL", "RUNNING"],
            "kind": ["screen", "grow", "screen", "screen"],
            "step": pd.Series([1, 1, 2, 2], dtype="Int64"),
            "parent_trial": pd.Series([None, None, 1, 1], dtype="Int64"),
            "parent_id": pd.Series([1, 1, 2, 2], dtype="Int64"),
            "network_id": pd.Series([None, 2, None, None], dtype="Int64"),
            "worker": ["host:1:2", "host:1:2", "host:3:4", "host:1:2"],
            "datetime_start": pd.Series([NOW] * 4, dtype="datetime64[us, UTC]"),
            "datetime_complete": pd.Series([*ends, None], dtype="datetime64[us, UTC]"),
            "seconds": [2, 60, 3, math.nan],
            "validation_accuracy": [math.nan, 0.9, math.nan, math.nan],
            "held_back_loss": [math.nan] * 4,
            "parameters": pd.Series([99, 5000, None, None], dtype="Int64"),
            "cost": [math.nan, 5000.0, math.nan, math.nan],
            "reason": pd.Series(["too small", None, None, None], dtype="str"),
        }
    )
    pd.testing.assert_frame_equal(trials_frame(database, "digits"), expected)


def test_a_study_that_optuna_does_not_know_has_no_trials(database: Database) -> None:
    StudyRecords(database, "empty").add(seed())
    assert trials_frame(database, "empty").empty
    assert costs_frame(database, "empty").phase.tolist() == ["evaluation", "training"]


def test_what_no_network_has_is_a_column_of_floats(database: Database) -> None:
    database.add_study(study_record("new"))
    StudyRecords(database, "new").add(NetworkRecord(**(vars(planted()) | {"parent_id": None})))
    frame = networks_frame(database, "new")
    assert frame[["test_accuracy", "test_loss", "seconds"]].dtypes.tolist() == [float] * 3


@pytest.mark.parametrize("frame_of", FRAMES)
def test_a_frame_is_the_same_from_a_url_and_from_optunas_storage(
    database: Database, url: str, frame_of: FrameOf
) -> None:
    expected = frame_of(database, "digits")
    pd.testing.assert_frame_equal(frame_of(url, "digits"), expected)
    pd.testing.assert_frame_equal(frame_of(optuna.storages.RDBStorage(url), "digits"), expected)


@pytest.mark.parametrize("frame_of", FRAMES)
def test_a_study_without_rows_gives_an_empty_frame_with_the_same_columns_and_types(
    database: Database, frame_of: FrameOf
) -> None:
    run = BaselineRun(2, 1, 0.01, 12, uses_teacher=True)
    StudyRecords(database, "digits").add(replace(seed(), method="l1-kd", baseline=run))
    full, empty = frame_of(database, "digits"), frame_of(database, "empty")
    assert empty.empty
    pd.testing.assert_frame_equal(empty, full.head(0))


@pytest.mark.parametrize("frame_of", FRAMES)
def test_an_unknown_study_is_refused(database: Database, frame_of: FrameOf) -> None:
    with pytest.raises(StudyError, match=r"no study 'digit'. Did you mean 'digits'\?"):
        frame_of(database, "digit")


def test_reading_a_file_that_does_not_exist_does_not_make_it(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"missing.db: no such file"):
        networks_frame(f"sqlite:///{tmp_path}/missing.db", "digits")
    assert list(tmp_path.iterdir()) == []
