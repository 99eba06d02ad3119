"""Records a new study: what it was asked, its images, its artifacts' place. Nothing here trains.

Whoever comes first records it. What is trained before its trials is in preparing.py.
"""

import os
import platform
from collections.abc import Collection
from copy import deepcopy
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cached_property
from importlib.metadata import version
from pathlib import Path

import optuna
import torch

from plantnas.config import MAY_CHANGE, StudyConfig
from plantnas.errors import StudyError
from plantnas.measured import Metric
from plantnas.named_keys import find_names
from plantnas.networks.preprocessing import as_the_teacher_saw
from plantnas.place import folder_beside, images_folder, is_url
from plantnas.records.database import Database
from plantnas.records.latencies import Latencies
from plantnas.records.optuna_private import study_id_of
from plantnas.records.optuna_studies import check_new_study
from plantnas.records.optuna_tables import name_values
from plantnas.records.record import StudyRecord
from plantnas.records.recorded_config import as_recorded, is_recorded
from plantnas.records.study import StudyRecords
from plantnas.searching.identity import records_of
from plantnas.searching.measuring import study_cost
from plantnas.searching.outlines import images_record
from plantnas.searching.pricing import Pricing
from plantnas.searching.rehearsing import rehearsed
from plantnas.training.data import (
    IN_MEMORY,
    Dataset,
    check_fingerprint,
    dataset_of,
)
from plantnas.training.decoding import Storing
from plantnas.training.metrics import metrics_of
from plantnas.trials.storage import check_url, make_folder, open_database, storage_errors
from plantnas.trials.study import open_study

LIBRARIES = ("plantnas", "torch", "optuna")
"""Whose versions are recorded with a study."""


@dataclass(frozen=True)
class JoinedStudy:
    """A study that is recorded, and its images in the memory of a process that takes part in it.

    Attributes:
        study: Optuna's, in an SQL database.
        config: The study's configuration.
        records: What its database has of it.
        dataset: The images that it was recorded with.
        directory: Folder of this machine for the teacher's logits and features.
    """

    study: optuna.Study
    config: StudyConfig
    records: StudyRecords
    dataset: Dataset
    directory: Path

    @cached_property
    def pricing(self) -> Pricing:
        """What its networks cost."""
        config, records = self.config, self.records
        space, images = config.search_space, records.images
        cost = study_cost(config.search, space, images, Latencies(records))
        return Pricing(config.search.cost, cost)


def new_images(config: StudyConfig, url: str, storing: Storing = IN_MEMORY) -> Dataset | None:
    """The images of a study that is not recorded yet, if it can be searched; None of another one.

    Nothing is made for it before that is known.

    Raises:
        StudyError: Optuna has another study of that name there.
        ConfigurationError: The study cannot be searched.
        DataError: The data cannot be read.
        StorageError: The database cannot be opened, or is another application's.
    """
    check_url(url)
    find_names(config)
    check_new_study(config.name, url)
    if is_recorded(config.name, url):
        return None
    return rehearsed(config, storing)


def join_study(
    study: optuna.Study,
    config: StudyConfig,
    directory: Path,
    artifacts: str | None = None,
    already_read: Dataset | None = None,
) -> JoinedStudy:
    """Reads a study's images, and records the study if it is new.

    Args:
        study: Optuna's study, in an SQL database.
        config: The study's configuration.
        directory: Folder of this machine for the teacher's logits and features, and of the
            artifacts of a new study.
        artifacts: Where this machine finds the artifacts, if elsewhere than recorded; a new
            study's are recorded to be there.
        already_read: The images, of `new_images`.

    Raises:
        StudyError: The study exists with another configuration, or its records are not its own.
        ConfigurationError: A name of the configuration stands for nothing here, or a new study
            cannot be searched.
        DataError: The data cannot be read or is not what the study was made with.
        StorageError: The database or the folder cannot be used.
    """
    find_names(config)
    records = records_of(study, open_database(study, artifacts), config.name)
    config = as_recorded(config.model_copy(update={"name": study.study_name}), records)
    check_configuration(records, config)
    if already_read is not None:
        dataset = already_read
    else:
        storing = Storing(images_folder(directory))
        is_new = records.find() is None
        dataset = rehearsed(config, storing) if is_new else dataset_of(config, storing)
    make_folder(directory)
    _add_study(records, study, config, dataset, artifacts or str(directory / "weights"))
    config = as_recorded(config, records)
    check_fingerprint(dataset, records.images.fingerprint, config)
    # Workers that join by its name look there for how many steps it is to take now.
    record_changes(records, config, ("search.steps",))
    return JoinedStudy(study, config, records, dataset, directory)


