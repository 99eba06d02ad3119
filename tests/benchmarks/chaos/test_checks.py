"""The checks of a chaos run see what is lost, doubled or left over."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from benchmarks.chaos import checks
from plantnas.records.database import Database
from plantnas.trials.assignments import assignment_of

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

    from plantnas.records.record import NetworkRecord
    from tests.conftest import StudyFolder


@pytest.fixture
def folder(finished: StudyFolder, tmp_path: Path) -> StudyFolder:
    return finished.copy(tmp_path / "study")


def seen(folder: StudyFolder) -> checks.Verdict:
    return checks.verdict(folder.open(), folder.records, folder.config)


def change(folder: StudyFolder, statement: str, **values: object) -> None:
    with Database(folder.url).engine.begin() as connection:
        connection.execute(text(statement), values)


def last(folder: StudyFolder) -> NetworkRecord:
    return folder.records.networks()[-1]


def grown(folder: StudyFolder) -> FrozenTrial:
    return folder.open().trials[last(folder).trial_number or 0]


def test_of_a_study_that_went_well_nothing_is_wrong(folder: StudyFolder) -> None:
    assert seen(folder) == ([], [], [])
    assert checks.orphans(folder.open(), folder.records, [folder.directory]) == []


def test_of_probes_that_went_well_nothing_is_wrong(probing: StudyFolder) -> None:
    assert seen(probing) == ([], [], [])


@pytest.mark.parametrize(
    ("statement", "fault"),
    [
        ("DELETE FROM trial_user_attributes WHERE key = 'widths'", "has no widths"),
        ("UPDATE trial_values SET value = -7 WHERE value < 0", "and its loss are not the same"),
    ],
)
def test_a_probe_that_is_not_whole_is_lost(
    probing: StudyFolder, tmp_path: Path, statement: str, fault: str
) -> None:
    folder = probing.copy(tmp_path / "study")
    change(folder, statement)
    assert len([line for line in seen(folder).lost if line.endswith(fault)]) == 8


def test_a_missing_file_of_weights_is_lost(folder: StudyFolder) -> None:
    network = last(folder)
    (folder.directory / "weights" / str(network.artifact_id)).unlink()
    (line,) = seen(folder).lost
    assert line.startswith(f"trial {network.trial_number} has weights that do not load: ")


def test_weights_of_another_network_are_lost(folder: StudyFolder) -> None:
    change(folder, "UPDATE plantnas_networks SET sha256 = 'ab' WHERE id = :id", id=last(folder).id)
    assert len(seen(folder).lost) == 1


def test_a_complete_trial_without_a_row_is_lost(folder: StudyFolder) -> None:
    network = last(folder)
    change(folder, "DELETE FROM plantnas_networks WHERE id = :id", id=network.id)
    assert seen(folder).lost == [f"trial {network.trial_number} has no row"]


@pytest.mark.parametrize("table", ["evaluations", "epochs", "widths"])
def test_a_row_that_is_not_whole_is_lost(folder: StudyFolder, table: str) -> None:
    network = last(folder)
    change(folder, f"DELETE FROM plantnas_{table} WHERE network_id = :id", id=network.id)
    assert seen(folder).lost == [f"trial {network.trial_number} has no {table}"]


def test_a_row_that_says_something_else_is_lost(folder: StudyFolder) -> None:
    network = last(folder)
    change(folder, "UPDATE plantnas_networks SET parameters = 7 WHERE id = :id", id=network.id)
    assert seen(folder).lost == [f"trial {network.trial_number} and its row have other values"]


def test_a_step_that_was_not_taken_is_lost(folder: StudyFolder) -> None:
    longer = folder.with_settings(search__steps=3)
    found = checks.verdict(folder.open(), folder.records, longer.config)
    expected = ["the policy has still work to start", "step 3 has 0 screens"]
    assert found.lost == [*expected, "step 3 has grown nothing"]


def test_a_failure_without_a_reason_is_lost(folder: StudyFolder) -> None:
    number = next(
        trial.number for trial in folder.open().trials if trial.state.name == "PRUNED"
    )  # fmt: skip
    change(folder, "UPDATE trials SET state = 'FAIL' WHERE number = :number", number=number)
    assert seen(folder).lost == []
    reasons = "DELETE FROM trial_user_attributes WHERE key = 'reason' AND trial_id = :id"
    change(folder, reasons, id=folder.open().trials[number]._trial_id)
    assert seen(folder).lost == [f"trial {number} failed without a reason"]


@pytest.mark.parametrize("kind", ["screen", "grow"])
def test_what_was_done_twice_is_duplicated(folder: StudyFolder, kind: str) -> None:
    trials = folder.open().trials
    (once, *_) = [trial for trial in trials if is_complete(trial, kind)]
    assert checks.duplicates(trials) == []
    (line,) = checks.duplicates([*trials, once])
    assert line.startswith(f"{kind} of ")
    assert line.endswith(f"trials [{once.number}, {once.number}]")


def is_complete(trial: FrozenTrial, kind: str) -> bool:
    assignment = assignment_of(trial)
    return trial.state.name == "COMPLETE" and assignment is not None and assignment.kind == kind


def test_a_trial_that_nobody_ends_is_left(folder: StudyFolder) -> None:
    number = grown(folder).number
    change(folder, "UPDATE trials SET state = 'RUNNING' WHERE number = :number", number=number)
    found = seen(folder)
    assert found.left == [
        f"trial {number} is RUNNING",
        f"the front has a network of trial {number}, which is not complete",
    ]


def test_a_network_of_a_failed_trial_is_an_orphan_and_not_in_the_front(
    folder: StudyFolder,
) -> None:
    network = last(folder)
    failed = "UPDATE trials SET state = 'FAIL' WHERE number = :number"
    change(folder, failed, number=network.trial_number)
    assert seen(folder).left == []
    found = checks.orphans(folder.open(), folder.records, [folder.directory])
    assert found == [network.artifact_id]


def test_files_that_nothing_refers_to_are_orphans(folder: StudyFolder) -> None:
    for name in ("weights/nobody", "weights/a.1.partial", "b.2.partial"):
        (folder.directory / name).touch()
    found = checks.orphans(folder.open(), folder.records, [folder.directory])
    assert found == ["a.1.partial", "b.2.partial", "nobody"]


def test_reasons_are_counted_without_names(folder: StudyFolder) -> None:
    trials = [grown(folder), grown(folder)]
    for number, trial in enumerate(trials):
        trial.state = type(trial.state).FAIL
        trial.user_attrs["reason"] = f"its worker machine-{number}:{number} ended"
    assert checks.counted_reasons(trials) == {"its worker HOST:N ended": 2}
