"""Joins a study from any machine, with what its database and its artifacts hold, and runs trials.

What a worker does between trials is in loop.py, how it is started in the launchers.
"""

import shutil
from pathlib import Path

import optuna

from plantnas.config import StudyConfig
from plantnas.config_files import with_overrides
from plantnas.errors import Say, StudyError
from plantnas.place import Place
from plantnas.records.artifacts import is_url
from plantnas.records.database import Database
from plantnas.records.record import StudyRecord
from plantnas.records.study import StudyRecords
from plantnas.search.objective import PlantingObjective
from plantnas.search.prepared import features_folder
from plantnas.search.preparing import check_device
from plantnas.search.recording import versions
from plantnas.trials.storage import make_folder, storage_errors
from plantnas.trials.study import existing_study, is_complete, open_study
from plantnas.workers.loop import optimize_until_complete


def run_worker(
    place: Place,
    artifacts: str | None = None,
    device: str = "cpu",
    data_root: str | None = None,
    say: Say = lambda message: None,
) -> optuna.Study:
    """Runs trials of a study that exists until it is complete, beside any number of other workers.

    If teacher and seed are not trained yet, this worker trains them, or waits for one that does.

    Args:
        place: Where the study is; its directory is a folder of this machine, for the teacher's
            logits and features of networks.
        artifacts: Where this machine finds the artifacts, if elsewhere than recorded: a folder, or
            a URL such as s3://bucket/prefix.
        device: Where networks are trained.
        data_root: Folder of the data here, if it is another one than recorded.
        say: Is told what is prepared, and what differs from where the study was made.

    Raises:
        StudyError: There is no such study, or it is of another plantnas or a machine with folders
            that this one does not see.
        ConfigurationError: The study has settings that this plantnas does not know.
        DataError: The data here is not the study's.
        StorageError: The database or the artifacts cannot be used.
        PlantnasError: What the worker could not do, three times in a row.
        SystemExit: The process was asked to end by SIGTERM: exit code 143.
    """
    check_device(device)
    with storage_errors(place.url):
        config = _checked_config(place, artifacts, data_root, say)
        make_folder(place.directory)
        study = open_study(config, place.url)
        objective = PlantingObjective(config, place.directory, device, artifacts)
        objective.prepared(study, say)
        optimize_until_complete(study, objective, config)
        if is_complete(study, config.search):  # no trial needs it any more
            shutil.rmtree(features_folder(place.directory), ignore_errors=True)
    return study


def _checked_config(
    place: Place, artifacts: str | None, data_root: str | None, say: Say
) -> StudyConfig:
    """What a study was made with, if this machine can take part in it."""
    existing_study(place.name, place.url)
    records = StudyRecords(Database(place.url, artifacts), place.name)
    _check_versions(records.record, say)
    _check_artifacts(records)
    config = with_overrides(records.config, {"data.root": data_root})
    records.database.close()  # connections are few, and workers are many
    return config


def _check_versions(study: StudyRecord, say: Say) -> None:
    """Tell what differs from where the study was made, and refuse another major version.

    Raises:
        StudyError: The major version of plantnas is another one.
    """
    for library, here in versions().items():
        recorded = study.versions.get(library, "an unknown version")
        if recorded == here:
            continue
        difference = f"study {study.name!r} was made with {library} {recorded}, here is {here}"
        if library == "plantnas" and _major(recorded) != _major(here):
            raise StudyError(f"{difference}: install plantnas {_major(recorded)}.")
        say(f"{difference}.")


def _major(version: str) -> str:
    return version.partition(".")[0]


def _check_artifacts(records: StudyRecords) -> None:
    """Refuse a folder that this machine does not have.

    Raises:
        StudyError: Says how to name another.
    """
    where = records.artifacts_place
    if not is_url(where) and not Path(where).is_dir():
        raise StudyError(
            f"study {records.name!r}: its artifacts are in {where}, which this machine does not "
            "have: say where they are by --artifacts."
        )
