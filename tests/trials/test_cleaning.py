"""What crashes left behind is removed, and nothing that a trial, teacher or seed needs ever is."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import time
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from optuna.artifacts import upload_artifact
from optuna.trial import TrialState
from sqlalchemy import text

from plantnas.records.artifacts import AtomicFileSystemArtifactStore, BucketArtifactStore
from plantnas.records.database import Database
from plantnas.records.optuna_tables import WORKER_KEY
from plantnas.records.study import StudyRecords
from plantnas.records.weights import WEIGHTS_FILE
from plantnas.trials.cleaning import Leftover, clean, summary
from plantnas.trials.owners import this_worker

if TYPE_CHECKING:
    from pathlib import Path

    import optuna

    from tests.conftest import StudyFolder

pytestmark = pytest.mark.filterwarnings("ignore:Heartbeat of storage")

DEAD = f"{this_worker()}0"
"""A process of this machine that began at another time."""
OLD = time.time() - 7200


@pytest.fixture
def folder(finished: StudyFolder, tmp_path: Path) -> StudyFolder:
    return finished.copy(tmp_path / "study")


@pytest.fixture
def study(folder: StudyFolder) -> optuna.Study:
    return folder.open()


def cleaned(folder: StudyFolder, dry_run: bool = False) -> list[Leftover]:
    """What is found by someone who has just opened the study."""
    return list(clean(folder.open(), folder.records, folder.directory, dry_run))


def found(folder: StudyFolder) -> list[tuple[str, str]]:
    """Kind and name of what is removed."""
    return [(each.kind, each.name) for each in cleaned(folder)]


def uploaded(
    folder: StudyFolder, owner: optuna.Study | optuna.Trial, name: str = WEIGHTS_FILE
) -> str:
    """Weights whose worker died before it wrote the row."""
    file = folder.directory / name
    file.write_bytes(b"weights")
    store = folder.records.store
    artifact_id: str = upload_artifact(
        artifact_store=store, file_path=str(file), study_or_trial=owner
    )
    file.unlink()
    return artifact_id


def weights(folder: StudyFolder, artifact_id: str) -> Path:
    return folder.directory / "weights" / artifact_id


def files(folder: StudyFolder) -> set[str]:
    """Without those of SQLite's log, which go with the last connection."""
    names = {path.name for path in folder.directory.rglob("*") if path.is_file()}
    return {name for name in names if not name.endswith(("-shm", "-wal"))}


def old_partial(folder: Path, name: str, age: float) -> Path:
    path = folder / name
    path.write_bytes(b"half")
    os.utime(path, (time.time() - age,) * 2)
    return path


def test_in_a_finished_study_there_is_nothing_to_clean(folder: StudyFolder) -> None:
    before = files(folder)
    assert cleaned(folder) == []
    assert files(folder) == before
    assert summary([], dry_run=False) == "Nothing to clean."


def test_everything_that_results_need_is_there_afterwards(
    folder: StudyFolder, study: optuna.Study
) -> None:
    """However old the files are, and with things to remove beside them."""
    before = [path for path in folder.directory.rglob("*") if path.is_file()]
    for path in before:
        os.utime(path, (OLD, OLD))
    trial = study.ask()
    uploaded(folder, trial)
    study.tell(trial, state=TrialState.FAIL)
    assert len(cleaned(folder)) == 1
    assert all(path.exists() for path in before)
    records = folder.records
    for network in records.networks():
        records.load(network)  # checks its SHA-256


def test_weights_of_an_ended_trial_that_no_row_has_are_removed(
    folder: StudyFolder, study: optuna.Study
) -> None:
    trial = study.ask()
    artifact_id = uploaded(folder, trial)
    study.tell(trial, state=TrialState.FAIL)
    (leftover,) = cleaned(folder)
    assert (leftover.kind, leftover.name, leftover.bytes) == ("weights", artifact_id, 7)
    assert leftover.why == f"of trial {trial.number}, but no network has them"
    assert not weights(folder, artifact_id).exists()
    assert cleaned(folder) == [], "the link is still there, and leads nowhere"


def test_weights_of_a_running_trial_are_left(folder: StudyFolder, study: optuna.Study) -> None:
    trial = study.ask()
    trial.set_user_attr(WORKER_KEY, this_worker())
    artifact_id = uploaded(folder, trial)
    os.utime(weights(folder, artifact_id), (OLD, OLD))
    assert cleaned(folder) == []
    assert weights(folder, artifact_id).exists()
    assert study.trials[trial.number].state == TrialState.RUNNING


def test_what_people_attached_to_a_trial_is_left(folder: StudyFolder, study: optuna.Study) -> None:
    trial = study.ask()
    artifact_id = uploaded(folder, trial, "confusion.png")
    study.tell(trial, state=TrialState.FAIL)
    assert cleaned(folder) == []
    assert weights(folder, artifact_id).exists()


def test_files_that_this_study_does_not_know_are_left(folder: StudyFolder) -> None:
    """They are another study's, which shares the folder: Optuna links before it writes."""
    other = old_partial(folder.directory / "weights", "another", 7200)
    assert cleaned(folder) == []
    assert other.exists()


@pytest.mark.parametrize(("age", "expected"), [(60.0, 0), (7200.0, 1)])
def test_weights_of_the_study_without_a_row_are_removed_after_an_hour(
    folder: StudyFolder, study: optuna.Study, age: float, expected: int
) -> None:
    """A worker that trained a teacher or a baseline may be about to write the row."""
    artifact_id = uploaded(folder, study)
    os.utime(weights(folder, artifact_id), (time.time() - age,) * 2)
    assert len(cleaned(folder)) == expected
    assert weights(folder, artifact_id).exists() != expected


