"""The configuration of a study that goes on: what it leaves out is as it was recorded.

Whether it may go on with what it does say is checked in searching/recording.py.
"""

from typing import Any

from plantnas.config import StudyConfig
from plantnas.errors import ConfigurationError, StudyError
from plantnas.records.database import Database
from plantnas.records.engine import is_missing
from plantnas.records.optuna_studies import check_study
from plantnas.records.study import StudyRecords, config_of

WHOLE = ("arguments",)
"""The mappings in a configuration that are values, not sections."""


def as_recorded(config: StudyConfig, records: StudyRecords) -> StudyConfig:
    """The configuration of a study that goes on: what it leaves out is as it was recorded.

    So a study file means the same as when its study began, whatever the defaults are by now. What
    does not go with what is recorded is another study's, and left as it is.

    Raises:
        ConfigurationError: The study is of a plantnas whose settings this one does not know.
    """
    if records.find() is None:
        return config
    tree = _merged(records.config.model_dump(), config.model_dump(exclude_unset=True))
    try:
        return config_of(tree, records.name, config.name)
    except ConfigurationError:
        return config


def as_recorded_at(config: StudyConfig, url: str) -> StudyConfig:
    """The same, of a study that may not exist yet; nothing is created.

    Raises:
        StorageError: The database cannot be read.
        ConfigurationError: As for `as_recorded`.
    """
    if "://" not in url:
        return config  # who opens it says what is wrong with it
    try:
        check_study(config.name, url)
        records = StudyRecords(Database.to_read(url, config.name), config.name)
    except StudyError:
        return config
    try:
        return as_recorded(config, records)
    finally:
        records.database.close()


def is_recorded(name: str, url: str) -> bool:
    """Whether a study is recorded in a database, which may not exist; nothing is created.

    Raises:
        StorageError: The database cannot be read.
    """
    if is_missing(url):
        return False
    try:
        database = Database.to_read(url, name)
    except StudyError:
        return False
    try:
        return database.find_study(name) is not None
    finally:
        database.close()


def _merged(tree: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """The tree with what is given in its place; sections are merged key by key."""
    merged = dict(tree)
    for key, value in given.items():
        is_section = isinstance(value, dict) and key not in WHOLE
        merged[key] = _merged(tree[key], value) if is_section else value
    return merged
