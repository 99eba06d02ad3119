"""A worker joins a study from anywhere with what its database and its artifacts hold, or says why
it cannot.
"""

from __future__ import annotations

import multiprocessing
import shutil
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import optuna
import pytest
from optuna.trial import TrialState

from plantnas.errors import ConfigurationError, DataError, StudyError
from plantnas.place import Place
from plantnas.records.database import Database
from plantnas.records.optuna_tables import WORKER_KEY
from plantnas.records.study import StudyRecords, load_network
from plantnas.report.front import validation_accuracy
from plantnas.searching.objective import PlantingObjective
from plantnas.searching.recording import LIBRARIES, make_study
from plantnas.trials.storage import open_storage
from plantnas.trials.study import existing_study
from plantnas.workers.limits import Limits
from plantnas.workers.worker import optimize_until_complete, run_worker

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import StudyFolder


@pytest.fixture
def folder(finished: StudyFolder, tmp_path: Path) -> StudyFolder:
    """A finished study that may be changed: to join it is to find nothing to do."""
    return finished.copy(tmp_path / "study")


def join(folder: StudyFolder, tmp_path: Path, **arguments: str) -> list[str]:
    """What a worker on another machine is told."""
    said: list[str] = []
    run_worker(Place("tiny", folder.url, tmp_path / "here"), say=said.append, **arguments)
    return said


def set_study(folder: StudyFolder, change: str) -> None:
    """What another machine or version of plantnas would have recorded."""
    with Database(folder.url).engine.begin() as connection:
        connection.exec_driver_sql(f"UPDATE plantnas_studies SET {change}")


# A whole study


def work(name: str, url: str, directory: Path) -> None:
    directory.mkdir()
    with (directory / "said").open("a", buffering=1) as log:
        run_worker(Place(name, url, directory), say=lambda message: print(message, file=log))


@pytest.fixture(scope="module")
def shared(
    tiny: StudyFolder, new_postgres: Callable[[], str], tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, list[Path]]:
    """The URL of a study that two workers of different machines ran, and their folders."""
    url, folder = new_postgres(), tmp_path_factory.mktemp("shared")
    less = tiny.with_settings(teacher__epochs=2, seed__epochs=2, planting__epochs=2)
    make_study(less.config, url, str(folder / "artifacts"))
    context = multiprocessing.get_context("fork")
    directories = [folder / "one", folder / "two"]
    processes = [context.Process(target=work, args=("tiny", url, each)) for each in directories]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0]
    return url, directories


@pytest.mark.slow
def test_two_machines_run_a_whole_study(shared: tuple[str, list[Path]]) -> None:
    url, _ = shared
    study = existing_study("tiny", url)
    workers = Counter(trial.user_attrs[WORKER_KEY] for trial in study.get_trials())
    assert len(workers) == 2
    networks = {
        network.trial_number: network for network in StudyRecords(Database(url), "tiny").networks()
    }
    complete = study.get_trials(states=(TrialState.COMPLETE,))
    assert {trial.user_attrs["step"] for trial in complete} == {1, 2}
    for trial in complete:
        network = networks[trial.number]
        assert trial.values == [validation_accuracy(network), network.parameters]


@pytest.mark.slow
def test_teacher_seed_and_logits_are_made_once_by_two_machines(
    shared: tuple[str, list[Path]],
) -> None:
    _, directories = shared
    said = Counter("".join((each / "said").read_text() for each in directories).splitlines())
    for once in ("training the teacher for 2 epochs", "training the seed for 2 epochs"):
        assert said[once] == 1
    for split in ("train", "validation"):
        assert said[f"computing the teacher's logits on the {split} images"] == 1
        one, two = (next(each.glob(f"teacher-logits-{split}-*.npy")) for each in directories)
        assert one.read_bytes() == two.read_bytes()


@pytest.mark.slow
def test_the_weights_are_in_the_artifacts_and_nowhere_else(
    shared: tuple[str, list[Path]],
) -> None:
    url, directories = shared
    for network in StudyRecords(Database(url), "tiny").networks():
        load_network(url, "tiny", network.id or 0)  # checks its SHA-256
    assert not any((each / "weights").exists() for each in directories)


@pytest.mark.slow
def test_a_study_that_is_complete_leaves_no_features(shared: tuple[str, list[Path]]) -> None:
    assert not any((each / "features").exists() for each in shared[1])


