"""The chaos run sees what is lost, doubled or left over, and does what it was asked to do."""

from __future__ import annotations

import random
from collections import Counter
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text

from plantnas.config_files import load_study
from plantnas.records.database import Database
from plantnas.trials.assignments import assignment_of
from plantnas.trials.owners import WORKER_KEY

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

    from plantnas.records.record import NetworkRecord
    from tests.conftest import StudyFolder

with pytest.MonkeyPatch.context() as patch:
    patch.syspath_prepend(Path(__file__).parents[2])  # benchmarks are run there, not installed
    chaos: Any = import_module("benchmarks.chaos")
    checks: Any = import_module("benchmarks.chaos_checks")
    cluster: Any = import_module("benchmarks.chaos_cluster")


@pytest.fixture
def folder(finished: StudyFolder, tmp_path: Path) -> StudyFolder:
    return finished.copy(tmp_path / "study")


def seen(folder: StudyFolder) -> Any:
    return checks.verdict(folder.open(), Database(folder.url), folder.config)


def change(folder: StudyFolder, statement: str, **values: object) -> None:
    with Database(folder.url).engine.begin() as connection:
        connection.execute(text(statement), values)


def last(folder: StudyFolder) -> NetworkRecord:
    return Database(folder.url).networks("tiny")[-1]


def grown(folder: StudyFolder) -> FrozenTrial:
    return folder.open().trials[last(folder).trial_number or 0]


def test_of_a_study_that_went_well_nothing_is_wrong(folder: StudyFolder) -> None:
    assert seen(folder) == ([], [], [])
    assert checks.orphans(folder.open(), Database(folder.url), [folder.directory]) == []


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
    found = checks.verdict(folder.open(), Database(folder.url), longer.config)
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
    found = checks.orphans(folder.open(), Database(folder.url), [folder.directory])
    assert found == [network.artifact_id]


def test_files_that_nothing_refers_to_are_orphans(folder: StudyFolder) -> None:
    for name in ("weights/nobody", "weights/a.1.partial", "b.2.partial"):
        (folder.directory / name).touch()
    found = checks.orphans(folder.open(), Database(folder.url), [folder.directory])
    assert found == ["a.1.partial", "b.2.partial", "nobody"]


def test_the_schedule_has_the_faults_that_were_asked_for() -> None:
    faults = Counter(chaos.schedule(50, 3, random.Random(0)))
    often = {"kill": 30, "kill soon": 10, "kill late": 10}
    assert faults == often | {"restart": 3, "full disk": 1, "clock back": 1, "clock forward": 1}
    assert chaos.schedule(50, 3, random.Random(0)) == chaos.schedule(50, 3, random.Random(0))


def test_the_study_has_trials_for_all_faults(tmp_path: Path) -> None:
    search = load_study(str(chaos.study_file(tmp_path, kills=50, restarts=3))).search
    assert search.steps * search.trials_per_step >= 2 * (50 + 3 + 3)


def test_reasons_are_counted_without_names(folder: StudyFolder) -> None:
    trials = [grown(folder), grown(folder)]
    for number, trial in enumerate(trials):
        trial.state = type(trial.state).FAIL
        trial.user_attrs["reason"] = f"its worker machine-{number}:{number} ended"
    assert checks.counted_reasons(trials) == {"its worker HOST:N ended": 2}


def test_a_worker_is_found_by_its_trial(folder: StudyFolder) -> None:
    trial = grown(folder)
    trial.user_attrs[WORKER_KEY] = "here:123:456"
    assert cluster.process_of(trial) == 123
    del trial.user_attrs[WORKER_KEY]
    assert cluster.process_of(trial) == 0


def test_a_large_disk_is_not_filled(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"is no folder of a disk of less than"):
        cluster.small_disk(tmp_path / "missing", tmp_path).__enter__()
