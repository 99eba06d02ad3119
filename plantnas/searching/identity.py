"""Which records are an Optuna study's own: those of its name, if they are of the same trials.

How a study without records is recorded is in recording.py.
"""

from collections.abc import Collection

import optuna
from optuna.trial import TrialState
from sqlalchemy import update

from plantnas.errors import StudyError
from plantnas.records.database import Database
from plantnas.records.optuna_private import study_id_of
from plantnas.records.optuna_studies import study_names
from plantnas.records.optuna_tables import NETWORK_KEY, accuracy_key
from plantnas.records.study import StudyRecords
from plantnas.records.tables import StudyRow


def records_of(study: optuna.Study, database: Database, configured_name: str) -> StudyRecords:
    """The records of a study, which may have none yet.

    Args:
        study: Optuna's.
        database: Where both are.
        configured_name: What its configuration is called. Records were once found by that: such
            ones get the study's own name.

    Raises:
        StudyError: The records of that name are of a study that was deleted, or the study was
            copied from another one, whose networks it lacks.
    """
    records = StudyRecords(database, study.study_name)
    trained = records.trials_with_networks()
    if records.find() is None and configured_name != study.study_name:
        before = StudyRecords(database, configured_name)
        if _were_its_own(study, before):
            trained = before.trials_with_networks()
            _check_trials(study, database, trained)
            _rename(before, study.study_name)
    _check_trials(study, database, trained)
    return records


def _were_its_own(study: optuna.Study, before: StudyRecords) -> bool:
    """Whether records of another name are of this study, and of none that has that name."""
    recorded = before.find()
    if recorded is None or recorded.optuna_study_id != study_id_of(study):
        return False
    with before.database.transaction() as connection:
        if before.name in study_names(connection):
            return False
    return _knows_its_teacher(study)


def _rename(records: StudyRecords, name: str) -> None:
    with records.database.transaction() as connection:
        this = StudyRow.name == records.name
        connection.execute(update(StudyRow).where(this).values(name=name))


def _check_trials(study: optuna.Study, database: Database, trained: Collection[int]) -> None:
    """Refuse records that are not of the study's trials, and trials that are not recorded."""
    place = f"study {study.study_name!r}: "
    if trained and not _knows_its_teacher(study):
        raise StudyError(
            f"{place}its records in {database.url} are of a study of that name that was deleted "
            f"({len(trained)} networks of trials). Create it by another name, or in another "
            "database."
        )
    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    lacking = [
        trial.number
        for trial in complete
        if NETWORK_KEY in trial.user_attrs and trial.number not in trained
    ]
    if lacking:
        raise StudyError(
            f"{place}the networks of {len(lacking)} of its trials, such as {lacking[0]}, are not "
            f"recorded in {database.url}: it is a copy of another study. Go on with that one, or "
            "create one without trials."
        )


def _knows_its_teacher(study: optuna.Study) -> bool:
    """Whether its teacher was trained: no trial begins before that is told."""
    return accuracy_key("teacher") in study.user_attrs