def test_who_runs_trials_says_whether_anything_is_left(
    finished: StudyFolder, prepared: StudyFolder
) -> None:
    now = Limits(deadline=0.0)
    for folder, is_complete in ((finished, True), (prepared, False)):
        objective = PlantingObjective(folder.config, folder.directory)
        assert optimize_until_complete(folder.open(), objective, limits=now) is is_complete


# Joining


def test_a_study_is_not_created(tmp_path: Path, new_postgres: Callable[[], str]) -> None:
    with pytest.raises(StudyError, match=r"there is no database .*study.db; run the study first"):
        run_worker(Place("tiny", f"sqlite:///{tmp_path}/study.db", tmp_path / "here"))
    url = new_postgres()
    with pytest.raises(StudyError, match="study 'tiny': is not in postgresql"):
        run_worker(Place("tiny", url, tmp_path / "here"))
    assert optuna.get_all_study_names(open_storage(url)) == []
    assert list(tmp_path.iterdir()) == []


def test_a_study_that_is_not_recorded_is_refused(tiny: StudyFolder, tmp_path: Path) -> None:
    replace(tiny, directory=tmp_path).open()
    with pytest.raises(StudyError, match=r"has no study 'tiny'\. It has none yet"):
        run_worker(Place("tiny", f"sqlite:///{tmp_path}/study.db", tmp_path / "here"))


def test_a_study_of_this_plantnas_is_joined_in_silence(folder: StudyFolder, tmp_path: Path) -> None:
    fetched = [
        f"fetching the teacher's logits on the {split} images" for split in ("train", "validation")
    ]
    assert join(folder, tmp_path) == fetched


@pytest.mark.parametrize("library", ["torch", "optuna"])
def test_other_versions_are_told_of(folder: StudyFolder, tmp_path: Path, library: str) -> None:
    set_study(folder, f"versions = json_set(versions, '$.{library}', '0.9')")
    said = join(folder, tmp_path)[0]
    assert said.startswith(f"study 'tiny' was made with {library} 0.9, here is ")


def test_a_version_that_was_not_recorded_is_told_of(folder: StudyFolder, tmp_path: Path) -> None:
    set_study(folder, "versions = json_remove(versions, '$.torch')")
    assert "was made with torch an unknown version" in join(folder, tmp_path)[0]


def test_another_major_version_of_plantnas_is_refused(folder: StudyFolder, tmp_path: Path) -> None:
    set_study(folder, "versions = json_set(versions, '$.plantnas', '17.1')")
    with pytest.raises(StudyError, match=r"plantnas 17\.1, here is .*: install plantnas 17\.$"):
        join(folder, tmp_path)
    assert "plantnas" in LIBRARIES


def test_a_configuration_that_is_not_known_is_refused(folder: StudyFolder, tmp_path: Path) -> None:
    set_study(folder, "configuration = json_set(configuration, '$.planting.new', 1)")
    with pytest.raises(ConfigurationError, match=r"study 'tiny': planting\.new: unknown key"):
        join(folder, tmp_path)


def test_data_that_is_not_the_studys_is_refused(folder: StudyFolder, tmp_path: Path) -> None:
    set_study(folder, "configuration = json_set(configuration, '$.images.fingerprint', 'feed')")
    with pytest.raises(DataError, match="not the data that study 'tiny' was made with"):
        join(folder, tmp_path)


def test_the_data_is_read_where_this_machine_has_it(folder: StudyFolder, tmp_path: Path) -> None:
    set_study(folder, "configuration = json_set(configuration, '$.data.name', 'fashion-mnist')")
    with pytest.raises(DataError, match=str(tmp_path / "images")):
        join(folder, tmp_path, data_root=str(tmp_path / "images"))


def test_a_folder_of_another_machine_is_named_with_the_option(
    folder: StudyFolder, tmp_path: Path
) -> None:
    set_study(folder, "artifacts = '/mnt/elsewhere'")
    expected = r"artifacts are in /mnt/elsewhere, which this machine does not have: .* --artifacts"
    with pytest.raises(StudyError, match=expected):
        join(folder, tmp_path)
    assert not (tmp_path / "here").exists()


def test_artifacts_may_be_elsewhere_here(folder: StudyFolder, tmp_path: Path) -> None:
    set_study(folder, "artifacts = '/mnt/elsewhere'")
    shutil.move(folder.directory / "weights", tmp_path / "mounted")
    join(folder, tmp_path, artifacts=str(tmp_path / "mounted"))
    assert len(list((tmp_path / "here").glob("teacher-logits-*.npy"))) == 2
    assert folder.records.record.artifacts == "/mnt/elsewhere"