def make_study(config: StudyConfig, url: str, artifacts: str) -> None:
    """Record a study that workers anywhere can join by its name; one that exists goes on.

    A new study's data is read here, for its hash; teacher and seed are trained by the first worker.

    Args:
        config: The study.
        url: Its database.
        artifacts: Where its artifacts will be: a folder that all workers see, or a URL.

    Raises:
        StudyError: It exists with another configuration.
        DataError: The data cannot be read.
        StorageError: The database or the folder cannot be made.
    """
    with storage_errors(url):
        storing = Storing(images_folder(folder_beside(artifacts, config.name)))
        dataset = new_images(config, url, storing)
        study = open_study(config, url)
        records = records_of(study, Database(url), config.name)
        config = as_recorded(config, records)
        check_configuration(records, config)
        if dataset is not None:
            _add_study(records, study, config, dataset, artifacts)
        record_changes(records, config)


def _add_study(
    records: StudyRecords,
    study: optuna.Study,
    config: StudyConfig,
    dataset: Dataset,
    artifacts: str,
) -> None:
    """Record a study unless it is recorded, with the folder of its artifacts.

    Raises:
        StorageError: The database or the folder cannot be written to.
    """
    if records.find() is not None:
        return
    with records.database.alone(f"records study {config.name!r}"):
        if records.find() is not None:
            return  # by another worker, meanwhile
        place = artifacts if is_url(artifacts) else os.path.realpath(artifacts)
        if not is_url(place):
            make_folder(Path(place))
        images, config = images_record(dataset), as_the_teacher_saw(config)
        metrics = metrics_of(config.search.metric, dataset.task)  # without one named, of the task
        name_values(study, config.search.cost, Metric(metrics.chosen))
        gpus = torch.cuda.device_count()
        records.database.add_study(
            StudyRecord(
                name=config.name,
                optuna_study_id=study_id_of(study),
                configuration=config.model_dump(mode="json") | {"images": asdict(images)},
                configuration_hash=config.hash(),
                artifacts=place,
                versions=versions(),
                hardware={
                    "machine": platform.machine(),
                    "processors": os.cpu_count(),
                    "threads": torch.get_num_threads(),
                    "gpus": [torch.cuda.get_device_name(each) for each in range(gpus)],
                },
                created=datetime.now(UTC),
            )
        )


def check_configuration(records: StudyRecords, config: StudyConfig) -> None:
    """Refuse to go on with a study of that name that was made with another configuration.

    Raises:
        StudyError: Names the keys that differ.
        ConfigurationError: The study is of a plantnas whose settings this one does not know.
    """
    existing = records.find()
    if existing is None or existing.configuration_hash == config.hash():
        return
    recorded = records.config.identity()
    wanted = config.identity()
    differing = [
        f"{key} is {recorded.get(key)!r}, not {wanted.get(key)!r}"
        for key in sorted(recorded.keys() | wanted.keys())
        if recorded.get(key) != wanted.get(key)
    ]
    if not differing:
        return
    raise StudyError(
        f"study {config.name!r} exists in {records.database.url} with another configuration: "
        f"{'; '.join(differing)}. Use that configuration, or another name, --directory or "
        "--storage."
    )


def record_changes(
    records: StudyRecords, config: StudyConfig, keys: Collection[str] = MAY_CHANGE
) -> None:
    """Record what a study that goes on is asked now, for the workers that join by its name.

    Args:
        records: Of the study.
        config: What it is asked.
        keys: Of settings, dotted, that make it no other study.
    """
    recorded, wanted = records.record.configuration, config.model_dump(mode="json")
    changed = deepcopy(recorded)
    for key in keys:
        *parts, setting = key.split(".")
        there, here = changed, wanted
        for part in parts:
            there, here = there[part], here[part]
        there[setting] = here[setting]
    if changed != recorded:
        records.configure(changed)


def versions() -> dict[str, str]:
    """The versions of the libraries that matter, here."""
    return {name: version(name) for name in LIBRARIES}