def test_a_dead_workers_trial_is_failed_and_what_it_left_removed(
    folder: StudyFolder, study: optuna.Study
) -> None:
    trial = study.ask()
    trial.set_user_attr(WORKER_KEY, DEAD)
    artifact_id = uploaded(folder, trial)
    expected = [("trial", str(trial.number)), ("weights", artifact_id)]
    listed = cleaned(folder, dry_run=True)
    assert [(each.kind, each.name) for each in listed] == expected
    assert study.trials[trial.number].state == TrialState.RUNNING
    assert weights(folder, artifact_id).exists()
    assert found(folder) == expected
    failed = study.trials[trial.number]
    assert failed.state == TrialState.FAIL
    assert failed.user_attrs["reason"].endswith("ended without a word")
    assert found(folder) == []


@pytest.mark.parametrize(("minutes", "expected"), [(5, []), (20, ["trial"])])
def test_a_trial_elsewhere_is_failed_when_its_worker_has_given_up_any_database(
    folder: StudyFolder, study: optuna.Study, minutes: int, expected: list[str]
) -> None:
    trial = study.ask()
    trial.set_user_attr(WORKER_KEY, "another.machine:1:1")
    study._storage.record_heartbeat(trial._trial_id)  # type: ignore[attr-defined]
    moment = datetime.fromisoformat(now(folder)) - timedelta(minutes=minutes)
    with Database(folder.url).engine.begin() as connection:
        change = text("UPDATE trial_heartbeats SET heartbeat = :moment")
        connection.execute(change, {"moment": str(moment)})
    assert [each.kind for each in cleaned(folder)] == expected


def now(folder: StudyFolder) -> str:
    with Database(folder.url).engine.connect() as connection:
        return str(connection.scalar(text("SELECT CURRENT_TIMESTAMP")))


def test_a_network_whose_trial_failed_is_removed_with_its_weights(folder: StudyFolder) -> None:
    records = folder.records
    last = records.networks()[-1]
    change = text("UPDATE trials SET state = 'FAIL' WHERE number = :number")
    with records.database.engine.begin() as connection:
        connection.execute(change, {"number": last.trial_number})
    assert last.artifact_id is not None
    assert found(folder) == [("network", str(last.id)), ("weights", last.artifact_id)]
    assert not weights(folder, last.artifact_id).exists()
    assert records.network_of_trial(last.trial_number or 0) is None


def test_partial_files_are_removed_when_nobody_can_be_writing_them(folder: StudyFolder) -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    store, gone, alive = folder.directory / "weights", process.pid, os.getpid()
    removed = [
        old_partial(store, f"a.{alive}.partial", 7200),
        old_partial(store, f"b.{gone}.partial", 1200),
        old_partial(folder.directory, f"teacher-logits-train-c.npy.{gone}.partial", 1200),
    ]
    left = [
        old_partial(store, f"d.{alive}.partial", 1200),
        old_partial(store, f"e.{gone}.partial", 10),  # another machine's, perhaps
    ]
    assert {name for _, name in found(folder)} == {str(path) for path in removed}
    assert [path.exists() for path in removed] == [False] * 3
    assert [path.exists() for path in left] == [True] * 2


def test_the_folder_where_logits_were_made_is_removed(folder: StudyFolder) -> None:
    made = folder.directory / "logits-abc"
    made.mkdir()
    old_partial(made, "teacher-logits-train-1.npy", 7200)
    assert found(folder) == [], "its folder is new"
    os.utime(made, (OLD, OLD))
    (leftover,) = cleaned(folder)
    assert (leftover.name, leftover.bytes) == (str(made), 4)
    assert not made.exists()


def test_in_a_bucket_links_alone_are_followed(folder: StudyFolder, tmp_path: Path) -> None:
    study, records = folder.open(), StudyRecords(Database(folder.url, "gs://bucket"), "tiny")
    bucket = BucketArtifactStore("gs://bucket", AtomicFileSystemArtifactStore(tmp_path), "")
    records.store = bucket
    trial, path = study.ask(), tmp_path / WEIGHTS_FILE
    path.write_bytes(b"weights")
    ids = [
        upload_artifact(artifact_store=bucket, file_path=str(path), study_or_trial=owner)
        for owner in (trial, study, study)
    ]
    os.utime(tmp_path / ids[2], (OLD, OLD))
    study.tell(trial, state=TrialState.FAIL)
    bucket.write("another", io.BytesIO(b"of another study"))
    leftovers = [(each.name, each.bytes) for each in clean(study, records, folder.directory)]
    assert sorted(leftovers) == sorted([(ids[0], 7), (ids[2], 7)])
    assert {ids[1], "another"} <= {path.name for path in tmp_path.iterdir()}


def test_the_summary_counts_kinds_and_bytes() -> None:
    found = [
        Leftover("trial", "3", "", None, lambda: True),
        Leftover("weights", "a", "", 1_500_000, lambda: True),
        Leftover("weights", "b", "", 1_000_000, lambda: True),
    ]
    assert summary(found, dry_run=False) == "Removed: trial: 1, weights: 2, 2.5 MB."
    assert summary(found[:1], dry_run=True) == "Would be removed: trial: 1, 0.0 kB."
